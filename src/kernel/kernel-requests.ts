import { type AddressMessage, writeAddress } from "./netlink/address-codec.ts";
import { type ForwardingEntry, writeForwardingEntry } from "./netlink/forwarding-codec.ts";
import {
  type LinkChange,
  type NewLink,
  writeLinkChange,
  writeLinkIndex,
  writeNewLink,
} from "./netlink/link-codec.ts";
import { type NeighborMessage, writeNeighbor } from "./netlink/neighbor-codec.ts";
import { FLAG, MESSAGE } from "./netlink/netlink-constants.ts";
import type { NetlinkSocket } from "./netlink/netlink-socket.ts";
import { type RouteMessage, writeRoute } from "./netlink/route-codec.ts";
import { type RuleMessage, writeRule } from "./netlink/rule-codec.ts";

/** Creates a link; with `peer`, a veth pair. Throws NetlinkError (EEXIST) when the name is taken. */
export function createLink(socket: NetlinkSocket, link: NewLink): void {
  socket.request(`create link ${link.name}`, {
    type: MESSAGE.newLink,
    flags: FLAG.create | FLAG.exclusive,
    write: (writer) => writeNewLink(writer, link),
  });
}

export function changeLink(socket: NetlinkSocket, index: number, change: LinkChange): void {
  socket.request(`change link ${index}`, {
    type: MESSAGE.setLink,
    write: (writer) => writeLinkChange(writer, index, change),
  });
}

export function deleteLink(socket: NetlinkSocket, index: number): void {
  socket.request(`delete link ${index}`, {
    type: MESSAGE.deleteLink,
    write: (writer) => writeLinkIndex(writer, index),
  });
}

/** Adds an address; EEXIST is thrown, because its flags or protocol may be another's. */
export function addAddress(socket: NetlinkSocket, address: AddressMessage): void {
  socket.request(`add address ${address.address}/${address.prefixLength}`, {
    type: MESSAGE.newAddress,
    flags: FLAG.create | FLAG.exclusive,
    write: (writer) => writeAddress(writer, address),
  });
}

export function deleteAddress(socket: NetlinkSocket, address: AddressMessage): void {
  socket.request(`delete address ${address.address}/${address.prefixLength}`, {
    type: MESSAGE.deleteAddress,
    write: (writer) => writeAddress(writer, { ...address, flags: 0, protocol: 0 }),
  });
}

/** Adds a route of somebody's namespace; this host's own go through the route driver. Throws NetlinkError (EEXIST). */
export function addRoute(socket: NetlinkSocket, route: RouteMessage): void {
  socket.request(`add route ${route.prefix}`, {
    type: MESSAGE.newRoute,
    flags: FLAG.create | FLAG.exclusive,
    write: (writer) => writeRoute(writer, route),
  });
}

/** Creates or replaces an ARP or ND entry. */
export function setNeighbor(socket: NetlinkSocket, neighbor: NeighborMessage): void {
  socket.request(`set neighbor ${neighbor.address}`, {
    type: MESSAGE.newNeighbor,
    flags: FLAG.create | FLAG.replace,
    write: (writer) => writeNeighbor(writer, neighbor),
  });
}

export function deleteNeighbor(socket: NetlinkSocket, neighbor: NeighborMessage): void {
  socket.request(`delete neighbor ${neighbor.address}`, {
    type: MESSAGE.deleteNeighbor,
    write: (writer) => writeNeighbor(writer, neighbor),
  });
}

/** Adds an entry to a VXLAN device's forwarding database, or gives its MAC address another host. */
export function setForwardingEntry(socket: NetlinkSocket, entry: ForwardingEntry): void {
  socket.request(`forward ${entry.macAddress} to ${entry.remote}`, {
    type: MESSAGE.newNeighbor,
    flags: FLAG.create | FLAG.replace,
    write: (writer) => writeForwardingEntry(writer, entry),
  });
}

export function deleteForwardingEntry(socket: NetlinkSocket, entry: ForwardingEntry): void {
  socket.request(`forward ${entry.macAddress} no more`, {
    type: MESSAGE.deleteNeighbor,
    write: (writer) => writeForwardingEntry(writer, entry),
  });
}

export function addRule(socket: NetlinkSocket, rule: RuleMessage): void {
  socket.request(`add rule ${rule.priority}`, {
    type: MESSAGE.newRule,
    flags: FLAG.create | FLAG.exclusive,
    write: (writer) => writeRule(writer, rule),
  });
}

export function deleteRule(socket: NetlinkSocket, rule: RuleMessage): void {
  socket.request(`delete rule ${rule.priority}`, {
    type: MESSAGE.deleteRule,
    write: (writer) => writeRule(writer, rule),
  });
}
