import type { LargeCommunity } from "../../types/community.ts";
import { u32 } from "../octets.ts";
import type { AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_TRANSITIVE_FLAGS, WRONG_OPTIONAL } from "./attribute-definition.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

type LargeCommunitiesValue = Extract<PathAttributeValue, { type: "largeCommunities" }>;

/** Octets of one large community. RFC 8092 §3. */
export const LARGE_COMMUNITY_OCTETS = 12;

/** LARGE_COMMUNITY: one or more of 12 octets; repeated values are silently removed. RFC 8092 §3, §5, §6. */
export const LARGE_COMMUNITIES: AttributeDefinition<LargeCommunitiesValue> = {
  code: 32,
  name: "LARGE_COMMUNITY",
  type: "largeCommunities",
  flags: OPTIONAL_TRANSITIVE_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 8092 §6",
  check(_bytes, start, end) {
    const octets = end - start;
    return octets > 0 && octets % LARGE_COMMUNITY_OCTETS === 0 ? undefined : WRONG_OPTIONAL;
  },
  decode(bytes, start, end) {
    const distinct = new Set<LargeCommunity>();
    for (let at = start; at < end; at += LARGE_COMMUNITY_OCTETS) {
      distinct.add(largeCommunityAt(bytes, at));
    }
    return { type: "largeCommunities", largeCommunities: [...distinct] };
  },
  encode(value, writer) {
    for (const community of value.largeCommunities) {
      for (const part of community.split(":")) writer.putU32(Number(part));
    }
  },
};

/** The large community in the 12 octets at `at`. */
export function largeCommunityAt(bytes: Uint8Array, at: number): LargeCommunity {
  const text = `${u32(bytes, at)}:${u32(bytes, at + 4)}:${u32(bytes, at + 8)}`;
  return text as LargeCommunity;
}
