import type { IpAddress } from "../types/ip-address.ts";
import { objectArray } from "../types/object-array.ts";
import type { AttributeSetTable } from "./attribute-set-table.ts";
import { type BestRouteBatch, LEAST_TOLD_LOCAL_PREF, type NextHopSet } from "./best-route-batch.ts";
import { CHANGE_BEST, CHANGE_MULTIPATH, type ChangeCursor, NO_CHANGE } from "./change-log.ts";
import type { LocRib } from "./loc-rib.ts";
import type { NextHopTable } from "./next-hop-table.ts";
import { LOCAL_PEER } from "./peer-table.ts";

/** A reader of best routes, at its own pace, with its own cursor in the change log. */
export type BestRouteReader = {
  /** The next batch of at most `maxPrefixes`, or undefined when there is no news. */
  read(maxPrefixes: number): BestRouteBatch | undefined;
  /** Begins again with a new generation: the following batches list the whole table. */
  restart(): void;
};

/** Distinct sets of next hops in one generation; beyond that their numbering begins anew. */
const MAX_NEXT_HOP_SETS = 1 << 20;

/**
 * Reads best routes of a Loc-RIB: first a walk over the whole table, then what the change log says. Next hop sets are
 * numbered by content, per generation, so a batch carries a number a route.
 */
export class LocRibReader implements BestRouteReader {
  readonly #locRib: LocRib;
  readonly #sets: AttributeSetTable;
  readonly #nextHops: NextHopTable;
  readonly #cursor: ChangeCursor;
  readonly #numbers = new Map<string, number>();
  #singles = objectArray<SingleNextHop>();
  #newSets = objectArray<NextHopSet>();
  #generation = 1;
  /** Next prefix id of the walk; undefined when the walk is over. */
  #walk: number | undefined = 1;

  constructor(
    locRib: LocRib,
    tables: { readonly sets: AttributeSetTable; readonly nextHops: NextHopTable },
  ) {
    this.#locRib = locRib;
    this.#sets = tables.sets;
    this.#nextHops = tables.nextHops;
    this.#cursor = locRib.changeLog.subscribe(CHANGE_BEST | CHANGE_MULTIPATH);
  }

