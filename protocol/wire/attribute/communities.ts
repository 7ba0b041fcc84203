import { Community } from "../../types/community.ts";
import { u32 } from "../octets.ts";
import type { AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_TRANSITIVE_FLAGS, WRONG_OPTIONAL } from "./attribute-definition.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

type CommunitiesValue = Extract<PathAttributeValue, { type: "communities" }>;

/** COMMUNITIES: one or more of 4 octets. RFC 1997. */
export const COMMUNITIES: AttributeDefinition<CommunitiesValue> = {
  code: 8,
  name: "COMMUNITIES",
  type: "communities",
  flags: OPTIONAL_TRANSITIVE_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 7606 §7.8",
  check(_bytes, start, end) {
    return end > start && (end - start) % 4 === 0 ? undefined : WRONG_OPTIONAL;
  },
  decode(bytes, start, end) {
    const communities: Community[] = [];
    for (let at = start; at < end; at += 4) communities.push(Community(u32(bytes, at)));
    return { type: "communities", communities };
  },
  encode(value, writer) {
    for (const community of value.communities) writer.putU32(community);
  },
};
