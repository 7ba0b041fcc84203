/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Interned attribute sets: equal canonical octets (see wire/attribute-set.ts) have one id, greater than 0. The fields on
 * which routes are decided are read once, when a set is new. A row is 12 words: place and length of the octets, reference
 * count, hash, next hop, and the fields of attribute-set-facts.ts.
 *
 * Invariants: a set without references stands in #unheld until `collect`, which frees it if it is still without; thus an
 * id that `intern` returned is good until the next `collect`, and everyone who keeps it longer retains it. Octets move in
 * `collect` too, ids never do: while #moved is defined, the octets of all rows below it stand on pages that stay.
 */
import { objectArray } from "../types/object-array.ts";
import { FACT, readFacts } from "./attribute-set-facts.ts";
import { HashIndex, home } from "./hash-index.ts";
import type { NextHopTable } from "./next-hop-table.ts";
import { OctetSlab } from "./octet-slab.ts";
import { PAGE_BITS, PAGE_MASK } from "./page.ts";
import { RowAllocator } from "./row-allocator.ts";

const STRIDE = 12;
const PLACE = 0;
const LENGTH = 1;
const REFERENCES = 2;
const HASH = 3;
const NEXT_HOP = 4;
const FACTS = 5;
/** Rows that cost as much to look at as one costs to free or to move. */
const ROWS_PER_UNIT = 16;

/** An id has so many bits; what stands above them in a word says what is added to the set (reflected-sets.ts). */
export const SET_BITS = 24;
export const SET_MASK = (1 << SET_BITS) - 1;

/** Words that nobody needs any more, with the sets that they hold. */
type Discarded = { readonly words: Int32Array; readonly stride: number; next: number };

/** Told which sets are gone, so that what was derived from them goes too. */
export type AttributeSetListener = { attributeSetFreed(id: number): void };

export class AttributeSetTable {
  readonly #nextHops: NextHopTable;
  readonly #index = new HashIndex();
  readonly #slab = new OctetSlab();
  readonly #pages = objectArray<Int32Array>();
  readonly #rows = new RowAllocator([{ pages: this.#pages, stride: STRIDE }], 1 << SET_BITS);
  readonly #listeners = new Set<AttributeSetListener>();
  readonly #unheld: number[] = [];
  readonly #discarded = objectArray<Discarded>();
  /** Rows of #discarded that were not looked at. */
  #waiting = 0;
  /** The next row whose octets may have to move; undefined when none have. */
  #moved: number | undefined;

  constructor(nextHops: NextHopTable) {
    this.#nextHops = nextHops;
  }

