import type { FamilyRib } from "../../rib/family-rib.ts";
import { wordsOfPrefix } from "../../rib/prefix-words.ts";
import type { Rib } from "../../rib/rib.ts";
import type { Family } from "../../types/family.ts";
import type { Instant } from "../../types/instant.ts";
import type { Prefix } from "../../types/prefix.ts";
import { type ExportProfile, profileKey } from "./export-profile.ts";
import { type GroupMember, newMember } from "./group-member.ts";
import { type GroupLimits, UpdateGroup } from "./update-group.ts";

/** One peer in one family, as a member of an update group. */
export type MemberKey = { readonly peerIndex: number; readonly family: Family };

/** A route that a peer was sent; `attributeSet` is the id of the set as sent (next hop included), good until the next `Rib.work`. */
export type SentRoute = {
  readonly prefix: Prefix;
  readonly pathId: number;
  readonly sourcePeer: number;
  readonly attributeSet: number;
};

/** A member with its group. */
type Membership = {
  readonly member: GroupMember;
  readonly familyRib: FamilyRib;
  readonly group: UpdateGroup;
  readonly key: string;
};

/** A member that lags this far behind its group leaves the stream and catches up from the table. */
const MAX_LAG_OCTETS = 4 << 20;

/** All update groups of a speaker: who is told what, and the bytes that say it. RFC 4271 §9.1.3, §9.2. */
export class UpdateGroups {
  readonly #rib: Rib;
  readonly #limits: GroupLimits;
  readonly #groups = new Map<string, UpdateGroup>();
  readonly #memberships = new Map<number, Map<Family, Membership>>();

  constructor(rib: Rib, { maxLagOctets = MAX_LAG_OCTETS }: Partial<GroupLimits> = {}) {
    this.#rib = rib;
    this.#limits = { maxLagOctets };
  }

  /** A session came up in this family: initial dump, End-of-RIB, then changes. */
  join(member: MemberKey, profile: ExportProfile): void {
    this.leave(member);
    const familyRib = this.#rib.family(member.family);
    const key = profileKey(profile, member.family);
    const group =
      this.#groups.get(key) ?? new UpdateGroup(this.#rib, familyRib, profile, this.#limits);
    this.#groups.set(key, group);
    const made = newMember(member.peerIndex);
    group.join(made);
    this.#remember(member, { member: made, familyRib, group, key });
  }

  /** The session ended: what was sent is forgotten. */
  leave(member: MemberKey): void {
    const membership = this.#find(member);
    if (membership === undefined) return;
    this.#memberships.get(member.peerIndex)?.delete(member.family);
    this.#leaveGroup(membership);
  }

