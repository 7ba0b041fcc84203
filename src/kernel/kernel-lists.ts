import type { AddressMessage } from "./netlink/address-codec.ts";
import { writeAddressDump } from "./netlink/address-codec.ts";
import { type ForwardingEntry, writeForwardingDump } from "./netlink/forwarding-codec.ts";
import { type LinkMessage, writeLinkDump, writeLinkName } from "./netlink/link-codec.ts";
import { type NeighborMessage, writeNeighborDump } from "./netlink/neighbor-codec.ts";
import { MESSAGE } from "./netlink/netlink-constants.ts";
import { NetlinkError } from "./netlink/netlink-error.ts";
import type { NetlinkSocket } from "./netlink/netlink-socket.ts";
import { type NexthopMessage, writeNexthopDump } from "./netlink/nexthop-codec.ts";
import { type RouteDumpFilter, type RouteMessage, writeRouteDump } from "./netlink/route-codec.ts";
import { type RuleMessage, writeRuleDump } from "./netlink/rule-codec.ts";

/** All routes that match, as values; the route driver has a faster way for its own. */
export function listRoutes(socket: NetlinkSocket, filter: RouteDumpFilter): RouteMessage[] {
  return socket
    .list("dump of routes", {
      type: MESSAGE.getRoute,
      write: (writer) => writeRouteDump(writer, filter),
    })
    .flatMap((object) => (object.type === "route" && !object.route.cloned ? [object.route] : []));
}

export function listLinks(socket: NetlinkSocket): LinkMessage[] {
  return socket
    .list("dump of links", { type: MESSAGE.getLink, write: writeLinkDump })
    .flatMap((object) => (object.type === "link" ? [object.link] : []));
}

/** One link by its name; undefined when there is none. */
export function findLink(socket: NetlinkSocket, name: string): LinkMessage | undefined {
  const { object, fault } = socket.get({
    type: MESSAGE.getLink,
    write: (writer) => writeLinkName(writer, name),
  });
  if (fault !== undefined && fault.code !== "ENODEV")
    throw new NetlinkError(`look for link ${name}`, fault);
  return object?.type === "link" ? object.link : undefined;
}

/** Addresses of one IP version, or of both. */
export function listAddresses(socket: NetlinkSocket, version?: 4 | 6): AddressMessage[] {
  return socket
    .list("dump of addresses", {
      type: MESSAGE.getAddress,
      write: (writer) => writeAddressDump(writer, version),
    })
    .flatMap((object) => (object.type === "address" ? [object.address] : []));
}

export function listNeighbors(socket: NetlinkSocket, version: 4 | 6): NeighborMessage[] {
  return socket
    .list("dump of neighbors", {
      type: MESSAGE.getNeighbor,
      write: (writer) => writeNeighborDump(writer, version),
    })
    .flatMap((object) => (object.type === "neighbor" ? [object.neighbor] : []));
}

/** The forwarding entries of all VXLAN devices. */
export function listForwardingEntries(socket: NetlinkSocket): ForwardingEntry[] {
  return socket
    .list("dump of forwarding entries", { type: MESSAGE.getNeighbor, write: writeForwardingDump })
    .flatMap((object) => (object.type === "forwarding" ? [object.entry] : []));
}

export function listRules(socket: NetlinkSocket, version: 4 | 6): RuleMessage[] {
  return socket
    .list("dump of rules", {
      type: MESSAGE.getRule,
      write: (writer) => writeRuleDump(writer, version),
    })
    .flatMap((object) => (object.type === "rule" ? [object.rule] : []));
}

export function listNexthops(socket: NetlinkSocket): NexthopMessage[] {
  return socket
    .list("dump of nexthops", { type: MESSAGE.getNexthop, write: writeNexthopDump })
    .flatMap((object) => (object.type === "nexthop" ? [object.nexthop] : []));
}
