import type { AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_NON_TRANSITIVE_FLAGS, WRONG_OPTIONAL } from "./attribute-definition.ts";
import { receivedIdentifier } from "./identifier.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

type OriginatorIdValue = Extract<PathAttributeValue, { type: "originatorId" }>;

/** ORIGINATOR_ID: 4 octets, between internal peers only. RFC 4456 §8. */
export const ORIGINATOR_ID: AttributeDefinition<OriginatorIdValue> = {
  code: 9,
  name: "ORIGINATOR_ID",
  type: "originatorId",
  flags: OPTIONAL_NON_TRANSITIVE_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 7606 §7.9",
  onlyFrom: { peer: "internal", rule: "RFC 7606 §7.9" },
  check(_bytes, start, end) {
    return end - start === 4 ? undefined : WRONG_OPTIONAL;
  },
  decode(bytes, start) {
    return { type: "originatorId", originatorId: receivedIdentifier(bytes, start) };
  },
  encode(value, writer) {
    writer.putU32(value.originatorId);
  },
};
