import type { Rib } from "../../rib/rib.ts";
import type { Family } from "../../types/family.ts";
import type { Instant } from "../../types/instant.ts";
import type { Prefix } from "../../types/prefix.ts";
import type { ExportProfile } from "./export-profile.ts";

/** One peer in one family, as a member of an update group. */
export type MemberKey = { readonly peerIndex: number; readonly family: Family };

/** A route that a peer was sent; `attributeSet` is the id of the set as sent (next hop included). */
export type SentRoute = {
  readonly prefix: Prefix;
  readonly pathId: number;
  readonly sourcePeer: number;
  readonly attributeSet: number;
};

/** All update groups of a speaker: who is told what, and the bytes that say it. RFC 4271 §9.1.3, §9.2. */
export class UpdateGroups {
  constructor(_rib: Rib) {}

  /** A session came up in this family: initial dump, End-of-RIB, then changes. */
  join(_member: MemberKey, _profile: ExportProfile): void {}

  /** The session ended: what was sent is forgotten. */
  leave(_member: MemberKey): void {}

  /** The profile changed while the session stays: only differences are sent. */
  regroup(_member: MemberKey, _profile: ExportProfile): void {}

  /** Sends everything again, in BoRR and EoRR where enhanced refresh was negotiated. RFC 2918, RFC 7313. */
  refresh(_member: MemberKey): void {}

  /** Whether `pull` would give something now. */
  hasOutput(_peerIndex: number, _now: Instant): boolean {
    return false;
  }

  /** Takes messages for a peer, all families, about `maxBytes` in all. The buffers are shared: never change them. */
  pull(_peerIndex: number, _maxBytes: number, _now: Instant): Uint8Array[] {
    return [];
  }

  /** When an advertisement interval ends and `hasOutput` may become true. */
  nextDeadline(): Instant | undefined {
    return undefined;
  }

  endOfRibSent(_member: MemberKey): boolean {
    return false;
  }

  /** Number of routes in the Adj-RIB-Out. */
  advertised(_member: MemberKey): number {
    return 0;
  }

  /** The Adj-RIB-Out: up to `limit` prefixes after position `after`; `next` is undefined at the end. */
  adjRibOut(
    _member: MemberKey,
    _after: number,
    _limit: number,
  ): { readonly routes: readonly SentRoute[]; readonly next: number | undefined } {
    return { routes: [], next: undefined };
  }

  /** What the peer was sent for a prefix. */
  sentTo(_member: MemberKey, _prefix: Prefix): readonly SentRoute[] {
    return [];
  }
}
