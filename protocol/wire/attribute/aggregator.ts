import { AS_TRANS, Asn } from "../../types/asn.ts";
import { u16, u32 } from "../octets.ts";
import type { AttributeDefect, AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_TRANSITIVE_FLAGS, WRONG_OPTIONAL } from "./attribute-definition.ts";
import { receivedIdentifier } from "./identifier.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

/*
 *   +-------------------------+-----------------------------------+
 *   | AS number (2 or 4)      | IPv4 address of the aggregator (4)|   RFC 4271 §4.3, RFC 6793 §3
 *   +-------------------------+-----------------------------------+
 */
type AggregatorValue = Extract<PathAttributeValue, { type: "aggregator" }>;
type As4AggregatorValue = Extract<PathAttributeValue, { type: "as4Aggregator" }>;

const AS_ZERO: AttributeDefect = { reason: "AS number 0", subcode: 9 };

/** AGGREGATOR: 6 octets, or 8 where both speakers know four-octet AS numbers. RFC 4271 §5.1.7, RFC 7607 §2. */
export const AGGREGATOR: AttributeDefinition<AggregatorValue> = {
  code: 7,
  name: "AGGREGATOR",
  type: "aggregator",
  flags: OPTIONAL_TRANSITIVE_FLAGS,
  malformed: "attribute-discard",
  rule: "RFC 7606 §7.7",
  check(bytes, start, end, context) {
    if (end - start !== (context.fourOctetAsn ? 8 : 6)) return WRONG_OPTIONAL;
    const asn = context.fourOctetAsn ? u32(bytes, start) : u16(bytes, start);
    return asn === 0 ? AS_ZERO : undefined;
  },
  decode(bytes, start, end, context) {
    const asn = Asn(context.fourOctetAsn ? u32(bytes, start) : u16(bytes, start));
    return { type: "aggregator", aggregator: { asn, address: receivedIdentifier(bytes, end - 4) } };
  },
  encode(value, writer, context) {
    const { asn, address } = value.aggregator;
    if (context.fourOctetAsn) writer.putU32(asn);
    else writer.putU16(asn > 0xffff ? AS_TRANS : asn);
    writer.putU32(address);
  },
};

/** AS4_AGGREGATOR, only from speakers of two-octet AS numbers. RFC 6793 §3, §4.1, §6. */
export const AS4_AGGREGATOR: AttributeDefinition<As4AggregatorValue> = {
  code: 18,
  name: "AS4_AGGREGATOR",
  type: "as4Aggregator",
  flags: OPTIONAL_TRANSITIVE_FLAGS,
  malformed: "attribute-discard",
  rule: "RFC 6793 §6",
  onlyFrom: { peer: "two-octet", rule: "RFC 6793 §4.1" },
  check(bytes, start, end) {
    if (end - start !== 8) return WRONG_OPTIONAL;
    return u32(bytes, start) === 0 ? AS_ZERO : undefined;
  },
  decode(bytes, start) {
    const aggregator = {
      asn: Asn(u32(bytes, start)),
      address: receivedIdentifier(bytes, start + 4),
    };
    return { type: "as4Aggregator", aggregator };
  },
  encode(value, writer) {
    writer.putU32(value.aggregator.asn);
    writer.putU32(value.aggregator.address);
  },
};