  read(maxPrefixes: number): BestRouteBatch | undefined {
    if (this.#cursor.isLapped() || this.#numbers.size > MAX_NEXT_HOP_SETS) this.restart();
    if (this.#walk === undefined && !this.#cursor.isBehind()) return undefined;
    const { words } = this.#locRib;
    if (this.#walk !== undefined) {
      return this.#readWalk(this.#walk, new BatchColumns(maxPrefixes, words));
    }
    // A lone change is not worth columns for thousands.
    const batch = new BatchColumns(Math.min(maxPrefixes, this.#cursor.unread()), words);
    for (let prefix = this.#cursor.next(); prefix > NO_CHANGE; prefix = this.#cursor.next()) {
      this.#append(batch, prefix, this.#nextHopSet(prefix));
      if (batch.count === batch.capacity) break;
    }
    return batch.count === 0 ? undefined : this.#finish(batch, true);
  }

  restart(): void {
    this.#generation++;
    this.#walk = 1;
    this.#numbers.clear();
    this.#singles = objectArray();
    this.#newSets = objectArray();
    this.#cursor.skipToHead();
  }

  /** A prefix without a route is no news in a walk: the generation began with nothing. */
  #readWalk(start: number, batch: BatchColumns): BestRouteBatch {
    const end = this.#locRib.end();
    let prefix = start;
    for (; prefix < end && batch.count < batch.capacity; prefix++) {
      if (!this.#locRib.isUsed(prefix)) continue;
      const set = this.#nextHopSet(prefix);
      if (set !== 0) this.#append(batch, prefix, set);
    }
    this.#walk = prefix < end ? prefix : undefined;
    return this.#finish(batch, this.#walk === undefined);
  }

  #append(batch: BatchColumns, prefix: number, set: number): void {
    const at = batch.count * this.#locRib.words;
    batch.addresses[at] = this.#locRib.word0(prefix);
    if (this.#locRib.words === 4) {
      batch.addresses[at + 1] = this.#locRib.lowWord(prefix, 1);
      batch.addresses[at + 2] = this.#locRib.lowWord(prefix, 2);
      batch.addresses[at + 3] = this.#locRib.lowWord(prefix, 3);
    }
    batch.lengths[batch.count] = this.#locRib.length(prefix);
    batch.nextHopSets[batch.count] = set;
    batch.count++;
  }

  /** The number of the prefix's set of next hops; 0 when it has no route, or this host originates it. */
  #nextHopSet(prefix: number): number {
    const best = this.#locRib.bestRoute(prefix);
    if (best === 0 || this.#locRib.peer(best) === LOCAL_PEER) return 0;
    const localPref = this.#localPrefOf(best);
    if (!this.#locRib.isMultipath(best)) return this.#numberOfOne(this.#nextHopOf(best), localPref);
    const ids: number[] = [];
    for (let at = this.#locRib.firstRoute(prefix); at !== 0; at = this.#locRib.nextRoute(at)) {
      if (!this.#locRib.isMultipath(at) || !this.#locRib.isEligible(at)) continue;
      const id = this.#nextHopOf(at);
      if (!ids.includes(id)) ids.push(id);
    }
    return this.#numberOf(ids, localPref);
  }

  /** What is told of it; 0 for what is not. */
  #localPrefOf(route: number): number {
    const localPref = this.#sets.localPref(this.#locRib.acceptedSet(route));
    return localPref < LEAST_TOLD_LOCAL_PREF ? 0 : localPref;
  }

  #nextHopOf(route: number): number {
    return this.#sets.nextHop(this.#locRib.acceptedSet(route));
  }

  /** Nearly all routes have one next hop, whose number is remembered by its id, as long as that means the same address. */
  #numberOfOne(id: number, localPref: number): number {
    const address = this.#nextHops.address(id);
    const known = this.#singles[id];
    if (known !== undefined && known.address === address && known.localPref === localPref)
      return known.number;
    const number = this.#numberOf([id], localPref);
    this.#singles[id] = { address, localPref, number };
    return number;
  }

  /** Ids of next hops are used again, addresses are not: sets are told apart by address. */
  #numberOf(ids: readonly number[], localPref: number): number {
    const addresses = ids
      .map((id) => this.#nextHops.address(id))
      .filter((address): address is IpAddress => address !== undefined)
      .sort();
    const key = localPref === 0 ? addresses.join() : `${addresses.join()} ${localPref}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#numbers.size + 1;
    this.#numbers.set(key, number);
    const nextHops = [...new Set(addresses)];
    this.#newSets.push(
      localPref === 0 ? { id: number, nextHops } : { id: number, nextHops, localPref },
    );
    return number;
  }

  #finish(batch: BatchColumns, complete: boolean): BestRouteBatch {
    const newNextHopSets = this.#newSets;
    this.#newSets = objectArray();
    return {
      family: this.#locRib.family,
      generation: this.#generation,
      complete,
      count: batch.count,
      addresses: batch.addresses,
      lengths: batch.lengths,
      nextHopSets: batch.nextHopSets,
      newNextHopSets,
    };
  }
}

/** The number of a set of one next hop, by that next hop's id. */
type SingleNextHop = {
  readonly address: IpAddress | undefined;
  readonly localPref: number;
  readonly number: number;
};

/** The columns of a batch while it is filled. */
class BatchColumns {
  readonly capacity: number;
  readonly addresses: Uint32Array<ArrayBuffer>;
  readonly lengths: Uint8Array<ArrayBuffer>;
  readonly nextHopSets: Uint32Array<ArrayBuffer>;
  count = 0;

  constructor(capacity: number, words: 1 | 4) {
    this.capacity = capacity;
    this.addresses = new Uint32Array(capacity * words);
    this.lengths = new Uint8Array(capacity);
    this.nextHopSets = new Uint32Array(capacity);
  }
}
