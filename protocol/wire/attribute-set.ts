import type { Asn } from "../types/asn.ts";
import type { Community, ExtendedCommunity, LargeCommunity } from "../types/community.ts";
import type { IpAddress } from "../types/ip-address.ts";
import type { RouterId } from "../types/router-id.ts";
import type { Aggregator, AsPath, Origin } from "./attribute/path-attribute.ts";

/**
 * Everything that an UPDATE says about its prefixes, as one immutable value: the door for policy, export rules, explain
 * and tests. The RIB keeps its canonical octets instead, interned (see "canonical form" below); `decodeAttributeSet` and
 * `encodeAttributeSet` go between the two and are exact inverses.
 *
 * Canonical form, so that equal sets are equal octets whatever order and encoding the peer chose:
 *   +-----------------+----------------------+---------------------------------------------+
 *   | length (1): 0,  | next hop: 4, 16 or   | path attributes, ascending by type code,    |
 *   | 4, 16 or 32     | 16+16 octets         | each flags (1) code (1) length (1|2) value  |
 *   +-----------------+----------------------+---------------------------------------------+
 * Without NEXT_HOP, MP_REACH_NLRI, MP_UNREACH_NLRI, AS4_PATH and AS4_AGGREGATOR (merged into AS_PATH and AGGREGATOR,
 * RFC 6793 §4.2.3, both with four-octet AS numbers). Extended length only where the value has more than 255 octets.
 * Flags of known attributes are those of their definition (the partial bit kept where they are optional transitive);
 * unknown optional transitive ones stand with optional, transitive and partial; unknown optional non-transitive ones are gone.
 */
export type AttributeSet = {
  readonly nextHop: IpAddress | undefined;
  readonly linkLocalNextHop?: IpAddress;
  readonly origin: Origin;
  readonly asPath: AsPath;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: Aggregator;
  readonly communities?: readonly Community[];
  readonly originatorId?: RouterId;
  readonly clusterList?: readonly RouterId[];
  readonly extendedCommunities?: readonly ExtendedCommunity[];
  readonly aigp?: Uint8Array;
  readonly largeCommunities?: readonly LargeCommunity[];
  readonly onlyToCustomer?: Asn | 0;
  /** Type codes, ascending, of the known attributes that came with the partial bit. RFC 4271 §4.3. */
  readonly partial?: readonly number[];
  /** Optional transitive attributes that tortie does not know, passed on as RFC 4271 §5 says. */
  readonly unknown?: readonly {
    readonly code: number;
    readonly flags: number;
    readonly value: Uint8Array;
  }[];
};

/** The value of a canonical set. Exact inverse of `encodeAttributeSet`; the octets must come from it or from `UpdateCursor`. */
export function decodeAttributeSet(_canonical: Uint8Array): AttributeSet {
  throw new Error("not yet");
}

/** The canonical octets of a set. Throws RangeError when an attribute has more than 65,535 octets. */
export function encodeAttributeSet(_set: AttributeSet): Uint8Array {
  throw new Error("not yet");
}
