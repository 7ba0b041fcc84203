import { type IpAddress, ipAddressToBytes } from "../../../protocol/types/ip-address.ts";
import { addressAttribute, addressFamilyOf } from "./address-bytes.ts";
import { ADDRESS_FAMILY, ADDRESS_FLAG } from "./netlink-constants.ts";
import {
  MalformedNetlinkError,
  readAttributes,
  u8Attribute,
  u32Attribute,
} from "./netlink-reader.ts";
import type { NetlinkWriter } from "./netlink-writer.ts";

/** An address of an interface as rtnetlink tells it. */
export type AddressMessage = {
  readonly interfaceIndex: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly scope: number;
  readonly flags: number;
  /** The far end of a point-to-point link, when there is one. */
  readonly peer?: IpAddress;
  /** Who set it (IFA_PROTO, Linux 5.18 and later): tortie writes its route protocol number here too. */
  readonly protocol: number;
};

const ATTRIBUTE = { address: 1, local: 2, flags: 8, protocol: 11 } as const;
const HEADER_OCTETS = 8;

/** Reads the payload of RTM_NEWADDR or RTM_DELADDR; undefined when it is not about IP. */
export function readAddress(payload: Buffer): AddressMessage | undefined {
  if (payload.length < HEADER_OCTETS) throw new MalformedNetlinkError("short ifaddrmsg");
  const family = payload.readUInt8(0);
  if (family !== ADDRESS_FAMILY.ipv4 && family !== ADDRESS_FAMILY.ipv6) return undefined;
  const attributes = readAttributes(payload, HEADER_OCTETS);
  const remote = addressAttribute(attributes, ATTRIBUTE.address);
  // IFA_LOCAL is this host's address; without it (IPv6) IFA_ADDRESS is, else that is the peer's.
  const address = addressAttribute(attributes, ATTRIBUTE.local) ?? remote;
  if (address === undefined) throw new MalformedNetlinkError("an address message without address");
  return {
    interfaceIndex: payload.readUInt32LE(4),
    address,
    prefixLength: payload.readUInt8(1),
    scope: payload.readUInt8(3),
    flags: u32Attribute(attributes, ATTRIBUTE.flags) ?? payload.readUInt8(2),
    ...(remote === undefined || remote === address ? {} : { peer: remote }),
    protocol: u8Attribute(attributes, ATTRIBUTE.protocol) ?? 0,
  };
}

/** The payload of RTM_NEWADDR and RTM_DELADDR: struct ifaddrmsg, IFA_LOCAL and IFA_ADDRESS as `ip address` writes them. */
export function writeAddress(writer: NetlinkWriter, message: AddressMessage): void {
  writer.u8(addressFamilyOf(message.address));
  writer.u8(message.prefixLength);
  writer.u8(message.flags & 0xff);
  writer.u8(message.scope);
  writer.u32(message.interfaceIndex);
  writer.attribute(ATTRIBUTE.local, ipAddressToBytes(message.address));
  writer.attribute(ATTRIBUTE.address, ipAddressToBytes(message.peer ?? message.address));
  if (message.flags & ~0xff) writer.attributeU32(ATTRIBUTE.flags, message.flags);
  if (message.protocol !== 0) writer.attributeU8(ATTRIBUTE.protocol, message.protocol);
}

/** RTM_GETADDR for all addresses of one family, or of both. */
export function writeAddressDump(writer: NetlinkWriter, version?: 4 | 6): void {
  const family = { 4: ADDRESS_FAMILY.ipv4, 6: ADDRESS_FAMILY.ipv6 } as const;
  writer.u8(version === undefined ? ADDRESS_FAMILY.unspecified : family[version]);
  writer.u8(0);
  writer.u16(0);
  writer.u32(0);
}

/** True when the address can be used: duplicate address detection has neither failed nor is it under way. */
export function isUsable(address: AddressMessage): boolean {
  return (address.flags & (ADDRESS_FLAG.tentative | ADDRESS_FLAG.dadFailed)) === 0;
}
