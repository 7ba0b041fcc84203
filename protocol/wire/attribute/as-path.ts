import { AS_TRANS, Asn } from "../../types/asn.ts";
import type { OctetWriter } from "../octet-writer.ts";
import { u16, u32 } from "../octets.ts";
import type { WireContext } from "../wire-context.ts";
import type { AttributeDefect, AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_TRANSITIVE_FLAGS, WELL_KNOWN_FLAGS } from "./attribute-definition.ts";
import type { AsPath, AsPathSegment, PathAttributeValue } from "./path-attribute.ts";

/*
 *   +------------------+-----------------------+-------------------------------------+
 *   | Segment Type (1) | Number of ASes (1), n | n AS numbers of 2 or 4 octets each  |  ... more segments
 *   +------------------+-----------------------+-------------------------------------+   RFC 4271 §4.3, RFC 6793 §3
 */
type AsPathValue = Extract<PathAttributeValue, { type: "asPath" }>;
type As4PathValue = Extract<PathAttributeValue, { type: "as4Path" }>;

/** Segment type codes. RFC 4271 §4.3, RFC 5065 §3. */
export const SegmentType = { set: 1, sequence: 2, confedSequence: 3, confedSet: 4 } as const;

const SEGMENT_TYPES: readonly (AsPathSegment["type"] | undefined)[] = [
  undefined,
  "set",
  "sequence",
  "confedSequence",
  "confedSet",
];

/** The most AS numbers that a segment's count can say. */
export const MAX_SEGMENT_ASNS = 255;

const UNKNOWN_SEGMENT = defect("unknown segment type");
const CONFED_SEGMENT = defect("confederation segment from outside a confederation");
const OVERRUN = defect("segment overruns the attribute");
const UNDERRUN = defect("one octet is left after the last segment");
const EMPTY_SEGMENT = defect("segment of zero length");
const AS_ZERO = defect("AS number 0");
const TOO_LONG = defect("too long for four-octet AS numbers");

function defect(reason: string): AttributeDefect {
  return { reason, subcode: 11 };
}

/** AS_PATH, with AS numbers of two or four octets as the session says. RFC 4271 §5.1.2, RFC 6793 §4. */
export const AS_PATH: AttributeDefinition<AsPathValue> = {
  code: 2,
  name: "AS_PATH",
  type: "asPath",
  flags: WELL_KNOWN_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 7606 §7.2",
  check(bytes, start, end, context) {
    return checkAsPath(bytes, start, end, pathRules(context));
  },
  decode(bytes, start, end, context) {
    return {
      type: "asPath",
      asPath: decodeSegments(bytes, start, end, context.fourOctetAsn ? 4 : 2),
    };
  },
  encode(value, writer, context: WireContext) {
    encodeSegments(value.asPath, context.fourOctetAsn ? 4 : 2, writer);
  },
};

/** AS4_PATH, only from speakers of two-octet AS numbers. RFC 6793 §3; malformed or misplaced, it is discarded (§4.1, §6). */
export const AS4_PATH: AttributeDefinition<As4PathValue> = {
  code: 17,
  name: "AS4_PATH",
  type: "as4Path",
  flags: OPTIONAL_TRANSITIVE_FLAGS,
  malformed: "attribute-discard",
  rule: "RFC 6793 §6",
  onlyFrom: { peer: "two-octet", rule: "RFC 6793 §4.1" },
  check(bytes, start, end) {
    // An AS4_PATH without a segment is malformed: its definition wants one at least. RFC 6793 §6.
    if (start === end) return EMPTY_SEGMENT;
    return checkAsPath(bytes, start, end, FOUR_OCTET_CONFED);
  },
  decode(bytes, start, end) {
    return { type: "as4Path", asPath: decodeSegments(bytes, start, end, 4) };
  },
  encode(value, writer) {
    encodeSegments(value.asPath, 4, writer);
  },
};

/** How to check a path; the four that there are stand as constants, so that no check allocates. */
type PathRules = { readonly asnOctets: 2 | 4; readonly confederation: boolean };