  /** The id of these canonical octets; valid until the next `Rib.work` unless a route or a retainer holds it. */
  intern(octets: Uint8Array, start: number, end: number): number {
    const hash = hashOf(octets, start, end);
    const length = end - start;
    const slots = this.#index.shard(hash);
    const mask = slots.length - 1;
    for (let at = home(hash, mask); ; at = (at + 2) & mask) {
      const id = slots[at + 1] as number;
      if (id === 0) return this.#add(hash, octets, start, end);
      if (slots[at] === hash && this.#field(id, LENGTH) === length) {
        if (this.#slab.equals(this.#place(id), octets, start, end)) return id;
      }
    }
  }

  /** Of a reflected set: the set that it is made of. */
  retain(id: number): void {
    const page = this.#page(id & SET_MASK);
    const at = (id & PAGE_MASK) * STRIDE + REFERENCES;
    page[at] = (page[at] as number) + 1;
  }

  release(id: number): void {
    const page = this.#page(id & SET_MASK);
    const at = (id & PAGE_MASK) * STRIDE + REFERENCES;
    const references = (page[at] as number) - 1;
    if (references < 0) throw new Error(`attribute set ${id} was released too often`);
    page[at] = references;
    if (references === 0) this.#unheld.push(id & SET_MASK);
  }

  /** Releases the sets in the first word of every `stride`: nobody needs the words any more. `collect` does it in slices. */
  releaseLater(words: Int32Array, stride: number): void {
    this.#discarded.push({ words, stride, next: 0 });
    this.#waiting += words.length / stride;
  }

  /**
   * Releases and frees up to `budget` sets that nobody holds, and moves octets together when much of their room is empty.
   * Called between inputs, when no id is in flight.
   */
  collect(budget: number): void {
    let left = budget - this.#releaseDiscarded(budget);
    for (; left > 0; left--) {
      const id = this.#unheld.pop();
      if (id === undefined) break;
      if (this.#field(id, REFERENCES) === 0 && this.#field(id, LENGTH) !== 0) this.#drop(id);
    }
    if (left > 0) this.#compact(left);
  }

  /** Whether `collect` would free something. */
  hasGarbage(): boolean {
    return this.unheld() > 0 || this.#moved !== undefined || this.#slab.isSparse();
  }

  /** Sets that may wait to be freed, or to be released by `releaseLater`. */
  unheld(): number {
    return this.#unheld.length + this.#waiting;
  }

  listen(listener: AttributeSetListener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: AttributeSetListener): void {
    this.#listeners.delete(listener);
  }

  /** The canonical octets: a view, valid until the next `collect`. */
  octets(id: number): Uint8Array {
    return this.#slab.view(this.#place(id), this.#field(id, LENGTH));
  }

  /** The same without a view: the buffer that holds them, and where they begin and end in it. */
  buffer(id: number): Uint8Array {
    return this.#slab.page(this.#place(id));
  }

  start(id: number): number {
    return this.#slab.offset(this.#place(id));
  }

  end(id: number): number {
    return this.start(id) + this.#field(id, LENGTH);
  }

  nextHop(id: number): number {
    return this.#field(id, NEXT_HOP);
  }

  localPref(id: number): number {
    return this.#field(id, FACTS + FACT.localPref) >>> 0;
  }

  asPathLength(id: number): number {
    return this.#field(id, FACTS + FACT.asPathLength);
  }

  /** 0 igp, 1 egp, 2 incomplete. */
  origin(id: number): number {
    return this.#field(id, FACTS + FACT.flags) & 3;
  }

  hasFlag(id: number, flag: number): boolean {
    return (this.#field(id, FACTS + FACT.flags) & flag) !== 0;
  }

  /** 0 when there is none. */
  neighborAsn(id: number): number {
    return this.#field(id, FACTS + FACT.neighborAsn) >>> 0;
  }

  med(id: number): number {
    return this.#field(id, FACTS + FACT.med) >>> 0;
  }

  originatorId(id: number): number {
    return this.#field(id, FACTS + FACT.originatorId) >>> 0;
  }

  clusterListLength(id: number): number {
    return this.#field(id, FACTS + FACT.clusterListLength);
  }

  count(): number {
    return this.#rows.count;
  }

  /** Octets of rows and hash index. */
  byteLength(): number {
    return this.#rows.byteLength() + this.#index.byteLength();
  }

  /** Octets of the pages on which attributes stand. */
  slabByteLength(): number {
    return this.#slab.byteLength();
  }

  /** Moves the octets of some rows when there is need. */
  #compact(budget: number): void {
    if (this.#moved === undefined) {
      if (!this.#slab.isSparse()) return;
      this.#slab.beginMoving();
      this.#moved = 1;
    }
    let units = budget * ROWS_PER_UNIT;
    let id = this.#moved;
    for (; units > 0 && id < this.#rows.end; id++) units -= this.#move(id) ? ROWS_PER_UNIT : 1;
    this.#moved = id < this.#rows.end ? id : undefined;
  }

  #move(id: number): boolean {
    const length = this.#field(id, LENGTH);
    if (length === 0 || !this.#slab.isLeaving(this.#place(id))) return false;
    const place = this.#slab.move(this.#place(id), length);
    this.#page(id)[(id & PAGE_MASK) * STRIDE + PLACE] = place;
    return true;
  }

  /** Answers how many rows it looked at. */
  #releaseDiscarded(budget: number): number {
    let rows = 0;
    for (let last = this.#discarded.at(-1); last !== undefined; last = this.#discarded.at(-1)) {
      const { words, stride } = last;
      for (; last.next < words.length && rows < budget; last.next += stride, rows++) {
        const set = words[last.next] as number;
        if (set > 0) this.release(set);
      }
      if (last.next < words.length) break;
      this.#discarded.pop();
    }
    this.#waiting -= rows;
    return rows;
  }

  #page(id: number): Int32Array {
    return this.#pages[id >>> PAGE_BITS] as Int32Array;
  }

  #field(id: number, field: number): number {
    return this.#page(id)[(id & PAGE_MASK) * STRIDE + field] as number;
  }

  #place(id: number): number {
    return this.#field(id, PLACE) >>> 0;
  }

  #add(hash: number, octets: Uint8Array, start: number, end: number): number {
    const id = this.#rows.allocate();
    const page = this.#page(id);
    const at = (id & PAGE_MASK) * STRIDE;
    page[at + PLACE] = this.#slab.store(octets, start, end);
    page[at + LENGTH] = end - start;
    page[at + REFERENCES] = 0;
    page[at + HASH] = hash;
    page[at + NEXT_HOP] = this.#nextHops.hold(octets, start);
    readFacts(octets, start, end, page, at + FACTS);
    this.#index.add(hash, id);
    this.#unheld.push(id);
    return id;
  }

  #drop(id: number): void {
    for (const listener of this.#listeners) listener.attributeSetFreed(id);
    this.#index.remove(this.#field(id, HASH), id);
    this.#slab.free(this.#place(id), this.#field(id, LENGTH));
    this.#nextHops.release(this.#field(id, NEXT_HOP));
    this.#page(id)[(id & PAGE_MASK) * STRIDE + LENGTH] = 0;
    this.#rows.free(id);
  }
}

/** Four octets a step; the tail octet by octet. */
function hashOf(octets: Uint8Array, start: number, end: number): number {
  let hash = (end - start) | 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (octets[at] as number) |
      ((octets[at + 1] as number) << 8) |
      ((octets[at + 2] as number) << 16) |
      ((octets[at + 3] as number) << 24);
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ (octets[at] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}
