import type { Family } from "../types/family.ts";
import type { IpAddress } from "../types/ip-address.ts";
import { AttributeSetTable } from "./attribute-set-table.ts";
import type { DecisionConfig } from "./decision-config.ts";
import { FamilyRib } from "./family-rib.ts";
import type { NextHopResolution } from "./next-hop-table.ts";
import type { PeerFacts } from "./peer-table.ts";

/** All routes of one speaker: a FamilyRib per family over shared attribute sets, peers and next hops. RFC 4271 §3.2. */
export class Rib {
  readonly attributeSets = new AttributeSetTable();

  constructor(_config: DecisionConfig) {}

  /** The tables of a family; made at the first call. Throws RangeError for a family that tortie does not route. */
  family(family: Family): FamilyRib {
    return new FamilyRib(family);
  }

  families(): readonly FamilyRib[] {
    return [];
  }

  /** A change re-decides everything, in slices. */
  configure(_config: DecisionConfig): void {}

  /** Sets the facts of a peer, before its first route and whenever an OPEN brings new ones. Index 1 to 65,534. */
  setPeer(_peerIndex: number, _facts: PeerFacts): void {}

  /** What next hops resolve to now; routes with a next hop that changed are re-decided by `work`. */
  nextHopChanged(_nextHops: readonly NextHopResolution[]): void {}

  /** The next hops of all accepted routes, when the set differs from that of the last call; else undefined. */
  takeTrackedNextHops(): readonly IpAddress[] | undefined {
    return undefined;
  }

  /** Continues all long work: sweeps, next hop scans, decisions. `budget` counts prefixes. True while work remains. */
  work(_budget: number): boolean {
    return false;
  }
}
