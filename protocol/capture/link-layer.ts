import type { Packet } from "./packet.ts";

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
/** 802.1Q, 802.1ad and the old QinQ types. */
const VLAN_TYPES = new Set([0x8100, 0x88a8, 0x9100]);
const ETHERTYPE_MPLS = 0x8847;
/** Protocol numbers of PPP. RFC 1332, RFC 5072. */
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;

/** The IP packet inside a frame, or undefined when there is none or the link type is not known. */
export type LinkDecoder = (bytes: Uint8Array) => Uint8Array | undefined;

/** One row a link type (www.tcpdump.org/linktypes.html). */
const DECODERS: ReadonlyMap<number, LinkDecoder> = new Map([
  [0, (bytes) => ipAt(bytes, 4)], // BSD loopback: address family in host order, then IP
  [1, (bytes) => ethernet(bytes, 12)],
  [9, ppp],
  [12, (bytes) => ipAt(bytes, 0)],
  [14, (bytes) => ipAt(bytes, 0)],
  [101, (bytes) => ipAt(bytes, 0)],
  [108, (bytes) => ipAt(bytes, 4)],
  [113, (bytes) => ethernet(bytes, 14)], // Linux cooked: packet type, ARPHRD, address (8), then the protocol
  [178, juniperEthernet],
  [228, (bytes) => ipAt(bytes, 0)],
  [229, (bytes) => ipAt(bytes, 0)],
  [276, (bytes) => cookedV2(bytes)],
]);

export function ipPacketOf(packet: Packet): Uint8Array | undefined {
  return DECODERS.get(packet.linkType)?.(packet.bytes);
}

export function isKnownLinkType(linkType: number): boolean {
  return DECODERS.has(linkType);
}

/** From the place of an EtherType on: VLAN tags and MPLS labels are passed over. */
function ethernet(bytes: Uint8Array, typeOffset: number): Uint8Array | undefined {
  let offset = typeOffset;
  while (VLAN_TYPES.has(u16(bytes, offset))) offset += 4;
  const type = u16(bytes, offset);
  if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return ipAt(bytes, offset + 2);
  return type === ETHERTYPE_MPLS ? afterLabels(bytes, offset + 2) : undefined;
}

/** A label stack entry has its bottom bit in the third octet. RFC 3032 §2.1. */
function afterLabels(bytes: Uint8Array, offset: number): Uint8Array | undefined {
  for (let at = offset; at + 4 <= bytes.length; at += 4) {
    if (((bytes[at + 2] as number) & 1) === 1) return ipAt(bytes, at + 4);
  }
  return undefined;
}

/** Linux cooked v2: protocol (2) reserved (2) interface (4) ARPHRD (2) type (1) length (1) address (8). */
function cookedV2(bytes: Uint8Array): Uint8Array | undefined {
  const type = u16(bytes, 0);
  return type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6 ? ipAt(bytes, 20) : undefined;
}

/** With or without address and control octets (0xff 0x03). RFC 1662. */
function ppp(bytes: Uint8Array): Uint8Array | undefined {
  const start = u16(bytes, 0) === 0xff03 ? 2 : 0;
  const protocol = u16(bytes, start);
  return protocol === PPP_IPV4 || protocol === PPP_IPV6 ? ipAt(bytes, start + 2) : undefined;
}

/** "MGC", flags (1), and an extension of its own length when flag 0x80 is set; then Ethernet. */
function juniperEthernet(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes[0] !== 0x4d || bytes[1] !== 0x47 || bytes[2] !== 0x43) return undefined;
  const extension = (bytes[3] as number) & 0x80 ? 2 + u16(bytes, 4) : 0;
  const start = 4 + extension;
  // Flag 2 says that the link header was left out: only an address family (4) stands before IP.
  return (bytes[3] as number) & 2 ? ipAt(bytes, start + 4) : ethernet(bytes, start + 12);
}

function ipAt(bytes: Uint8Array, offset: number): Uint8Array | undefined {
  const version = offset < bytes.length ? (bytes[offset] as number) >>> 4 : 0;
  return version === 4 || version === 6 ? bytes.subarray(offset) : undefined;
}

function u16(bytes: Uint8Array, offset: number): number {
  return offset + 2 <= bytes.length
    ? ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number)
    : -1;
}