  /** The profile changed while the session stays: only differences are sent. */
  regroup(member: MemberKey, profile: ExportProfile): void {
    const membership = this.#find(member);
    const key = profileKey(profile, member.family);
    if (membership === undefined || membership.key === key) return;
    const group =
      this.#groups.get(key) ??
      new UpdateGroup(this.#rib, membership.familyRib, profile, {
        ...this.#limits,
        former: membership.group,
      });
    this.#groups.set(key, group);
    if (group.adopt(membership.member, membership.group)) this.#close(membership);
    this.#remember(member, { ...membership, group, key });
  }

  /** Sends everything again, in BoRR and EoRR where enhanced refresh was negotiated. RFC 2918, RFC 7313. */
  refresh(member: MemberKey): void {
    const membership = this.#find(member);
    membership?.group.refresh(membership.member);
  }

  /** Whether `pull` would give something now, or has work to do. */
  hasOutput(peerIndex: number, now: Instant): boolean {
    for (const { group, member } of this.#of(peerIndex)) {
      if (group.hasOutput(member, now)) return true;
    }
    return false;
  }

  /**
   * Takes messages for a peer, all families, about `maxBytes` in all. The buffers are shared: never change them. While
   * `hasOutput` stays true after an empty result there is work left: pull again soon.
   */
  pull(peerIndex: number, maxBytes: number, now: Instant): Uint8Array[] {
    const out: Uint8Array[] = [];
    const families = this.#memberships.get(peerIndex);
    if (families === undefined) return out;
    let octets = 0;
    for (const membership of families.values()) {
      octets += membership.group.pull(membership.member, maxBytes - octets, now, out);
      if (octets < maxBytes) continue;
      // The other families come first the next time, so that none of them starves.
      families.delete(membership.familyRib.family);
      families.set(membership.familyRib.family, membership);
      break;
    }
    return out;
  }

  /** When an advertisement interval ends and `hasOutput` may become true. */
  nextDeadline(): Instant | undefined {
    let earliest: Instant | undefined;
    for (const group of this.#groups.values()) {
      const deadline = group.nextDeadline();
      if (deadline !== undefined && (earliest === undefined || deadline < earliest)) {
        earliest = deadline;
      }
    }
    return earliest;
  }

  endOfRibSent(member: MemberKey): boolean {
    return this.#find(member)?.member.endOfRibSent ?? false;
  }

  /** Number of routes in the Adj-RIB-Out. */
  advertised(member: MemberKey): number {
    const membership = this.#find(member);
    return membership === undefined ? 0 : membership.group.advertised(membership.member);
  }

  /** The Adj-RIB-Out: up to `limit` routes after position `after` (0 at first); `next` is undefined at the end. */
  adjRibOut(
    member: MemberKey,
    after: number,
    limit: number,
  ): { readonly routes: readonly SentRoute[]; readonly next: number | undefined } {
    const membership = this.#find(member);
    if (membership === undefined) return { routes: [], next: undefined };
    const routes: SentRoute[] = [];
    const end = membership.group.sentTable().end(membership.familyRib.locRib.end());
    let row = after + 1;
    for (; row < end && routes.length < limit; row++) {
      const route = this.#sentRoute(membership, row);
      if (route !== undefined) routes.push(route);
    }
    return { routes, next: row < end ? row - 1 : undefined };
  }

  /** What the peer was sent for a prefix. */
  sentTo(member: MemberKey, prefix: Prefix): readonly SentRoute[] {
    const membership = this.#find(member);
    if (membership === undefined) return [];
    const sent = membership.group.sentTable();
    const id = prefixId(membership, prefix);
    const routes: SentRoute[] = [];
    for (let row = id === 0 ? 0 : sent.firstRow(id); row !== 0; row = sent.nextRow(row)) {
      const route = this.#sentRoute(membership, row);
      if (route !== undefined) routes.push(route);
    }
    return routes;
  }

  /** Why the best route of a prefix is not told to a peer, as a sentence; undefined when it is. */
  whyNot(member: MemberKey, prefix: Prefix): string | undefined {
    const membership = this.#find(member);
    if (membership === undefined) return "no session in this family";
    const { locRib } = membership.familyRib;
    const id = prefixId(membership, prefix);
    const best = id === 0 ? 0 : locRib.bestRoute(id);
    if (best === 0) return "no route is selected for this prefix";
    if (locRib.peer(best) === member.peerIndex) return "the best route came from this peer";
    return membership.group.refusal(id, best);
  }

  #sentRoute({ group, member, familyRib }: Membership, row: number): SentRoute | undefined {
    const sent = group.sentTable();
    const set = sent.set(row);
    const source = sent.source(row);
    if (set === 0 || source === member.peerIndex) return undefined;
    return {
      prefix: familyRib.locRib.prefix(sent.prefix(row)),
      pathId: sent.pathId(row),
      sourcePeer: source,
      attributeSet: this.#rib.reflectedSets.intern(set),
    };
  }

  /** Octets of what all groups keep of what they have sent. */
  byteLength(): number {
    let octets = 0;
    for (const group of this.#groups.values()) octets += group.byteLength();
    return octets;
  }

  #find(member: MemberKey): Membership | undefined {
    return this.#memberships.get(member.peerIndex)?.get(member.family);
  }

  #of(peerIndex: number): Iterable<Membership> {
    return this.#memberships.get(peerIndex)?.values() ?? [];
  }

  #remember(member: MemberKey, membership: Membership): void {
    const families = this.#memberships.get(member.peerIndex) ?? new Map<Family, Membership>();
    families.set(member.family, membership);
    this.#memberships.set(member.peerIndex, families);
  }

  #leaveGroup(membership: Membership): void {
    if (membership.group.leave(membership.member)) this.#close(membership);
  }

  #close({ group, key }: Membership): void {
    group.close();
    this.#groups.delete(key);
  }
}

function prefixId({ familyRib }: Membership, prefix: Prefix): number {
  const { words, length } = wordsOfPrefix(prefix);
  return words.length === familyRib.locRib.words ? familyRib.locRib.find(words, length) : 0;
}
