import type { ExtendedCommunity } from "../../types/community.ts";
import { fromHex, toHex } from "../octets.ts";
import type { AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_TRANSITIVE_FLAGS, WRONG_OPTIONAL } from "./attribute-definition.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

type ExtendedCommunitiesValue = Extract<PathAttributeValue, { type: "extendedCommunities" }>;
type UnreadValue = Extract<PathAttributeValue, { type: "unknown" }>;

/** EXTENDED COMMUNITIES: one or more of 8 octets, whatever their types. RFC 4360 §2. */
export const EXTENDED_COMMUNITIES: AttributeDefinition<ExtendedCommunitiesValue> = {
  code: 16,
  name: "EXTENDED_COMMUNITIES",
  type: "extendedCommunities",
  flags: OPTIONAL_TRANSITIVE_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 7606 §7.14",
  check(_bytes, start, end) {
    return end > start && (end - start) % 8 === 0 ? undefined : WRONG_OPTIONAL;
  },
  decode(bytes, start, end) {
    const extendedCommunities: ExtendedCommunity[] = [];
    for (let at = start; at < end; at += 8) {
      extendedCommunities.push(toHex(bytes.subarray(at, at + 8)) as ExtendedCommunity);
    }
    return { type: "extendedCommunities", extendedCommunities };
  },
  encode(value, writer) {
    for (const community of value.extendedCommunities) writer.putBytes(fromHex(community));
  },
};

/** IPv6 EXTENDED COMMUNITIES: one or more of 20 octets; checked, but kept as octets. RFC 5701 §2. */
export const IPV6_EXTENDED_COMMUNITIES: AttributeDefinition<UnreadValue> = {
  code: 25,
  name: "IPV6_EXTENDED_COMMUNITIES",
  type: "unknown",
  flags: OPTIONAL_TRANSITIVE_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 7606 §7.15",
  check(_bytes, start, end) {
    return end > start && (end - start) % 20 === 0 ? undefined : WRONG_OPTIONAL;
  },
  decode(bytes, start, end) {
    return { type: "unknown", code: 25, value: bytes.slice(start, end) };
  },
  encode(value, writer) {
    writer.putBytes(value.value);
  },
};
