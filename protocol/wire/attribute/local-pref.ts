import { u32 } from "../octets.ts";
import type { AttributeDefinition } from "./attribute-definition.ts";
import { WELL_KNOWN_FLAGS, WRONG_LENGTH } from "./attribute-definition.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

type LocalPrefValue = Extract<PathAttributeValue, { type: "localPref" }>;

/** LOCAL_PREF: 32 bits, between internal peers only. RFC 4271 §5.1.5. */
export const LOCAL_PREF: AttributeDefinition<LocalPrefValue> = {
  code: 5,
  name: "LOCAL_PREF",
  type: "localPref",
  flags: WELL_KNOWN_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 7606 §7.5",
  onlyFrom: { peer: "internal", rule: "RFC 7606 §7.5" },
  check(_bytes, start, end) {
    return end - start === 4 ? undefined : WRONG_LENGTH;
  },
  decode(bytes, start) {
    return { type: "localPref", localPref: u32(bytes, start) };
  },
  encode(value, writer) {
    writer.putU32(value.localPref);
  },
};
