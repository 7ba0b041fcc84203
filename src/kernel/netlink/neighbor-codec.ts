import { type IpAddress, ipAddressToBytes } from "../../../protocol/types/ip-address.ts";
import {
  addressAttribute,
  addressFamilyOf,
  formatMacAddress,
  parseMacAddress,
} from "./address-bytes.ts";
import { ADDRESS_FAMILY } from "./netlink-constants.ts";
import { MalformedNetlinkError, readAttributes, u8Attribute } from "./netlink-reader.ts";
import type { NetlinkWriter } from "./netlink-writer.ts";

/** An ARP or ND entry as rtnetlink tells it. */
export type NeighborMessage = {
  readonly interfaceIndex: number;
  readonly address: IpAddress;
  /** NUD_*: see NEIGHBOR_STATE. */
  readonly state: number;
  readonly flags: number;
  readonly macAddress?: string;
  readonly protocol: number;
};

const ATTRIBUTE = { destination: 1, linkLayerAddress: 2, protocol: 12 } as const;
const HEADER_OCTETS = 12;

/** Reads the payload of RTM_NEWNEIGH or RTM_DELNEIGH; undefined when it is not about IP (bridge forwarding entries). */
export function readNeighbor(payload: Buffer): NeighborMessage | undefined {
  if (payload.length < HEADER_OCTETS) throw new MalformedNetlinkError("short ndmsg");
  const family = payload.readUInt8(0);
  if (family !== ADDRESS_FAMILY.ipv4 && family !== ADDRESS_FAMILY.ipv6) return undefined;
  const attributes = readAttributes(payload, HEADER_OCTETS);
  const address = addressAttribute(attributes, ATTRIBUTE.destination);
  if (address === undefined) throw new MalformedNetlinkError("a neighbor without address");
  const mac = attributes.get(ATTRIBUTE.linkLayerAddress);
  return {
    interfaceIndex: payload.readUInt32LE(4),
    address,
    state: payload.readUInt16LE(8),
    flags: payload.readUInt8(10),
    ...(mac === undefined ? {} : { macAddress: formatMacAddress(mac) }),
    protocol: u8Attribute(attributes, ATTRIBUTE.protocol) ?? 0,
  };
}

/** The payload of RTM_NEWNEIGH and RTM_DELNEIGH: struct ndmsg and attributes. */
export function writeNeighbor(writer: NetlinkWriter, neighbor: NeighborMessage): void {
  writer.u32(addressFamilyOf(neighbor.address));
  writer.u32(neighbor.interfaceIndex);
  writer.u16(neighbor.state);
  writer.u8(neighbor.flags);
  writer.u8(0);
  writer.attribute(ATTRIBUTE.destination, ipAddressToBytes(neighbor.address));
  if (neighbor.macAddress !== undefined) {
    writer.attribute(ATTRIBUTE.linkLayerAddress, parseMacAddress(neighbor.macAddress));
  }
  if (neighbor.protocol !== 0) writer.attributeU8(ATTRIBUTE.protocol, neighbor.protocol);
}

/** RTM_GETNEIGH for all of one family. */
export function writeNeighborDump(writer: NetlinkWriter, version: 4 | 6): void {
  writer.u32(version === 4 ? ADDRESS_FAMILY.ipv4 : ADDRESS_FAMILY.ipv6);
  writer.u32(0);
  writer.u32(0);
}
