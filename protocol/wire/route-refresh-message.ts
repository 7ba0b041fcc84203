import { afiOf, Family, safiOf } from "../types/family.ts";
import { HEADER_OCTETS } from "./header.ts";
import type { RouteRefreshMessage } from "./message.ts";
import type { OctetWriter } from "./octet-writer.ts";
import { u16 } from "./octets.ts";
import { ProtocolError } from "./protocol-error.ts";

/*
 *   +---------+-----------------------+----------+--------------------------------------+
 *   | AFI (2) | Message Subtype (1),  | SAFI (1) | outbound route filters (RFC 5291 §4),|   RFC 2918 §3, RFC 7313 §3.2
 *   |         | reserved in RFC 2918  |          | kept unread                          |
 *   +---------+-----------------------+----------+--------------------------------------+
 */
const BODY_OCTETS = 4;

/** RFC 7313 §3.2. */
export const RefreshSubtype = { request: 0, begin: 1, end: 2 } as const;

/**
 * A ROUTE-REFRESH; families and subtypes that nobody knows are the session's to ignore (RFC 2918 §4, RFC 7313 §5). One that is
 * too short, or a begin or end with anything after it, is error 7/1 with the whole message as data. RFC 7313 §5.
 */
export function decodeRouteRefresh(bytes: Uint8Array): RouteRefreshMessage {
  const octets = bytes.length - HEADER_OCTETS;
  const subtype = bytes[HEADER_OCTETS + 2];
  const exact = subtype === RefreshSubtype.begin || subtype === RefreshSubtype.end;
  if (octets < BODY_OCTETS || (exact && octets !== BODY_OCTETS)) {
    const reason = `ROUTE-REFRESH with a body of ${octets} octets`;
    throw new ProtocolError({ code: 7, subcode: 1, reason, data: bytes.slice(), offset: 16 });
  }
  const family = Family(u16(bytes, HEADER_OCTETS), bytes[HEADER_OCTETS + 3] as number);
  const message = { type: "routeRefresh", family, subtype: subtype as number } as const;
  if (octets === BODY_OCTETS) return message;
  return { ...message, outboundRouteFilters: bytes.slice(HEADER_OCTETS + BODY_OCTETS) };
}

export function encodeRouteRefresh(message: RouteRefreshMessage, writer: OctetWriter): void {
  writer.putU16(afiOf(message.family));
  writer.putU8(message.subtype);
  writer.putU8(safiOf(message.family));
  if (message.outboundRouteFilters) writer.putBytes(message.outboundRouteFilters);
}
