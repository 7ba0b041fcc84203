import { u32 } from "../octets.ts";
import type { AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_NON_TRANSITIVE_FLAGS, WRONG_LENGTH } from "./attribute-definition.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

type MultiExitDiscValue = Extract<PathAttributeValue, { type: "multiExitDisc" }>;

/** MULTI_EXIT_DISC: 32 bits. RFC 4271 §5.1.4. */
export const MULTI_EXIT_DISC: AttributeDefinition<MultiExitDiscValue> = {
  code: 4,
  name: "MULTI_EXIT_DISC",
  type: "multiExitDisc",
  flags: OPTIONAL_NON_TRANSITIVE_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 7606 §7.4",
  check(_bytes, start, end) {
    return end - start === 4 ? undefined : WRONG_LENGTH;
  },
  decode(bytes, start) {
    return { type: "multiExitDisc", med: u32(bytes, start) };
  },
  encode(value, writer) {
    writer.putU32(value.med);
  },
};
