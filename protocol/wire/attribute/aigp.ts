import { u16, u32 } from "../octets.ts";
import type { AttributeDefect, AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_NON_TRANSITIVE_FLAGS } from "./attribute-definition.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

/*
 *   +----------+------------------------------+------------------------------+
 *   | Type (1) | Length (2), with these three | Value; type 1: 64-bit metric |  ... more TLVs     RFC 7311 §3
 *   +----------+------------------------------+------------------------------+
 */
type AigpValue = Extract<PathAttributeValue, { type: "aigp" }>;

const TLV_HEADER_OCTETS = 3;
const AIGP_TLV = 1;
const AIGP_TLV_OCTETS = 11;

const BAD_TLV: AttributeDefect = { reason: "a TLV does not fit", subcode: 9 };
const BAD_METRIC: AttributeDefect = { reason: "AIGP TLV is not 11 octets long", subcode: 9 };

/** AIGP: off on external sessions, so that it is ignored from there; all its TLVs are kept. RFC 7311 §3.2, §3.3. */
export const AIGP: AttributeDefinition<AigpValue> = {
  code: 26,
  name: "AIGP",
  type: "aigp",
  flags: OPTIONAL_NON_TRANSITIVE_FLAGS,
  malformed: "attribute-discard",
  rule: "RFC 7311 §3",
  onlyFrom: { peer: "internal", rule: "RFC 7311 §3.3" },
  check(bytes, start, end) {
    if (start === end) return BAD_TLV;
    let at = start;
    while (at < end) {
      if (at + TLV_HEADER_OCTETS > end) return BAD_TLV;
      const octets = u16(bytes, at + 1);
      if (octets < TLV_HEADER_OCTETS || at + octets > end) return BAD_TLV;
      if (bytes[at] === AIGP_TLV && octets !== AIGP_TLV_OCTETS) return BAD_METRIC;
      at += octets;
    }
    return undefined;
  },
  decode(bytes, start, end) {
    return {
      type: "aigp",
      metric: firstMetric(bytes, start, end),
      value: bytes.slice(start, end),
    };
  },
  encode(value, writer) {
    writer.putBytes(value.value);
  },
};

/** RFC 7311 §3: of several AIGP TLVs only the first counts. */
function firstMetric(bytes: Uint8Array, start: number, end: number): bigint | undefined {
  for (let at = start; at < end; at += u16(bytes, at + 1)) {
    if (bytes[at] === AIGP_TLV)
      return (BigInt(u32(bytes, at + 3)) << 32n) | BigInt(u32(bytes, at + 7));
  }
  return undefined;
}
