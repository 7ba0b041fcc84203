import { ProtocolError } from "./protocol-error.ts";

/*
 *   +-----------------------+------------+----------+
 *   | Marker (16), all ones | Length (2) | Type (1) |     RFC 4271 §4.1
 *   +-----------------------+------------+----------+
 */
export const MARKER_OCTETS = 16;
export const HEADER_OCTETS = 19;

/** Largest message without and with RFC 8654. */
export const MAX_MESSAGE_OCTETS = 4096;
export const MAX_EXTENDED_MESSAGE_OCTETS = 65535;

/** RFC 4271 §4.1, RFC 2918 §3. */
export const MessageType = {
  open: 1,
  update: 2,
  notification: 3,
  keepalive: 4,
  routeRefresh: 5,
} as const;

/** What `readFrame` answers while the first message is not yet whole. */
export const NEED_MORE = 0;

/**
 * The length of the whole message that begins at `start`, or NEED_MORE. Wrong markers, lengths and types are seen as
 * soon as the header is there. Throws ProtocolError 1/1, 1/2 (with the length field) or 1/3 (with the type). RFC 4271 §6.1.
 */
export function readFrame(
  bytes: Uint8Array,
  start: number,
  end: number,
  { extendedMessage }: { readonly extendedMessage: boolean },
): number {
  if (end - start < HEADER_OCTETS) return NEED_MORE;
  for (let i = start; i < start + MARKER_OCTETS; i++) {
    if (bytes[i] !== 0xff) {
      throw new ProtocolError({ code: 1, subcode: 1, reason: "marker is not all ones", offset: 0 });
    }
  }
  const length = ((bytes[start + 16] as number) << 8) | (bytes[start + 17] as number);
  checkLength(length, bytes[start + 18] as number, extendedMessage);
  return end - start < length ? NEED_MORE : length;
}

function checkLength(length: number, type: number, extendedMessage: boolean): void {
  const least = leastOctets(type);
  if (least === undefined) {
    throw new ProtocolError({
      code: 1,
      subcode: 3,
      reason: `message type ${type}`,
      data: Uint8Array.of(type),
      offset: 18,
    });
  }
  if (length < least || length > mostOctets(type, extendedMessage)) throw badMessageLength(length);
}

/** RFC 4271 §6.1: the data field is the erroneous Length field. */
export function badMessageLength(length: number): ProtocolError {
  return new ProtocolError({
    code: 1,
    subcode: 2,
    reason: `message length ${length}`,
    data: Uint8Array.of(length >>> 8, length & 255),
    offset: 16,
  });
}

/** A short ROUTE-REFRESH is let through: its own error, 7/1, wants the whole message as data (RFC 7313 §5). */
function leastOctets(type: number): number | undefined {
  switch (type) {
    case MessageType.open:
      return 29;
    case MessageType.update:
      return 23;
    case MessageType.notification:
      return 21;
    case MessageType.keepalive:
    case MessageType.routeRefresh:
      return HEADER_OCTETS;
    default:
      return undefined;
  }
}

/** RFC 8654 §4: OPEN and KEEPALIVE keep their limits whatever was negotiated. */
export function mostOctets(type: number, extendedMessage: boolean): number {
  if (type === MessageType.keepalive) return HEADER_OCTETS;
  const extended = extendedMessage && type !== MessageType.open;
  return extended ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS;
}
