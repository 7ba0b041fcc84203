import { type IpAddress, ipAddressFromBytes } from "../types/ip-address.ts";

/** An IP packet, or a fragment of one: `payload` starts after all headers but the transport's. */
export type IpPacket = {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly payload: Uint8Array;
  /** Octets that the header promised and the capture lacks. */
  readonly missing: number;
  readonly fragment?: {
    readonly identification: number;
    readonly offset: number;
    readonly more: boolean;
  };
};

/** Extension headers that may stand before the transport. RFC 8200 §4. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;

/** Reads an IPv4 (RFC 791) or IPv6 (RFC 8200) packet; undefined when the octets are neither. */
export function parseIpPacket(bytes: Uint8Array): IpPacket | undefined {
  const version = bytes.length > 0 ? (bytes[0] as number) >>> 4 : 0;
  if (version === 4) return parseIpv4(bytes);
  return version === 6 ? parseIpv6(bytes) : undefined;
}

function parseIpv4(bytes: Uint8Array): IpPacket | undefined {
  const headerLength = ((bytes[0] as number) & 15) * 4;
  if (headerLength < 20 || bytes.length < headerLength) return undefined;
  // A total length of 0 is segmentation offload: the frame's own length is right then.
  const totalLength = u16(bytes, 2) || bytes.length;
  const flags = u16(bytes, 6);
  const [more, offset] = [(flags & 0x2000) !== 0, (flags & 0x1fff) * 8];
  return {
    source: ipAddressFromBytes(bytes.subarray(12, 16)),
    destination: ipAddressFromBytes(bytes.subarray(16, 20)),
    protocol: bytes[9] as number,
    payload: bytes.subarray(headerLength, Math.max(headerLength, totalLength)),
    missing: Math.max(0, totalLength - bytes.length),
    ...((more || offset > 0) && { fragment: { identification: u16(bytes, 4), offset, more } }),
  };
}

function parseIpv6(bytes: Uint8Array): IpPacket | undefined {
  if (bytes.length < 40) return undefined;
  const payloadLength = u16(bytes, 4) || bytes.length - 40;
  const end = Math.min(bytes.length, 40 + payloadLength);
  const headers = skipExtensionHeaders(bytes, end);
  return {
    source: ipAddressFromBytes(bytes.subarray(8, 24)),
    destination: ipAddressFromBytes(bytes.subarray(24, 40)),
    protocol: headers.protocol,
    payload: bytes.subarray(Math.min(headers.offset, end), end),
    missing: Math.max(0, 40 + payloadLength - bytes.length),
    ...(headers.fragment && { fragment: headers.fragment }),
  };
}

type Headers = { protocol: number; offset: number; fragment?: IpPacket["fragment"] };

function skipExtensionHeaders(bytes: Uint8Array, end: number): Headers {
  const headers: Headers = { protocol: bytes[6] as number, offset: 40 };
  while (headers.offset + 8 <= end) {
    const { protocol, offset } = headers;
    const length = bytes[offset + 1] as number;
    if (protocol === FRAGMENT) {
      const field = u16(bytes, offset + 2);
      const identification = u16(bytes, offset + 4) * 0x1_0000 + u16(bytes, offset + 6);
      headers.fragment = { identification, offset: field & 0xfff8, more: (field & 1) === 1 };
      headers.offset = offset + 8;
    } else if (protocol === AUTHENTICATION) headers.offset = offset + (length + 2) * 4;
    else if ([HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS].includes(protocol)) {
      headers.offset = offset + (length + 1) * 8;
    } else break;
    headers.protocol = bytes[offset] as number;
    // Only the first fragment goes on with a header; the rest of the others is data.
    if (headers.fragment !== undefined && headers.fragment.offset > 0) break;
  }
  return headers;
}

function u16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
}
