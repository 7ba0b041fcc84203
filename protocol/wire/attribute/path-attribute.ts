import type { Asn } from "../../types/asn.ts";
import type { Community, ExtendedCommunity, LargeCommunity } from "../../types/community.ts";
import type { Family } from "../../types/family.ts";
import type { IpAddress } from "../../types/ip-address.ts";
import type { RouterId } from "../../types/router-id.ts";
import type { Nlri } from "../message.ts";

/** Attribute Flags octet, high four bits. RFC 4271 §4.3. */
export const AttributeFlag = {
  optional: 0x80,
  transitive: 0x40,
  partial: 0x20,
  extendedLength: 0x10,
} as const;

/** RFC 4271 §5.1.1. */
export type Origin = "igp" | "egp" | "incomplete";

/** RFC 4271 §4.3, RFC 5065 §3. AS 0 never gets here: it is a fault (RFC 7607). */
export type AsPathSegment = {
  readonly type: "sequence" | "set" | "confedSequence" | "confedSet";
  readonly asns: readonly Asn[];
};
export type AsPath = readonly AsPathSegment[];

export type Aggregator = { readonly asn: Asn; readonly address: RouterId };

/** One path attribute as carried in an UPDATE: its value, and the flags octet as received. */
export type PathAttribute = PathAttributeValue & { readonly flags: number };

export type PathAttributeValue =
  | { readonly type: "origin"; readonly origin: Origin }
  | { readonly type: "asPath"; readonly asPath: AsPath }
  | { readonly type: "nextHop"; readonly nextHop: IpAddress }
  | { readonly type: "multiExitDisc"; readonly med: number }
  | { readonly type: "localPref"; readonly localPref: number }
  | { readonly type: "atomicAggregate" }
  | { readonly type: "aggregator"; readonly aggregator: Aggregator }
  | { readonly type: "communities"; readonly communities: readonly Community[] }
  | { readonly type: "originatorId"; readonly originatorId: RouterId }
  | { readonly type: "clusterList"; readonly clusterList: readonly RouterId[] }
  | MpReach
  | MpUnreach
  | {
      readonly type: "extendedCommunities";
      readonly extendedCommunities: readonly ExtendedCommunity[];
    }
  | { readonly type: "as4Path"; readonly asPath: AsPath }
  | { readonly type: "as4Aggregator"; readonly aggregator: Aggregator }
  | { readonly type: "aigp"; readonly metric: bigint | undefined; readonly value: Uint8Array }
  | { readonly type: "largeCommunities"; readonly largeCommunities: readonly LargeCommunity[] }
  | { readonly type: "onlyToCustomer"; readonly asn: Asn | 0 }
  | { readonly type: "unknown"; readonly code: number; readonly value: Uint8Array };

/** RFC 4760 §3. A family that tortie does not route keeps its next hop and NLRI octets in `raw`, and `nlri` is empty. */
export type MpReach = {
  readonly type: "mpReach";
  readonly family: Family;
  /** Global address first, then the link-local one where present. RFC 2545 §3. */
  readonly nextHops: readonly IpAddress[];
  readonly nlri: readonly Nlri[];
  readonly raw?: { readonly nextHop: Uint8Array; readonly nlri: Uint8Array };
};

/** RFC 4760 §4. */
export type MpUnreach = {
  readonly type: "mpUnreach";
  readonly family: Family;
  readonly withdrawn: readonly Nlri[];
  readonly raw?: Uint8Array;
};
