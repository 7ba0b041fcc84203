import type { AttributeDefinition } from "./attribute-definition.ts";
import { WELL_KNOWN_FLAGS, WRONG_LENGTH } from "./attribute-definition.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

type AtomicAggregateValue = Extract<PathAttributeValue, { type: "atomicAggregate" }>;

/** ATOMIC_AGGREGATE: no octets at all. RFC 4271 §5.1.6. */
export const ATOMIC_AGGREGATE: AttributeDefinition<AtomicAggregateValue> = {
  code: 6,
  name: "ATOMIC_AGGREGATE",
  type: "atomicAggregate",
  flags: WELL_KNOWN_FLAGS,
  malformed: "attribute-discard",
  rule: "RFC 7606 §7.6",
  check(_bytes, start, end) {
    return start === end ? undefined : WRONG_LENGTH;
  },
  decode() {
    return { type: "atomicAggregate" };
  },
  encode() {
    // Its presence is all that it says.
  },
};
