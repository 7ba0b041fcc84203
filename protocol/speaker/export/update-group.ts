/*
 * Hot: `#evaluate` and what it calls is written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Peers with one export profile in one family. The group reads the change log once, compares each prefix with what it last
 * sent, and encodes the difference once; the same octets go to every member. What differs by member is only split
 * horizon: a member skips runs that came from itself (audience.ts).
 *
 * Pulled, not pushed: the first member whose socket wants more makes the group read on; others find the runs on the stream.
 * A member that falls behind by more than the stream may hold is detached: it reads the table of what was sent (catch-up.ts),
 * which is how late joiners and refreshes are served too, and joins the stream again at its end. So a slow member costs two
 * bits a route, and never slows the others.
 */
import type { FamilyRib } from "../../rib/family-rib.ts";
import type { PrefixHolder } from "../../rib/graveyard.ts";
import type { LocRib } from "../../rib/loc-rib.ts";
import type { Rib } from "../../rib/rib.ts";
import { addSeconds, type Instant } from "../../types/instant.ts";
import { EVERYONE, everyoneBut, includes, only } from "./audience.ts";
import { BatchEncoder } from "./batch-encoder.ts";
import { CatchUp } from "./catch-up.ts";
import type { ExportProfile } from "./export-profile.ts";
import { FormerHoldings } from "./former-holdings.ts";
import { GroupExporter } from "./group-exporter.ts";
import type { GroupMember } from "./group-member.ts";
import { GroupReader } from "./group-reader.ts";
import { GroupStream } from "./group-stream.ts";
import { beginningOfRefresh, endOfRefresh, endOfRib } from "./markers.ts";
import { OutgoingBatch } from "./outgoing-batch.ts";
import { SeenFacts } from "./seen-facts.ts";
import { NOBODY, SentTable } from "./sent-table.ts";

/** What one batch may cost, in units of a prefix that is looked at: a millisecond or so. The last prefix may go beyond it. */
const BATCH_UNITS = 2048;
/** A set that is worked out, and a page of the sent-table that is copied, cost as much as so many prefixes. */
const UNITS_PER_SET = 12;
const UNITS_PER_COPY = 256;
/** Chained rows that are freed before a batch: more than one batch can leave behind. */
const IDLE_ROWS = 2 * BATCH_UNITS;
/** Rows that a member catches up with at a time. */
const CATCH_UP_ROWS = 2048;
/** What may be asked of a group besides its profile. */
export type GroupLimits = {
  /** Octets that a member may lag behind before it is detached. */
  readonly maxLagOctets: number;
};

export class UpdateGroup implements PrefixHolder {
  readonly profile: ExportProfile;
  readonly #maxLagOctets: number;
  readonly #familyRib: FamilyRib;
  readonly #locRib: LocRib;
  readonly #sent: SentTable;
  readonly #reader: GroupReader;
  readonly #exporter: GroupExporter;
  readonly #facts: SeenFacts;
  readonly #encoder: BatchEncoder;
  readonly #stream = new GroupStream();
  readonly #batch = new OutgoingBatch();
  readonly #members = new Map<number, GroupMember>();
  readonly #detached = new Set<GroupMember>();
  /** The first walk is under way: what was sent is not yet what there is. */
  #filling: boolean;
  #notBefore: Instant | undefined;
  /** Counts changes of the sent-table, to recognise a twin. */
  #version = 0;
  #twin: { readonly group: UpdateGroup; readonly version: number } | undefined;

