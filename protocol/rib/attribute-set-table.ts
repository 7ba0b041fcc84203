/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Interned attribute sets: equal canonical octets (see wire/attribute-set.ts) have one id, greater than 0. The fields on
 * which routes are decided are read once, when a set is new. A row is 12 words: place and length of the octets, reference
 * count, hash, next hop, and the fields of attribute-set-facts.ts.
 *
 * Invariants: a set without references stands in #unheld until `collect`, which frees it if it is still without; thus an
 * id that `intern` returned is good until the next `collect`, and everyone who keeps it longer retains it.
 */
import { FACT, readFacts } from "./attribute-set-facts.ts";
import { HashIndex, home } from "./hash-index.ts";
import type { NextHopTable } from "./next-hop-table.ts";
import { OctetSlab } from "./octet-slab.ts";
import { MAX_ROWS, PAGE_BITS, PAGE_MASK, PAGE_ROWS } from "./page.ts";

const STRIDE = 12;
const PLACE = 0;
const LENGTH = 1;
const REFERENCES = 2;
const HASH = 3;
const NEXT_HOP = 4;
const FACTS = 5;

/** Told which sets are gone, so that what was derived from them goes too. */
export type AttributeSetListener = { attributeSetFreed(id: number): void };

export class AttributeSetTable {
  readonly #nextHops: NextHopTable;
  readonly #index = new HashIndex();
  readonly #slab = new OctetSlab();
  readonly #pages: Int32Array[] = [];
  readonly #free: number[] = [];
  readonly #listeners = new Set<AttributeSetListener>();
  readonly #unheld: number[] = [];
  #end = 1;
  #count = 0;

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

  retain(id: number): void {
    const page = this.#page(id);
    const at = (id & PAGE_MASK) * STRIDE + REFERENCES;
    page[at] = (page[at] as number) + 1;
  }

  release(id: number): void {
    const page = this.#page(id);
    const at = (id & PAGE_MASK) * STRIDE + REFERENCES;
    const references = (page[at] as number) - 1;
    if (references < 0) throw new Error(`attribute set ${id} was released too often`);
    page[at] = references;
    if (references === 0) this.#unheld.push(id);
  }

  /** Frees up to `budget` sets that nobody holds. Called between inputs, when no id is in flight. */
  collect(budget: number): void {
    for (let i = 0; i < budget; i++) {
      const id = this.#unheld.pop();
      if (id === undefined) return;
      if (this.#field(id, REFERENCES) === 0 && this.#field(id, LENGTH) !== 0) this.#drop(id);
    }
  }

  /** Sets that may wait to be freed. */
  unheld(): number {
    return this.#unheld.length;
  }

  listen(listener: AttributeSetListener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: AttributeSetListener): void {
    this.#listeners.delete(listener);
  }

  /** The canonical octets: a view, valid as long as the id. */
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
    return this.#count;
  }

  byteLength(): number {
    const rows = this.#pages.reduce((sum, page) => sum + page.byteLength, 0);
    return rows + this.#index.byteLength() + this.#slab.byteLength();
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
    const id = this.#free.pop() ?? this.#grow();
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
    this.#count++;
    return id;
  }

  #drop(id: number): void {
    for (const listener of this.#listeners) listener.attributeSetFreed(id);
    this.#index.remove(this.#field(id, HASH), id);
    this.#slab.free(this.#place(id), this.#field(id, LENGTH));
    this.#nextHops.release(this.#field(id, NEXT_HOP));
    this.#page(id)[(id & PAGE_MASK) * STRIDE + LENGTH] = 0;
    this.#free.push(id);
    this.#count--;
  }

  #grow(): number {
    const id = this.#end++;
    if (id >= MAX_ROWS) throw new RangeError("more attribute sets than a table can hold");
    if (id >>> PAGE_BITS >= this.#pages.length) {
      this.#pages.push(new Int32Array(PAGE_ROWS * STRIDE));
    }
    return id;
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
