/*
 * A container in several networks has one default route, and the host lets through each interface only what comes from that
 * interface's own address. So what a container sends from the address of a further network must leave by that network's
 * interface: inside the container a rule for the source address leads to a table with a default route of its own.
 * Docker's driver API cannot say that, so it is done here as soon as docker has moved the interface.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type IpAddress, ipVersion } from "../../../protocol/types/ip-address.ts";
import { hostPrefix, Prefix } from "../../../protocol/types/prefix.ts";
import { listLinks, listRoutes, listRules } from "../../kernel/kernel-lists.ts";
import { addRoute, addRule } from "../../kernel/kernel-requests.ts";
import { SystemCallError } from "../../kernel/native/libc.ts";
import { inNetworkNamespace } from "../../kernel/native/network-namespace.ts";
import type { LinkMessage } from "../../kernel/netlink/link-codec.ts";
import { SCOPE, TABLE } from "../../kernel/netlink/netlink-constants.ts";
import { NetlinkSocket } from "../../kernel/netlink/netlink-socket.ts";
import type { RouteLegMessage } from "../../kernel/netlink/route-codec.ts";
import { RULE_ACTION_TABLE } from "../../kernel/netlink/rule-codec.ts";
import { gatewaysFor, IPV4_GATEWAY, IPV6_GATEWAY } from "../workload-gateways.ts";

/** The container's end of a further network. */
export type FurtherInterface = {
  /** Docker's file for the container's network namespace. */
  readonly sandbox: string;
  /** Tells the interface from the others, whatever docker called it. */
  readonly mac: string;
  readonly addresses: readonly IpAddress[];
};

/** Docker moves an interface within a moment of our answer; a container that is not there by then will not come. */
const DEADLINE_MILLISECONDS = 10_000;
const LOOK_MILLISECONDS = 20;
/** Tables and rules are numbered from here on by interface index: a container has none of its own so far up. */
const FIRST_TABLE = 20_000;
/** RTPROT_BOOT: as if the container's own start had set them. */
const PROTOCOL_BOOT = 3;

/** Waits until docker has moved the interface, and makes its answers leave by it. Resolves to whether it came to that. */
export async function routeBySource(further: FurtherInterface): Promise<boolean> {
  const late = performance.now() + DEADLINE_MILLISECONDS;
  while (performance.now() < late) {
    if (tryToRoute(further)) return true;
    await sleep(LOOK_MILLISECONDS);
  }
  return false;
}

/**
 * Waits until docker has taken the interface away; if the container goes on, and has no default route any more, it gets
 * that of another interface of ours. Resolves to whether it came to that.
 */
export async function moveDefaultRoute(gone: {
  readonly sandbox: string;
  readonly mac: string;
}): Promise<boolean> {
  const late = performance.now() + DEADLINE_MILLISECONDS;
  while (performance.now() < late) {
    if (tryToMove(gone)) return true;
    await sleep(LOOK_MILLISECONDS);
  }
  return false;
}

/** Whether a container has an interface of ours already, whoever connected it: its route to our gateway can exist once. */
export function hasGatewayRoute(sandbox: string): boolean {
  const socket = socketIn(sandbox);
  if (socket === undefined) return false;
  try {
    const toGateway = hostPrefix(IPV4_GATEWAY);
    return listRoutes(socket, { version: 4, table: TABLE.main }).some(
      ({ prefix }) => prefix === toGateway,
    );
  } finally {
    socket.close();
  }
}

function tryToRoute({ sandbox, mac, addresses }: FurtherInterface): boolean {
  const socket = socketIn(sandbox);
  if (socket === undefined) return false;
  try {
    const link = listLinks(socket).find(({ macAddress, up }) => up && macAddress === mac);
    if (link === undefined) return false;
    const table = FIRST_TABLE + link.index;
    for (const gateway of gatewaysFor(addresses)) {
      const prefix = Prefix(ipVersion(gateway) === 4 ? "0.0.0.0/0" : "::/0");
      const leg = { ...ON_LINK_LEG, interfaceIndex: link.index, gateway };
      add(socket, { prefix, table, leg });
    }
    for (const address of addresses) {
      addRule(socket, {
        version: ipVersion(address),
        priority: table,
        table,
        action: RULE_ACTION_TABLE,
        source: hostPrefix(address),
        protocol: PROTOCOL_BOOT,
        inverted: false,
      });
    }
    return true;
  } finally {
    socket.close();
  }
}

function tryToMove({ sandbox, mac }: { readonly sandbox: string; readonly mac: string }): boolean {
  const socket = socketIn(sandbox);
  // The container has ended.
  if (socket === undefined) return true;
  try {
    const links = listLinks(socket);
    if (links.some(({ macAddress }) => macAddress === mac)) return false;
    for (const version of [4, 6] as const) moveDefaultRouteOf(version, { socket, links });
    return true;
  } finally {
    socket.close();
  }
}

/** Each further interface has a default route in a table of its own, which is numbered after it. */
function moveDefaultRouteOf(
  version: 4 | 6,
  { socket, links }: { readonly socket: NetlinkSocket; readonly links: readonly LinkMessage[] },
): void {
  const all = Prefix(version === 4 ? "0.0.0.0/0" : "::/0");
  const routes = listRoutes(socket, { version, table: TABLE.main });
  if (routes.some(({ prefix }) => prefix === all)) return;
  const tables = new Set(listRules(socket, version).map(({ table }) => table));
  const link = links.find(({ index, up }) => up && tables.has(FIRST_TABLE + index));
  if (link === undefined) return;
  const leg = { ...ON_LINK_LEG, interfaceIndex: link.index };
  const [gateway, table] = [version === 4 ? IPV4_GATEWAY : IPV6_GATEWAY, TABLE.main];
  // A later network sees by this route that it is not the first one.
  if (version === 4)
    add(socket, { prefix: hostPrefix(gateway), table, leg: { ...leg, onLink: false } });
  add(socket, { prefix: all, table, leg: { ...leg, gateway } });
}

/** The socket stays in the container's namespace; this thread is back in its own at once. */
function socketIn(sandbox: string): NetlinkSocket | undefined {
  // Docker names the file before it makes it, and makes it before the namespace stands behind it.
  if (!existsSync(sandbox)) return undefined;
  try {
    return inNetworkNamespace(sandbox, () => new NetlinkSocket());
  } catch (error) {
    if (error instanceof SystemCallError && error.syscall.startsWith("setns")) return undefined;
    throw error;
  }
}

/** The gateway is on no subnet of the container's. */
const ON_LINK_LEG = { weight: 1, onLink: true, dead: false, linkDown: false } as const;

function add(
  socket: NetlinkSocket,
  route: { readonly prefix: Prefix; readonly table: number; readonly leg: RouteLegMessage },
): void {
  addRoute(socket, {
    ...route,
    metric: 0,
    tos: 0,
    protocol: PROTOCOL_BOOT,
    scope: route.leg.gateway === undefined ? SCOPE.link : SCOPE.universe,
    kind: "unicast",
    legs: [route.leg],
    cloned: false,
  });
}