  /** With a `former` group the new one begins with what that one has sent, and finds out the differences. */
  constructor(
    rib: Rib,
    familyRib: FamilyRib,
    profile: ExportProfile,
    options: GroupLimits & { readonly former?: UpdateGroup | undefined },
  ) {
    const { former } = options;
    const { locRib } = familyRib;
    const addPath = profile.wireContext.addPath.has(familyRib.family);
    this.profile = profile;
    this.#maxLagOctets = options.maxLagOctets;
    this.#familyRib = familyRib;
    this.#locRib = locRib;
    this.#sent = former ? former.#sent.share() : new SentTable(rib.attributeSets, { addPath });
    this.#filling = former ? former.#filling : true;
    this.#twin = former && { group: former, version: former.#version };
    const formerReader = former ? former.#reader : undefined;
    this.#reader = new GroupReader(locRib, { allPaths: addPath }, formerReader);
    this.#exporter = new GroupExporter(rib, locRib, profile);
    const tables = { locRib, sets: rib.reflectedSets, sent: this.#sent };
    this.#encoder = new BatchEncoder(tables, profile.wireContext);
    this.#facts = new SeenFacts(rib, { looksAtInterface: this.#exporter.looksAtInterface() });
    locRib.addHolder(this);
  }

  close(): void {
    this.#reader.close();
    this.#exporter.close();
    this.#sent.clear();
    this.#locRib.removeHolder(this);
  }

  /** A new member, which was sent nothing yet. */
  join(member: GroupMember): void {
    this.#members.set(member.peerIndex, member);
    const untouched = this.#filling && this.#reader.isAtStart() && this.#stream.end() === 0;
    if (untouched) this.#attach(member);
    else this.#detachWith(member, new CatchUp("fresh", member.peerIndex));
  }

  /** True when nobody is left. */
  leave(member: GroupMember): boolean {
    member.catchUp?.close();
    return this.#forget(member);
  }

  /** Takes a member over from another group: only what differs will be sent. True when nobody is left there. */
  adopt(member: GroupMember, from: UpdateGroup): boolean {
    const before = member.catchUp ?? from.#stream.missedBy(member, from.#sent);
    const isTwin = this.#twin?.group === from && this.#twin.version === from.#version;
    this.#members.set(member.peerIndex, member);
    // A twin has the same rows: what was missed there is what is missed here.
    if (isTwin && before.isDone()) this.#attach(member);
    else if (isTwin) this.#detachWith(member, before);
    else {
      // What a refresh did not come to would count as gone at its end: it begins anew. RFC 7313 §4.
      member.refreshWanted ||= member.refreshing;
      member.refreshing = false;
      const former = FormerHoldings.of(from.#sent, this.#locRib.end(), before);
      this.#detachWith(member, new CatchUp(former, member.peerIndex));
    }
    return from.#forget(member);
  }

  hasOutput(member: GroupMember, now: Instant): boolean {
    if (this.#familyRib.isSelectionDeferred()) return false;
    if (member.catchUp !== undefined) return true;
    if (member.cursor < this.#stream.end() || member.refreshWanted) return true;
    if (this.#owesEndOfRib(member)) return true;
    return (this.#facts.isOutdated() || this.#reader.hasNews()) && this.#mayRead(now);
  }

  /** When the advertisement interval ends that holds something back. */
  nextDeadline(): Instant | undefined {
    return this.#reader.hasNews() ? this.#notBefore : undefined;
  }

  /** Puts messages for a member into `out`, about `maxBytes`, and reads at most one batch for them; returns how many octets. */
  pull(member: GroupMember, maxBytes: number, now: Instant, out: Uint8Array[]): number {
    if (this.#familyRib.isSelectionDeferred()) return 0;
    const known = this.#give(member, maxBytes, out);
    if (known > 0 || !(this.#readOn(now) || this.#hasMore(member))) return known;
    return this.#give(member, maxBytes, out);
  }

  /** Everything is to be sent again. */
  refresh(member: GroupMember): void {
    member.refreshWanted = true;
  }

  advertised(member: GroupMember): number {
    return this.#sent.countWithout(member.peerIndex);
  }

  holdsPrefix(prefix: number): boolean {
    if (this.#sent.holdsPrefix(prefix)) return true;
    for (const { catchUp } of this.#detached) {
      if (catchUp?.holdsPrefix(prefix, this.#sent)) return true;
    }
    return false;
  }

  /** Octets of what was sent, and of how that was worked out. */
  byteLength(): number {
    return this.#sent.byteLength() + this.#exporter.byteLength();
  }

  /** What was sent, for snapshots. */
  sentTable(): SentTable {
    return this.#sent;
  }

  /** Why a route is not told to the members of this group; undefined when it is. */
  refusal(prefix: number, route: number): string | undefined {
    return this.#exporter.refusal(prefix, route);
  }

  /** Gives what the member can have without reading on. */
  #give(member: GroupMember, maxBytes: number, out: Uint8Array[]): number {
    if (member.catchUp !== undefined) return this.#filling ? 0 : this.#giveCatchUp(member, out);
    const fromStream = this.#giveStream(member, maxBytes, out);
    if (fromStream > 0) return fromStream;
    if (this.#owesEndOfRib(member)) return this.#giveEndOfRib(member, out);
    if (!member.refreshWanted || this.#filling) return 0;
    member.refreshWanted = false;
    member.refreshing = true;
    this.#detachWith(member, new CatchUp("refresh", member.peerIndex));
    return this.profile.enhancedRefresh ? put(out, beginningOfRefresh(this.#locRib.family)) : 0;
  }

  #hasMore(member: GroupMember): boolean {
    return member.catchUp !== undefined && !this.#filling;
  }

  #giveStream(member: GroupMember, maxBytes: number, out: Uint8Array[]): number {
    let octets = 0;
    const end = this.#stream.end();
    while (member.cursor < end && octets < maxBytes) {
      const run = this.#stream.run(member.cursor++);
      if (!includes(run.audience, member.peerIndex)) continue;
      octets += run.end - run.start;
      out.push(run.buffer.subarray(run.start, run.end));
    }
    return octets;
  }

  #giveCatchUp(member: GroupMember, out: Uint8Array[]): number {
    const catchUp = member.catchUp as CatchUp;
    const batch = this.#batch;
    batch.clear();
    catchUp.take(CATCH_UP_ROWS, this.#sent, this.#sent.end(this.#locRib.end()), (row, held) => {
      const set = this.#sent.set(row);
      const told = set !== 0 && this.#sent.source(row) !== member.peerIndex;
      if (told) batch.announce(EVERYONE, set, row, NOBODY);
      else if (held) batch.withdraw(EVERYONE, row, NOBODY);
    });
    let octets = 0;
    for (const run of this.#encoder.encode(batch).runs) {
      octets += put(out, run.buffer.subarray(run.start, run.end));
    }
    if (catchUp.passedTable()) octets += this.#endPass(member, out);
    if (catchUp.isDone()) this.#attach(member);
    return octets;
  }

  /** The table was sent once: End-of-RIB of a new session, or the end of a refresh. RFC 4724 §2, RFC 7313 §4. */
  #endPass(member: GroupMember, out: Uint8Array[]): number {
    let octets = 0;
    if (!member.endOfRibSent && this.#isSettled()) octets += this.#giveEndOfRib(member, out);
    if (!member.refreshing) return octets;
    member.refreshing = false;
    if (!this.profile.enhancedRefresh) return octets;
    return octets + put(out, endOfRefresh(this.#locRib.family));
  }

  #giveEndOfRib(member: GroupMember, out: Uint8Array[]): number {
    member.endOfRibSent = true;
    return put(out, endOfRib(this.#locRib.family));
  }

  #owesEndOfRib(member: GroupMember): boolean {
    return !member.endOfRibSent && member.cursor >= this.#stream.end() && this.#isSettled();
  }

  /** What was sent is what there is: only then an End-of-RIB tells the truth. */
  #isSettled(): boolean {
    return !this.#filling && !this.#familyRib.hasUndecided() && !this.#reader.hasNews();
  }

  #mayRead(now: Instant): boolean {
    return this.#notBefore === undefined || now >= this.#notBefore;
  }

  /** Reads a batch of changes and puts it on the stream; false when there is nothing to read now. */
  #readOn(now: Instant): boolean {
    this.#twin = undefined;
    this.#noticeChanges();
    if (!this.#mayRead(now)) return false;
    if (!this.#reader.hasNews()) return this.#endFilling();
    this.#makeRoom();
    const position = this.#reader.position();
    this.#batch.clear();
    const end = this.#spent() + BATCH_UNITS;
    for (let i = 0; i + this.#spent() < end; i++) {
      const prefix = this.#reader.next();
      if (prefix === 0) break;
      if (this.#sent.hasAddPath()) this.#evaluatePaths(prefix);
      else this.#evaluate(prefix);
    }
    if (!this.#reader.isWalking()) this.#filling = false;
    if (this.#batch.size() > 0) this.#publish(position, now);
    return true;
  }

  /** Units that went into sets and pages so far. */
  #spent(): number {
    return UNITS_PER_SET * this.#exporter.setsWorkedOut + UNITS_PER_COPY * this.#sent.copies;
  }

  #endFilling(): boolean {
    const was = this.#filling;
    this.#filling = false;
    return was;
  }

  #publish(position: number, now: Instant): void {
    const interval = this.profile.advertisementIntervalSeconds;
    if (interval > 0) this.#notBefore = addSeconds(now, interval);
    if (this.#members.size === this.#detached.size) return;
    const { runs, record } = this.#encoder.encode(this.#batch);
    this.#stream.append(runs, record, position);
    this.#reader.pin(this.#stream.pinnedPosition());
  }

  #evaluate(prefix: number): void {
    const route = this.#locRib.bestRoute(prefix);
    const set = route === 0 ? 0 : this.#exporter.outSet(prefix, route);
    if (set === 0) {
      if (this.#sent.set(prefix) !== 0) this.#change(prefix, 0, NOBODY);
    } else this.#change(prefix, set, this.#locRib.peer(route));
  }

  /** With ADD-PATH every eligible route is told, under its own number as path id. RFC 7911. */
  #evaluatePaths(prefix: number): void {
    const told = new Set<number>();
    for (let at = this.#locRib.firstRoute(prefix); at !== 0; at = this.#locRib.nextRoute(at)) {
      const set = this.#locRib.isEligible(at) ? this.#exporter.outSet(prefix, at) : 0;
      if (set === 0) continue;
      const row = this.#sent.rowFor(prefix, at);
      told.add(row);
      this.#change(row, set, this.#locRib.peer(at));
    }
    for (let row = this.#sent.firstRow(prefix); row !== 0; row = this.#sent.nextRow(row)) {
      if (!told.has(row) && this.#sent.set(row) !== 0) this.#change(row, 0, NOBODY);
    }
  }

  /** Compares with what was last sent, and says the difference to those whom it concerns. */
  #change(row: number, set: number, source: number): void {
    const oldSet = this.#sent.set(row);
    const oldSource = this.#sent.source(row);
    if (set === oldSet && source === oldSource) return;
    this.#sent.store(row, set, source);
    this.#version++;
    for (const member of this.#detached) member.catchUp?.mark(row, oldSource, this.#sent);
    if (set === 0) {
      this.#batch.withdraw(this.#everyoneBut(oldSource), row, oldSource);
      this.#sent.noteIdle(row);
      return;
    }
    if (set !== oldSet) this.#batch.announce(this.#everyoneBut(source), set, row, oldSource);
    else if (this.#members.has(oldSource)) {
      // Same content from another peer: only the old source has not heard it yet.
      this.#batch.announce(only(oldSource), set, row, oldSource);
    }
    const heldBySource = oldSource !== NOBODY && oldSource !== source && this.#members.has(source);
    if (heldBySource) this.#batch.withdraw(only(source), row, oldSource);
  }

  #everyoneBut(source: number): number {
    return this.#members.has(source) ? everyoneBut(source) : EVERYONE;
  }

  #noticeChanges(): void {
    if (!this.#facts.isOutdated()) return;
    this.#facts.see();
    this.#exporter.forget();
    this.#reader.restart();
  }

  /** Forgets what all have read, and detaches who lags too far behind. */
  #makeRoom(): void {
    let oldest = this.#stream.end();
    for (const member of this.#members.values()) {
      if (this.#detached.has(member)) continue;
      if (this.#stream.octetsFrom(member.cursor) > this.#maxLagOctets) this.#detach(member);
      else oldest = Math.min(oldest, member.cursor);
    }
    this.#stream.trim(oldest);
    this.#reader.pin(this.#stream.pinnedPosition());
    if (this.#stream.isEmpty() && this.#detached.size === 0) this.#sent.freeIdleRows(IDLE_ROWS);
  }

  /** True when nobody is left. */
  #forget(member: GroupMember): boolean {
    this.#members.delete(member.peerIndex);
    this.#detached.delete(member);
    return this.#members.size === 0;
  }

  #detach(member: GroupMember): void {
    this.#detachWith(member, this.#stream.missedBy(member, this.#sent));
  }

  #detachWith(member: GroupMember, catchUp: CatchUp): void {
    member.catchUp = catchUp;
    this.#detached.add(member);
  }

  #attach(member: GroupMember): void {
    member.catchUp?.close();
    member.catchUp = undefined;
    member.cursor = this.#stream.end();
    this.#detached.delete(member);
  }
}

function put(out: Uint8Array[], octets: Uint8Array): number {
  out.push(octets);
  return octets.length;
}
