import { Asn } from "../../types/asn.ts";
import { u32 } from "../octets.ts";
import type { AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_TRANSITIVE_FLAGS, WRONG_OPTIONAL } from "./attribute-definition.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

type OnlyToCustomerValue = Extract<PathAttributeValue, { type: "onlyToCustomer" }>;

/** ONLY_TO_CUSTOMER: an AS number in 4 octets; RFC 7607 does not forbid 0 here. RFC 9234 §5. */
export const ONLY_TO_CUSTOMER: AttributeDefinition<OnlyToCustomerValue> = {
  code: 35,
  name: "ONLY_TO_CUSTOMER",
  type: "onlyToCustomer",
  flags: OPTIONAL_TRANSITIVE_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 9234 §5",
  check(_bytes, start, end) {
    return end - start === 4 ? undefined : WRONG_OPTIONAL;
  },
  decode(bytes, start) {
    const value = u32(bytes, start);
    return { type: "onlyToCustomer", asn: value === 0 ? 0 : Asn(value) };
  },
  encode(value, writer) {
    writer.putU32(value.asn);
  },
};
