import type { Family } from "../types/family.ts";
import type { IpAddress } from "../types/ip-address.ts";
import type { Prefix } from "../types/prefix.ts";
import type { BestRouteReader } from "./best-route-reader.ts";
import type { RouteView } from "./route-view.ts";
import type { Verdict } from "./verdict.ts";

/** Judges a route of a peer again: the verdict of import checks and policy as they are now. */
export type ImportJudge = (words: Uint32Array, length: number, receivedSet: number) => Verdict;

/** Routes of a peer: in the Adj-RIB-In, accepted, and chosen as best. */
export type RouteCounts = {
  readonly received: number;
  readonly accepted: number;
  readonly best: number;
};

/** Adj-RIB-In of all peers, Loc-RIB and change log of one family. RFC 4271 §3.2, §9.1. */
export class FamilyRib {
  readonly family: Family;

  constructor(family: Family) {
    this.family = family;
  }

  /**
   * A route of a peer (0: this host's origination) arrives or changes. `words` holds the prefix, one word for IPv4, four
   * for IPv6, host bits zero; `pathId` is 0 without ADD-PATH. The hot path: no object is made, and the decision waits
   * for `Rib.work`. True when the route is new to the Adj-RIB-In.
   */
  announce(
    _peerIndex: number,
    _words: Uint32Array,
    _length: number,
    _pathId: number,
    _receivedSet: number,
    _verdict: Verdict,
  ): boolean {
    return false;
  }

  /** False when there was no such route. */
  withdraw(_peerIndex: number, _words: Uint32Array, _length: number, _pathId: number): boolean {
    return false;
  }

  /**
   * All present routes of the peer become stale, and those that were stale already go (RFC 4724 §4.2). Constant time.
   * Also the beginning of an enhanced refresh (RFC 7313): what is not announced again is swept at its end.
   */
  markStale(_peerIndex: number): void {}

  /** Stale routes of the peer go; `Rib.work` does it in slices. */
  sweepStale(_peerIndex: number): void {}

  /** All present routes of the peer go; `Rib.work` does it in slices. Routes announced from now on stay. */
  removePeer(_peerIndex: number): void {}

  hasStale(_peerIndex: number): boolean {
    return false;
  }

  /** Judges all routes of the peer again, in slices, after a change of policy or import rules. */
  rejudge(_peerIndex: number, _judge: ImportJudge): void {}

  /** While true no route is selected and nothing is sent: our own restart waits for End-of-RIB. RFC 4724 §4.1. */
  deferSelection(_deferred: boolean): void {}

  counts(_peerIndex: number): RouteCounts {
    return { received: 0, accepted: 0, best: 0 };
  }

  prefixCount(): number {
    return 0;
  }

  routeCount(): number {
    return 0;
  }

  /** All candidates of the prefix, the best one first; each loser with the step and the route that eliminated it. */
  explain(_prefix: Prefix): readonly RouteView[] {
    return [];
  }

  longestMatch(_address: IpAddress): Prefix | undefined {
    return undefined;
  }

  /**
   * Up to `limit` prefixes after the position `after` (0 at first), in table order; the last position is the next
   * `after`. `within` keeps those that it covers.
   */
  page(_after: number, _limit: number, _within?: Prefix): PrefixPage {
    return { prefixes: [], next: undefined };
  }

  /** A new reader of best routes, which begins with the whole table. */
  bestRoutes(): BestRouteReader {
    return { read: () => undefined, restart: () => {} };
  }
}

export type PrefixPage = {
  readonly prefixes: readonly Prefix[];
  readonly next: number | undefined;
};
