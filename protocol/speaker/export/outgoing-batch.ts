/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it (export of a full table).
 *
 * Changes on their way to the wire, gathered so that prefixes with one attribute set share messages: by audience, then
 * withdrawals, then sets. Entries are chained through arrays that are used again for every batch.
 */
import { objectArray } from "../../types/object-array.ts";
import type { Audience } from "./audience.ts";

/** What a batch holds for one audience. */
export class AudienceChanges {
  readonly audience: Audience;
  /** First and last withdrawn entry; 0 for none. */
  withdrawnHead = 0;
  withdrawnTail = 0;
  readonly sets: number[] = [];
  readonly heads: number[] = [];
  readonly tails: number[] = [];
  readonly #bySet = new Map<number, number>();
  #lastSet = 0;
  #last = 0;

  constructor(audience: Audience) {
    this.audience = audience;
  }

  /** The place of a set in `sets`. Prefixes of one set tend to come together, as they did in the UPDATE. */
  place(set: number): number {
    if (set === this.#lastSet) return this.#last;
    let place = this.#bySet.get(set);
    if (place === undefined) {
      place = this.sets.length;
      this.#bySet.set(set, place);
      this.sets.push(set);
      this.heads.push(0);
      this.tails.push(0);
    }
    this.#lastSet = set;
    this.#last = place;
    return place;
  }
}

const FIRST_ENTRIES = 64;

export class OutgoingBatch {
  readonly #audiences = objectArray<AudienceChanges>();
  readonly #byAudience = new Map<Audience, AudienceChanges>();
  #rows = new Int32Array(FIRST_ENTRIES);
  /** From which peer the row was sent before the change; NOBODY when it was not. */
  #previous = new Int32Array(FIRST_ENTRIES);
  #next = new Int32Array(FIRST_ENTRIES);
  /** Entry 0 is none. */
  #end = 1;
  #lastAudience: AudienceChanges | undefined;

  clear(): void {
    this.#audiences.length = 0;
    this.#byAudience.clear();
    this.#end = 1;
    this.#lastAudience = undefined;
  }

  announce(audience: Audience, set: number, row: number, previous: number): void {
    const changes = this.#changesFor(audience);
    const entry = this.#add(row, previous);
    const place = changes.place(set);
    if (changes.heads[place] === 0) changes.heads[place] = entry;
    else this.#next[changes.tails[place] as number] = entry;
    changes.tails[place] = entry;
  }

  withdraw(audience: Audience, row: number, previous: number): void {
    const changes = this.#changesFor(audience);
    const entry = this.#add(row, previous);
    if (changes.withdrawnHead === 0) changes.withdrawnHead = entry;
    else this.#next[changes.withdrawnTail] = entry;
    changes.withdrawnTail = entry;
  }

  size(): number {
    return this.#end - 1;
  }

  audiences(): readonly AudienceChanges[] {
    return this.#audiences;
  }

  row(entry: number): number {
    return this.#rows[entry] as number;
  }

  previous(entry: number): number {
    return this.#previous[entry] as number;
  }

  next(entry: number): number {
    return this.#next[entry] as number;
  }

  #add(row: number, previous: number): number {
    const entry = this.#end++;
    if (entry === this.#rows.length) this.#grow();
    this.#rows[entry] = row;
    this.#previous[entry] = previous;
    this.#next[entry] = 0;
    return entry;
  }

  #grow(): void {
    this.#rows = doubled(this.#rows);
    this.#previous = doubled(this.#previous);
    this.#next = doubled(this.#next);
  }

  #changesFor(audience: Audience): AudienceChanges {
    if (this.#lastAudience?.audience === audience) return this.#lastAudience;
    let changes = this.#byAudience.get(audience);
    if (changes === undefined) {
      changes = new AudienceChanges(audience);
      this.#byAudience.set(audience, changes);
      this.#audiences.push(changes);
    }
    this.#lastAudience = changes;
    return changes;
  }
}

function doubled(column: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * column.length);
  larger.set(column);
  return larger;
}
