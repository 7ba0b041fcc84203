/*
 * Connections that the kernel tracks (ctnetlink). A packet of a known connection is accepted without a look at any rule, so
 * the connections of an address that leaves a host must be forgotten before another workload can have it.
 */
import { type IpAddress, ipVersion } from "../../protocol/types/ip-address.ts";
import { addressAttribute } from "./netlink/address-bytes.ts";
import { readAttributes, readMessages } from "./netlink/netlink-reader.ts";
import type { NetlinkSocket } from "./netlink/netlink-socket.ts";

/** IPCTNL_MSG_CT_GET and _DELETE of the subsystem 1. linux/netfilter/nfnetlink_conntrack.h. */
const MESSAGE = { get: 0x101, delete: 0x102 } as const;
const ATTRIBUTE = { original: 1, reply: 2, id: 12, zone: 18 } as const;
const TUPLE_IP = 1;
const IP = { 4: { source: 1, destination: 2 }, 6: { source: 3, destination: 4 } } as const;
const FAMILY = { 4: 2, 6: 10 } as const;
const NESTED = 0x8000;
const HEADER_OCTETS = 4;

/** Forgets every connection from or to these addresses, translated ones too; answers how many there were. */
export function forgetConnections(socket: NetlinkSocket, addresses: readonly IpAddress[]): number {
  let count = 0;
  for (const version of [4, 6] as const) {
    const wanted = new Set(addresses.filter((address) => ipVersion(address) === version));
    if (wanted.size === 0) continue;
    for (const connection of connectionsOf(socket, version, wanted)) {
      const fault = socket.tryRequest({
        type: MESSAGE.delete,
        write: (writer) => {
          writer.u32(FAMILY[version]);
          writer.attribute(ATTRIBUTE.original | NESTED, connection.original);
          if (connection.zone) writer.attribute(ATTRIBUTE.zone, connection.zone);
          if (connection.id) writer.attribute(ATTRIBUTE.id, connection.id);
        },
      });
      // One that ended meanwhile is as good.
      if (fault === undefined) count++;
    }
  }
  return count;
}

type Connection = {
  readonly original: Buffer;
  readonly id: Buffer | undefined;
  readonly zone: Buffer | undefined;
};

function connectionsOf(
  socket: NetlinkSocket,
  version: 4 | 6,
  wanted: ReadonlySet<IpAddress>,
): readonly Connection[] {
  let found: Connection[] = [];
  socket.dump("list connections", {
    type: MESSAGE.get,
    write: (writer) => writer.u32(FAMILY[version]),
    restart: () => {
      found = [];
    },
    visit: (datagram) => {
      for (const { payload } of readMessages(datagram)) {
        const attributes = readAttributes(payload, HEADER_OCTETS);
        const original = attributes.get(ATTRIBUTE.original);
        const reply = attributes.get(ATTRIBUTE.reply);
        const concerned = [original, reply].some((tuple) =>
          addressesOf(tuple, version).some((address) => wanted.has(address)),
        );
        if (original === undefined || !concerned) continue;
        const copy = (type: number) => {
          const value = attributes.get(type);
          return value && Buffer.from(value);
        };
        found.push({
          original: Buffer.from(original),
          id: copy(ATTRIBUTE.id),
          zone: copy(ATTRIBUTE.zone),
        });
      }
    },
  });
  return found;
}

function addressesOf(tuple: Buffer | undefined, version: 4 | 6): readonly IpAddress[] {
  const ip = tuple && readAttributes(tuple).get(TUPLE_IP);
  if (ip === undefined) return [];
  const attributes = readAttributes(ip);
  return [IP[version].source, IP[version].destination].flatMap(
    (type) => addressAttribute(attributes, type) ?? [],
  );
}
