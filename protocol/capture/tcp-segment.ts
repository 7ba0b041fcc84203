import type { IpPacket } from "./ip-packet.ts";

export const IP_PROTOCOL_TCP = 6;

/** RFC 9293 §3.1; sequence numbers as 32-bit unsigned. */
export type TcpSegment = {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly syn: boolean;
  readonly fin: boolean;
  readonly reset: boolean;
  readonly data: Uint8Array;
  /** Octets that the capture cut off at the end of `data`. */
  readonly missing: number;
};

/** The TCP segment in a whole IP packet; undefined when it is not TCP or too short for its header. */
export function parseTcpSegment(packet: IpPacket): TcpSegment | undefined {
  const bytes = packet.payload;
  if (packet.protocol !== IP_PROTOCOL_TCP || bytes.length < 20) return undefined;
  const headerLength = ((bytes[12] as number) >>> 4) * 4;
  if (headerLength < 20 || headerLength > bytes.length) return undefined;
  const flags = bytes[13] as number;
  return {
    sourcePort: u16(bytes, 0),
    destinationPort: u16(bytes, 2),
    sequence: u16(bytes, 4) * 0x1_0000 + u16(bytes, 6),
    syn: (flags & 2) !== 0,
    fin: (flags & 1) !== 0,
    reset: (flags & 4) !== 0,
    data: bytes.subarray(headerLength),
    missing: packet.missing,
  };
}

function u16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
}
