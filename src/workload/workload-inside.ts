/*
 * The workload's end of a pair, inside its namespace. It is set up over a netlink socket that was opened there: a socket
 * belongs for ever to the namespace in which it was made, so the thread is elsewhere only while it opens one, and while it
 * writes a sysctl (docs/adr).
 */
import { closeSync, openSync, statSync, writeFileSync } from "node:fs";
import { ipVersion } from "../../protocol/types/ip-address.ts";
import { hostPrefix, Prefix } from "../../protocol/types/prefix.ts";
import { findLink, listAddresses, listRoutes } from "../kernel/kernel-lists.ts";
import { addAddress, addRoute, changeLink } from "../kernel/kernel-requests.ts";
import { SystemCallError } from "../kernel/native/libc.ts";
import { inNetworkNamespace } from "../kernel/native/network-namespace.ts";
import { ADDRESS_FLAG, SCOPE, TABLE } from "../kernel/netlink/netlink-constants.ts";
import { NetlinkError } from "../kernel/netlink/netlink-error.ts";
import { NetlinkSocket } from "../kernel/netlink/netlink-socket.ts";
import type { RouteLegMessage } from "../kernel/netlink/route-codec.ts";
import { factsOf, refuse, wrongMtu } from "./link-answers.ts";
import type { InsideOfWorkload, LinkFacts } from "./link-requests.ts";
import { IPV4_GATEWAY, IPV6_GATEWAY } from "./workload-gateways.ts";

/** RTPROT_BOOT: as if the container's own start had set them. */
const PROTOCOL_BOOT = 3;

/** Runs a section with a netlink socket of the workload's namespace, and a descriptor of the namespace itself. */
export function insideOf<Result>(
  { netns }: InsideOfWorkload,
  section: (there: { readonly socket: NetlinkSocket; readonly fd: number }) => Result,
): Result {
  let fd: number;
  try {
    fd = openSync(netns, "r");
  } catch (error) {
    return refuse(
      "noNamespace",
      `there is no network namespace ${netns}: ${(error as Error).message}`,
    );
  }
  try {
    refuseOwnNamespace(netns);
    const socket = openSocketIn(netns);
    try {
      return section({ socket, fd });
    } finally {
      socket.close();
    }
  } finally {
    closeSync(fd);
  }
}

function openSocketIn(netns: string): NetlinkSocket {
  try {
    return inNetworkNamespace(netns, () => new NetlinkSocket());
  } catch (error) {
    if (!(error instanceof SystemCallError && error.syscall.startsWith("setns"))) throw error;
    return refuse("noNamespace", `${netns} is no network namespace: ${error.message}`);
  }
}

function refuseOwnNamespace(netns: string): void {
  const own = statSync("/proc/thread-self/ns/net");
  const there = statSync(netns);
  if (own.ino === there.ino && own.dev === there.dev) {
    refuse("invalid", `${netns} is the host's own network namespace`);
  }
}

/** Addresses, gateways and everything else that the workload's end needs; answers what it became. */
export function setUpInside(socket: NetlinkSocket, inside: InsideOfWorkload): LinkFacts {
  const { interfaceName, addresses } = inside;
  const link = findLink(socket, interfaceName);
  const loopback = findLink(socket, "lo");
  if (link === undefined) throw new Error(`${interfaceName} vanished while it was set up`);
  const versions = ([4, 6] as const).filter((version) =>
    addresses.some((address) => ipVersion(address) === version),
  );
  setParameters(inside, versions);
  if (loopback !== undefined && !loopback.up) changeLink(socket, loopback.index, { up: true });
  changeLink(socket, link.index, { up: true });
  for (const address of addresses) {
    addAddress(socket, {
      interfaceIndex: link.index,
      address,
      prefixLength: ipVersion(address) === 4 ? 32 : 128,
      scope: SCOPE.universe,
      // Nobody else is on the link: the address is usable at once. RFC 4862 §5.4.
      flags: ipVersion(address) === 4 ? 0 : ADDRESS_FLAG.noDad,
      protocol: 0,
    });
  }
  for (const version of versions) addDefaultRoute(socket, { version, interfaceIndex: link.index });
  return factsOf(link, interfaceName);
}

/** Runtimes switch IPv6 off in the namespaces that they make; a router is nothing that the workload should look for. */
function setParameters(
  { netns, interfaceName }: InsideOfWorkload,
  versions: readonly (4 | 6)[],
): void {
  if (!versions.includes(6)) return;
  inNetworkNamespace(netns, () => {
    for (const [name, value] of [
      ["lo/disable_ipv6", "0"],
      [`${interfaceName}/disable_ipv6`, "0"],
      [`${interfaceName}/accept_ra`, "0"],
      [`${interfaceName}/accept_dad`, "0"],
    ] as const) {
      try {
        // A synchronous write by this very thread: /proc/sys/net shows the namespace of whoever opens it.
        writeFileSync(`/proc/sys/net/ipv6/conf/${name}`, value);
      } catch (error) {
        // A kernel without IPv6 refuses the address with a clearer word.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  });
}

/** A namespace that has a default route, from another network, keeps it. */
function addDefaultRoute(
  socket: NetlinkSocket,
  { version, interfaceIndex }: { readonly version: 4 | 6; readonly interfaceIndex: number },
): void {
  const gateway = version === 4 ? IPV4_GATEWAY : IPV6_GATEWAY;
  const leg = { interfaceIndex, weight: 1, onLink: false, dead: false, linkDown: false };
  // IPv6 needs no route to a link-local gateway.
  if (version === 4) addRouteOnce(socket, hostPrefix(gateway), { leg, scope: SCOPE.link });
  const all = version === 4 ? Prefix("0.0.0.0/0") : Prefix("::/0");
  addRouteOnce(socket, all, { leg: { ...leg, gateway }, scope: SCOPE.universe });
}

function addRouteOnce(
  socket: NetlinkSocket,
  prefix: Prefix,
  { leg, scope }: { readonly leg: RouteLegMessage; readonly scope: number },
): void {
  try {
    addRoute(socket, {
      prefix,
      table: TABLE.main,
      metric: 0,
      tos: 0,
      protocol: PROTOCOL_BOOT,
      scope,
      kind: "unicast",
      legs: [leg],
      cloned: false,
    });
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === "EEXIST")) throw error;
  }
}

/** What is wrong inside, in words. */
export function checkInside(
  socket: NetlinkSocket,
  inside: InsideOfWorkload,
  mtu: number | undefined,
): string[] {
  const { interfaceName, netns } = inside;
  const link = findLink(socket, interfaceName);
  if (link === undefined) return [`there is no interface ${interfaceName} in ${netns}`];
  const problems: string[] = [];
  if (!link.up) problems.push(`${interfaceName} in ${netns} is down`);
  if (mtu !== undefined && link.mtu !== mtu) problems.push(wrongMtu(link, mtu));
  const present = new Set(
    listAddresses(socket)
      .filter(({ interfaceIndex }) => interfaceIndex === link.index)
      .map(({ address }) => address),
  );
  for (const address of inside.addresses) {
    if (!present.has(address)) problems.push(`${interfaceName} in ${netns} lacks ${address}`);
  }
  for (const version of [4, 6] as const) {
    if (!inside.addresses.some((address) => ipVersion(address) === version)) continue;
    const all = version === 4 ? Prefix("0.0.0.0/0") : Prefix("::/0");
    if (!listRoutes(socket, { version, table: TABLE.main }).some(({ prefix }) => prefix === all)) {
      problems.push(`${netns} has no IPv${version} default route`);
    }
  }
  return problems;
}