const TWO_OCTET: PathRules = { asnOctets: 2, confederation: false };
const FOUR_OCTET: PathRules = { asnOctets: 4, confederation: false };
const TWO_OCTET_CONFED: PathRules = { asnOctets: 2, confederation: true };
const FOUR_OCTET_CONFED: PathRules = { asnOctets: 4, confederation: true };

/** tortie is in no confederation, so no peer is in ours (RFC 5065 §5.3); without a session, who knows. */
function pathRules(context: WireContext): PathRules {
  if (context.peerType === "unknown") {
    return context.fourOctetAsn ? FOUR_OCTET_CONFED : TWO_OCTET_CONFED;
  }
  return context.fourOctetAsn ? FOUR_OCTET : TWO_OCTET;
}

function checkAsPath(
  bytes: Uint8Array,
  start: number,
  end: number,
  rules: PathRules,
): AttributeDefect | undefined {
  let at = start;
  let asns = 0;
  while (at < end) {
    if (at + 2 > end) return UNDERRUN;
    const count = bytes[at + 1] as number;
    const defect = segmentDefect(bytes[at] as number, count, rules);
    if (defect !== undefined) return defect;
    const next = at + 2 + count * rules.asnOctets;
    if (next > end) return OVERRUN;
    if (hasAsZero(bytes, at + 2, next, rules.asnOctets)) return AS_ZERO;
    asns += count;
    at = next;
  }
  // The RIB keeps AS numbers in four octets, and an attribute has at most 65,535.
  const widened = rules.asnOctets === 2 ? end - start + 2 * asns : 0;
  return widened > 0xffff ? TOO_LONG : undefined;
}

function segmentDefect(type: number, count: number, rules: PathRules): AttributeDefect | undefined {
  if (type < SegmentType.set || type > SegmentType.confedSet) return UNKNOWN_SEGMENT;
  if (type >= SegmentType.confedSequence && !rules.confederation) return CONFED_SEGMENT;
  return count === 0 ? EMPTY_SEGMENT : undefined;
}

/** RFC 7607 §2: a path with AS 0 in it is malformed. */
function hasAsZero(bytes: Uint8Array, start: number, end: number, asnOctets: 2 | 4): boolean {
  for (let at = start; at < end; at += asnOctets) {
    const low = (bytes[at] as number) | (bytes[at + 1] as number);
    if (low !== 0) continue;
    if (asnOctets === 2) return true;
    if (((bytes[at + 2] as number) | (bytes[at + 3] as number)) === 0) return true;
  }
  return false;
}

function decodeSegments(bytes: Uint8Array, start: number, end: number, asnOctets: 2 | 4): AsPath {
  const path: AsPathSegment[] = [];
  let at = start;
  while (at < end) {
    const type = SEGMENT_TYPES[bytes[at] as number];
    if (type === undefined) throw new RangeError(`not a segment type: ${bytes[at]}`);
    const next = at + 2 + (bytes[at + 1] as number) * asnOctets;
    const asns: Asn[] = [];
    for (let asnAt = at + 2; asnAt < next; asnAt += asnOctets) {
      asns.push(Asn(asnOctets === 2 ? u16(bytes, asnAt) : u32(bytes, asnAt)));
    }
    path.push({ type, asns });
    at = next;
  }
  return path;
}

/** A number that two octets cannot carry becomes AS_TRANS (RFC 6793 §4.2.2). Throws RangeError for impossible segments. */
function encodeSegments(path: AsPath, asnOctets: 2 | 4, writer: OctetWriter): void {
  for (const { type, asns } of path) {
    if (asns.length === 0 || asns.length > MAX_SEGMENT_ASNS) {
      throw new RangeError(`a path segment has 1 to 255 AS numbers, not ${asns.length}`);
    }
    writer.putU8(SEGMENT_TYPES.indexOf(type));
    writer.putU8(asns.length);
    for (const asn of asns) {
      if (asnOctets === 4) writer.putU32(asn);
      else writer.putU16(asn > 0xffff ? AS_TRANS : asn);
    }
  }
}
