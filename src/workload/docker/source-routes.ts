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
import { listLinks, listRoutes } from "../../kernel/kernel-lists.ts";
import { addRoute, addRule } from "../../kernel/kernel-requests.ts";
import { SystemCallError } from "../../kernel/native/libc.ts";
import { inNetworkNamespace } from "../../kernel/native/network-namespace.ts";
import { SCOPE, TABLE } from "../../kernel/netlink/netlink-constants.ts";
import { NetlinkSocket } from "../../kernel/netlink/netlink-socket.ts";
import type { RouteLegMessage } from "../../kernel/netlink/route-codec.ts";
import { RULE_ACTION_TABLE } from "../../kernel/netlink/rule-codec.ts";
import { gatewaysFor, IPV4_GATEWAY } from "../workload-gateways.ts";

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
      const version = ipVersion(gateway);
      const leg = {
        interfaceIndex: link.index,
        weight: 1,
        onLink: true,
        dead: false,
        linkDown: false,
      };
      add(socket, { version, table, leg: { ...leg, gateway } });
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

function add(
  socket: NetlinkSocket,
  route: { readonly version: 4 | 6; readonly table: number; readonly leg: RouteLegMessage },
): void {
  addRoute(socket, {
    prefix: Prefix(route.version === 4 ? "0.0.0.0/0" : "::/0"),
    table: route.table,
    metric: 0,
    tos: 0,
    protocol: PROTOCOL_BOOT,
    scope: SCOPE.universe,
    kind: "unicast",
    legs: [route.leg],
    cloned: false,
  });
}
