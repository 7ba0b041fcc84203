import { decodeNlri, encodeNlri, findNlriError, nlriLayout } from "../nlri.ts";
import type { AttributeDefect, AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_NON_TRANSITIVE_FLAGS } from "./attribute-definition.ts";
import { mpFamilyAt, putMpFamily } from "./mp-reach.ts";
import type { MpUnreach } from "./path-attribute.ts";

/*
 *   +---------+----------+------------------+
 *   | AFI (2) | SAFI (1) | withdrawn routes |     RFC 4760 §4; without routes it is End-of-RIB, RFC 4724 §2
 *   +---------+----------+------------------+
 */
const SHORTEST = 3;

const TOO_SHORT: AttributeDefect = { reason: "shorter than 3 octets", subcode: 9 };
const BAD_NLRI: AttributeDefect = { reason: "syntactically incorrect NLRI", subcode: 9 };

/** MP_UNREACH_NLRI. RFC 4760 §4, RFC 7606 §5.3, §7.12. */
export const MP_UNREACH: AttributeDefinition<MpUnreach> = {
  code: 15,
  name: "MP_UNREACH_NLRI",
  type: "mpUnreach",
  flags: OPTIONAL_NON_TRANSITIVE_FLAGS,
  malformed: "session-reset",
  rule: "RFC 7606 §7.12",
  check(bytes, start, end, context) {
    if (end - start < SHORTEST) return TOO_SHORT;
    const layout = nlriLayout(mpFamilyAt(bytes, start), context);
    if (layout === undefined) return undefined;
    return findNlriError(bytes, start + SHORTEST, end, layout) < 0 ? undefined : BAD_NLRI;
  },
  decode(bytes, start, end, context) {
    const family = mpFamilyAt(bytes, start);
    const layout = nlriLayout(family, context);
    const routes = start + SHORTEST;
    return layout === undefined
      ? { type: "mpUnreach", family, withdrawn: [], raw: bytes.slice(routes, end) }
      : { type: "mpUnreach", family, withdrawn: decodeNlri(bytes, routes, end, layout) };
  },
  encode(value, writer, context) {
    putMpFamily(value.family, writer);
    const layout = nlriLayout(value.family, context);
    if (layout !== undefined) encodeNlri(value.withdrawn, layout, writer);
    else if (value.raw) writer.putBytes(value.raw);
  },
};
