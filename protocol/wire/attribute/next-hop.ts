import { ipAddressFromBytes, ipAddressToBytes } from "../../types/ip-address.ts";
import type { AttributeDefinition } from "./attribute-definition.ts";
import { WELL_KNOWN_FLAGS, WRONG_LENGTH } from "./attribute-definition.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

type NextHopValue = Extract<PathAttributeValue, { type: "nextHop" }>;

/** NEXT_HOP: an IPv4 address; whether it is a sensible one is the RIB's question. RFC 4271 §5.1.3. */
export const NEXT_HOP: AttributeDefinition<NextHopValue> = {
  code: 3,
  name: "NEXT_HOP",
  type: "nextHop",
  flags: WELL_KNOWN_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 7606 §7.3",
  check(_bytes, start, end) {
    return end - start === 4 ? undefined : WRONG_LENGTH;
  },
  decode(bytes, start, end) {
    return { type: "nextHop", nextHop: ipAddressFromBytes(bytes.subarray(start, end)) };
  },
  encode(value, writer) {
    const address = ipAddressToBytes(value.nextHop);
    if (address.length !== 4) throw new RangeError(`NEXT_HOP is IPv4, not ${value.nextHop}`);
    writer.putBytes(address);
  },
};
