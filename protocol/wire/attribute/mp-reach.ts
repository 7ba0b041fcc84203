import { Family, IPV4_UNICAST } from "../../types/family.ts";
import { ipAddressFromBytes, ipAddressToBytes } from "../../types/ip-address.ts";
import { decodeNlri, encodeNlri, findNlriError, nlriLayout } from "../nlri.ts";
import type { OctetWriter } from "../octet-writer.ts";
import { u16 } from "../octets.ts";
import type { WireContext } from "../wire-context.ts";
import type { AttributeDefect, AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_NON_TRANSITIVE_FLAGS } from "./attribute-definition.ts";
import type { MpReach } from "./path-attribute.ts";

/*
 *   +---------+----------+---------------------+----------+--------------+------+
 *   | AFI (2) | SAFI (1) | next hop length (1) | next hop | reserved (1) | NLRI |     RFC 4760 §3
 *   +---------+----------+---------------------+----------+--------------+------+
 */
const SHORTEST = 5;

const TOO_SHORT: AttributeDefect = { reason: "shorter than 5 octets", subcode: 9 };
const BAD_NEXT_HOP: AttributeDefect = {
  reason: "next hop length does not suit the family",
  subcode: 9,
};
const BAD_NLRI: AttributeDefect = { reason: "syntactically incorrect NLRI", subcode: 9 };

/** MP_REACH_NLRI. What is wrong with it hides where the NLRI are, hence the session reset. RFC 4760 §3, RFC 7606 §5.3, §7.11. */
export const MP_REACH: AttributeDefinition<MpReach> = {
  code: 14,
  name: "MP_REACH_NLRI",
  type: "mpReach",
  flags: OPTIONAL_NON_TRANSITIVE_FLAGS,
  malformed: "session-reset",
  rule: "RFC 7606 §7.11",
  check(bytes, start, end, context) {
    if (end - start < SHORTEST) return TOO_SHORT;
    const family = mpFamilyAt(bytes, start);
    const nextHopOctets = bytes[start + 3] as number;
    const nlriStart = mpReachNlriStart(bytes, start);
    if (nlriStart > end) return BAD_NEXT_HOP;
    const layout = nlriLayout(family, context);
    if (layout === undefined) return undefined;
    if (!suitsFamily(nextHopOctets, family, context)) return BAD_NEXT_HOP;
    return findNlriError(bytes, nlriStart, end, layout) < 0 ? undefined : BAD_NLRI;
  },
  decode(bytes, start, end, context) {
    const family = mpFamilyAt(bytes, start);
    const nlriStart = mpReachNlriStart(bytes, start);
    const nextHop = bytes.subarray(start + 4, nlriStart - 1);
    const layout = nlriLayout(family, context);
    if (layout === undefined) {
      const raw = { nextHop: nextHop.slice(), nlri: bytes.slice(nlriStart, end) };
      return { type: "mpReach", family, nextHops: [], nlri: [], raw };
    }
    const nextHops =
      nextHop.length === 32
        ? [ipAddressFromBytes(nextHop.subarray(0, 16)), ipAddressFromBytes(nextHop.subarray(16))]
        : [ipAddressFromBytes(nextHop)];
    return { type: "mpReach", family, nextHops, nlri: decodeNlri(bytes, nlriStart, end, layout) };
  },
  encode(value, writer, context) {
    putMpFamily(value.family, writer);
    writer.putLengthPrefixed(1, () => {
      if (value.raw) writer.putBytes(value.raw.nextHop);
      else for (const nextHop of value.nextHops) writer.putBytes(ipAddressToBytes(nextHop));
    });
    // Reserved: zero when sent, ignored when received. RFC 4760 §3.
    writer.putU8(0);
    const layout = nlriLayout(value.family, context);
    if (layout !== undefined) encodeNlri(value.nlri, layout, writer);
    else if (value.raw) writer.putBytes(value.raw.nlri);
  },
};

/** The family at the head of MP_REACH_NLRI and MP_UNREACH_NLRI. */
export function mpFamilyAt(bytes: Uint8Array, start: number): Family {
  return Family(u16(bytes, start), bytes[start + 2] as number);
}

export function putMpFamily(family: Family, writer: OctetWriter): void {
  writer.putU16(family >>> 8);
  writer.putU8(family & 0xff);
}

/** Where the NLRI of an MP_REACH_NLRI value begin. */
export function mpReachNlriStart(bytes: Uint8Array, start: number): number {
  return start + SHORTEST + (bytes[start + 3] as number);
}

/** RFC 4760 §3, RFC 2545 §3; RFC 8950 §3 for IPv4 over IPv6, taken as agreed where no session says otherwise. */
function suitsFamily(octets: number, family: Family, context: WireContext): boolean {
  const ipv6 = octets === 16 || octets === 32;
  if (family !== IPV4_UNICAST) return ipv6;
  if (octets === 4) return true;
  return ipv6 && (context.peerType === "unknown" || context.extendedNextHop.has(family));
}
