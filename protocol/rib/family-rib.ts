/*
 * Hot: `announce`, `withdraw` and `decide` are written like C on purpose; test/bench/rib.bench.ts measures them.
 *
 * Adj-RIB-In of all peers, Loc-RIB and change log of one family. A route comes in by `announce`, which only stores it and
 * puts its prefix on the list of dirty ones; `work` decides dirty prefixes and writes what changed into the change log,
 * where the update groups and the kernel read it.
 *
 * Invariants: a prefix with PREFIX_DIRTY stands on the dirty list exactly once; a withdrawn route stays linked until the
 * decision unlinks it; a prefix without routes stands in the graveyard until every cursor is past its last log entry and
 * no holder (a sent-table) names it, and only then its id may be used again.
 */
import type { Family } from "../types/family.ts";
import type { IpAddress } from "../types/ip-address.ts";
import type { Prefix } from "../types/prefix.ts";
import type { AttributeSetTable } from "./attribute-set-table.ts";
import { type BestRouteReader, LocRibReader } from "./best-route-reader.ts";
import { CHANGE_BEST, ChangeLog } from "./change-log.ts";
import type { DecisionConfig } from "./decision-config.ts";
import { DecisionProcess } from "./decision-process.ts";
import { Graveyard } from "./graveyard.ts";
import { IdQueue } from "./id-queue.ts";
import { LocRib } from "./loc-rib.ts";
import type { NextHopTable } from "./next-hop-table.ts";
import { PeerRoutes } from "./peer-routes.ts";
import { MAX_PEER_INDEX } from "./peer-table.ts";
import { PREFIX_DIRTY, PrefixTable } from "./prefix-table.ts";
import type { RibMemory } from "./rib-memory.ts";
import { type PrefixPage, RibQuery } from "./rib-query.ts";
import { type OrderTables, RouteOrder } from "./route-order.ts";
import { type RescanScope, RouteSweep, type SweepActions } from "./route-sweep.ts";
import { ROUTE_CHANGED, RouteTable } from "./route-table.ts";
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
  readonly changeLog: ChangeLog;
  /** For readers by prefix id. */
  readonly locRib: LocRib;
  readonly #sets: AttributeSetTable;
  readonly #nextHops: NextHopTable;
  readonly #prefixes: PrefixTable;
  readonly #routes = new RouteTable();
  readonly #peerRoutes = new PeerRoutes();
  readonly #order: RouteOrder;
  readonly #decision: DecisionProcess;
  readonly #sweep = new RouteSweep(this.#routes, this.#peerRoutes);
  readonly #graveyard: Graveyard;
  readonly #query: RibQuery;
  readonly #words: Uint32Array;
  readonly #dirty = new IdQueue();
  #deferred = false;

  constructor(
    family: Family,
    tables: OrderTables,
    config: DecisionConfig,
    options: { readonly words: 1 | 4; readonly logCapacity?: number },
  ) {
    this.family = family;
    this.#sets = tables.sets;
    this.#nextHops = tables.nextHops;
    this.#words = new Uint32Array(options.words);
    const changeLog = new ChangeLog(options.logCapacity);
    const prefixes = new PrefixTable(options.words);
    const routes = this.#routes;
    const order = new RouteOrder(routes, tables, config);
    const decision = new DecisionProcess({ ...tables, prefixes, routes }, order, {
      routeGone: (route) => this.#sets.release(routes.received(route)),
    });
    const graveyard = new Graveyard(prefixes, changeLog);
    const peerRoutes = this.#peerRoutes;
    this.changeLog = changeLog;
    this.#prefixes = prefixes;
    this.#order = order;
    this.#decision = decision;
    this.#graveyard = graveyard;
    this.locRib = new LocRib(family, options.words, {
      changeLog,
      prefixes,
      routes,
      decision,
      graveyard,
    });
    this.#query = new RibQuery(this.locRib, { routes, decision, order, peerRoutes });
  }

  /**
   * A route of a peer (0: this host's origination) arrives or changes. `words` holds the prefix, one word for IPv4, four
   * for IPv6, host bits zero; `pathId` is 0 without ADD-PATH. The hot path: no object is made, and the decision waits
   * for `Rib.work`. True when the route is new to the Adj-RIB-In.
   */
  announce(
    peerIndex: number,
    words: Uint32Array,
    length: number,
    pathId: number,
    receivedSet: number,
    verdict: Verdict,
  ): boolean {
    if (verdict === 0) throw new RangeError("a verdict is a set or a reason, never 0");
    const peers = this.#peerRoutes;
    if (peerIndex > MAX_PEER_INDEX) throw new RangeError(`not a peer's index: ${peerIndex}`);
    peers.ensure(peerIndex);
    const prefix = this.#prefixes.insert(words, length);
    const head = this.#prefixes.head(prefix);
    let route = head === 0 ? 0 : this.#routes.find(head, peerIndex, pathId);
    if (route === 0) {
      route = this.#routes.add(prefix, peerIndex, pathId, head);
      this.#prefixes.setHead(prefix, route);
    } else if (this.#routes.verdict(route) !== 0) {
      this.#refresh(peerIndex, route, receivedSet, verdict);
      return false;
    } else {
      this.#sets.release(this.#routes.received(route));
    }
    this.#sets.retain(receivedSet);
    this.#routes.setReceived(route, receivedSet);
    this.#routes.setEpoch(route, peers.epoch(peerIndex));
    peers.addReceived(peerIndex, 1);
    peers.addFresh(peerIndex, 1);
    this.#setVerdict(peerIndex, route, verdict);
    return true;
  }

  /** False when there was no such route. */
  withdraw(peerIndex: number, words: Uint32Array, length: number, pathId: number): boolean {
    const prefix = this.#prefixes.find(words, length);
    if (prefix === 0) return false;
    const route = this.#routes.find(this.#prefixes.head(prefix), peerIndex, pathId);
    if (route === 0 || this.#routes.verdict(route) === 0) return false;
    this.#withdrawRoute(route);
    return true;
  }

  /**
   * All present routes of the peer become stale, and those that were stale already go (RFC 4724 §4.2). Constant time.
   * Also the beginning of an enhanced refresh (RFC 7313): what is not announced again is swept at its end.
   */
  markStale(peerIndex: number): void {
    this.#peerRoutes.ensure(peerIndex);
    if (this.#peerRoutes.stale(peerIndex) > 0) this.#sweep.removeStale(peerIndex);
    this.#turn(peerIndex);
  }

  /** Stale routes of the peer go; `Rib.work` does it in slices. */
  sweepStale(peerIndex: number): void {
    if (this.#peerRoutes.stale(peerIndex) > 0) this.#sweep.removeStale(peerIndex);
  }

  /** All present routes of the peer go; `Rib.work` does it in slices. Routes announced from now on stay. */
  removePeer(peerIndex: number): void {
    if (this.#peerRoutes.received(peerIndex) === 0) return;
    this.#turn(peerIndex);
    this.#sweep.removeStale(peerIndex);
  }

  hasStale(peerIndex: number): boolean {
    return this.#peerRoutes.stale(peerIndex) > 0;
  }

  /** Judges all routes of the peer again, in slices, after a change of policy or import rules. */
  rejudge(peerIndex: number, judge: ImportJudge): void {
    if (this.#peerRoutes.received(peerIndex) > 0) this.#sweep.rejudge(peerIndex, judge);
  }

  /** While true no route is selected and nothing is sent: our own restart waits for End-of-RIB. RFC 4724 §4.1. */
  deferSelection(deferred: boolean): void {
    this.#deferred = deferred;
  }

  isSelectionDeferred(): boolean {
    return this.#deferred;
  }

  counts(peerIndex: number): RouteCounts {
    return {
      received: this.#peerRoutes.received(peerIndex),
      accepted: this.#peerRoutes.accepted(peerIndex),
      best: this.#peerRoutes.best(peerIndex),
    };
  }

  prefixCount(): number {
    return this.#prefixes.count();
  }

  routeCount(): number {
    return this.#routes.count();
  }

  /** Octets of the tables of this family alone. */
  memory(): Omit<RibMemory, "attributeSets" | "attributes"> {
    return {
      prefixes: this.#prefixes.byteLength(),
      prefixIndex: this.#prefixes.indexByteLength(),
      routes: this.#routes.byteLength(),
      changeLog: this.changeLog.byteLength(),
    };
  }

  /** All candidates of the prefix, the best one first; each loser with the step and the route that eliminated it. */
  explain(prefix: Prefix): readonly RouteView[] {
    return this.#query.explain(prefix);
  }

  longestMatch(address: IpAddress): Prefix | undefined {
    return this.#query.longestMatch(address);
  }

  /**
   * Up to `limit` prefixes after the position `after` (0 at first), in table order; `next` is the following `after`.
   * `within` keeps those that it covers. A page may be short, even empty, though there is a next one.
   */
  page(after: number, limit: number, within?: Prefix): PrefixPage {
    return this.#query.page(after, limit, within);
  }

  /** A new reader of best routes, which begins with the whole table. */
  bestRoutes(): BestRouteReader {
    return new LocRibReader(this.locRib, { sets: this.#sets, nextHops: this.#nextHops });
  }

  configure(config: DecisionConfig): void {
    this.#order.configure(config);
    this.rescan("everything");
  }

  /** Re-decides routes over next hops that changed, or everything. Called by Rib. */
  rescan(scope: RescanScope): void {
    this.#sweep.rescan(scope);
  }

  isRescanning(): boolean {
    return this.#sweep.isRescanning();
  }

  /** Whether a decision is due (and not deferred). */
  hasUndecided(): boolean {
    return !this.#deferred && this.#dirty.length > 0;
  }

  /** Whether memory can be freed: nothing else waits for it. */
  hasGarbage(): boolean {
    return this.#graveyard.hasWork() || this.changeLog.isOversized();
  }

  /** Up to `budget` prefixes of long work; true while some remains. Called by Rib. */
  work(budget: number): boolean {
    // Half for the sweep, so that what it changes is decided (and told) while it goes on.
    const half = budget >> 1;
    const left = this.#sweep.work(budget - half, this.#sweepActions);
    if (!this.#deferred) this.#decideDirty(left + half);
    return this.#sweep.isPending() || this.hasUndecided();
  }

  /** Prefixes without routes whose ids are not free yet. */
  graves(): number {
    return this.#graveyard.count();
  }

  /** Frees ids of prefixes without routes, up to `budget`. Called by Rib. */
  bury(budget: number): void {
    this.#graveyard.bury(budget);
    this.changeLog.shrink();
  }

  readonly #sweepActions: SweepActions = {
    withdraw: (route) => this.#withdrawRoute(route),
    rejudge: (route, judge) => this.#rejudgeRoute(route, judge),
    reconsider: (route, scope) => this.#reconsider(route, scope),
  };

  #turn(peer: number): void {
    while (this.#sweep.isOverdue(peer)) this.#sweep.work(this.#routes.end(), this.#sweepActions);
    this.#peerRoutes.turn(peer);
  }

  #refresh(peer: number, route: number, receivedSet: number, verdict: Verdict): void {
    const peers = this.#peerRoutes;
    const epoch = peers.epoch(peer);
    if (this.#routes.epoch(route) !== epoch) {
      this.#routes.setEpoch(route, epoch);
      peers.addFresh(peer, 1);
    }
    const before = this.#routes.received(route);
    if (before !== receivedSet) {
      this.#sets.retain(receivedSet);
      this.#sets.release(before);
      this.#routes.setReceived(route, receivedSet);
    }
    if (this.#routes.verdict(route) !== verdict) this.#setVerdict(peer, route, verdict);
  }

  #withdrawRoute(route: number): void {
    const peer = this.#routes.peer(route);
    this.#peerRoutes.addReceived(peer, -1);
    if (this.#routes.epoch(route) === this.#peerRoutes.epoch(peer)) {
      this.#peerRoutes.addFresh(peer, -1);
    }
    this.#setVerdict(peer, route, 0);
  }

  #setVerdict(peer: number, route: number, verdict: Verdict): void {
    const before = this.#routes.verdict(route);
    this.#routes.setVerdict(route, verdict);
    if (verdict > 0) {
      this.#sets.retain(verdict);
      this.#nextHops.use(this.#sets.nextHop(verdict));
      this.#peerRoutes.addAccepted(peer, 1);
    }
    if (before > 0) {
      this.#nextHops.unuse(this.#sets.nextHop(before));
      this.#sets.release(before);
      this.#peerRoutes.addAccepted(peer, -1);
    }
    this.#markDirty(route);
  }

  #markDirty(route: number): void {
    this.#routes.raiseFlag(route, ROUTE_CHANGED);
    const prefix = this.#routes.prefix(route);
    if (this.#prefixes.raiseFlag(prefix, PREFIX_DIRTY)) this.#dirty.push(prefix);
  }

  #rejudgeRoute(route: number, judge: ImportJudge): void {
    const prefix = this.#routes.prefix(route);
    this.#prefixes.read(prefix, this.#words);
    const verdict = judge(this.#words, this.#prefixes.length(prefix), this.#routes.received(route));
    if (verdict === 0) throw new RangeError("a verdict is a set or a reason, never 0");
    if (verdict !== this.#routes.verdict(route)) {
      this.#setVerdict(this.#routes.peer(route), route, verdict);
    }
  }

  #reconsider(route: number, scope: RescanScope): void {
    const set = this.#routes.verdict(route);
    if (set <= 0) return;
    if (scope === "everything" || this.#nextHops.hasChanged(this.#sets.nextHop(set))) {
      this.#markDirty(route);
    }
  }

  #decideDirty(budget: number): void {
    for (let i = Math.min(budget, this.#dirty.length); i > 0; i--)
      this.#decide(this.#dirty.shift());
  }

  #decide(prefix: number): void {
    this.#prefixes.lowerFlag(prefix, PREFIX_DIRTY);
    const oldBest = this.#prefixes.best(prefix);
    const oldPeer = oldBest === 0 ? -1 : this.#routes.peer(oldBest);
    const bits = this.#decision.decide(prefix);
    if ((bits & CHANGE_BEST) !== 0) {
      if (oldPeer >= 0) this.#peerRoutes.addBest(oldPeer, -1);
      const best = this.#prefixes.best(prefix);
      if (best !== 0) this.#peerRoutes.addBest(this.#routes.peer(best), 1);
    }
    if (bits !== 0) this.changeLog.append(prefix, bits);
    if (this.#prefixes.head(prefix) === 0) this.#graveyard.add(prefix);
  }
}
