import type { AttributeDefect, AttributeDefinition } from "./attribute-definition.ts";
import { WELL_KNOWN_FLAGS, WRONG_LENGTH } from "./attribute-definition.ts";
import type { Origin, PathAttributeValue } from "./path-attribute.ts";

type OriginValue = Extract<PathAttributeValue, { type: "origin" }>;

const ORIGINS: readonly Origin[] = ["igp", "egp", "incomplete"];
const WRONG_VALUE: AttributeDefect = { reason: "undefined ORIGIN value", subcode: 6 };

/** ORIGIN: one octet, 0 to 2. RFC 4271 §5.1.1. */
export const ORIGIN: AttributeDefinition<OriginValue> = {
  code: 1,
  name: "ORIGIN",
  type: "origin",
  flags: WELL_KNOWN_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 7606 §7.1",
  check(bytes, start, end) {
    if (end - start !== 1) return WRONG_LENGTH;
    return (bytes[start] as number) > 2 ? WRONG_VALUE : undefined;
  },
  decode(bytes, start) {
    return { type: "origin", origin: originFromCode(bytes[start] as number) };
  },
  encode(value, writer) {
    writer.putU8(ORIGINS.indexOf(value.origin));
  },
};

function originFromCode(code: number): Origin {
  const origin = ORIGINS[code];
  if (origin === undefined) throw new RangeError(`not an ORIGIN: ${code}`);
  return origin;
}
