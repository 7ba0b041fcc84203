/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Prefixes of one family, each with a dense id greater than 0. A row is 4 words on a page (16 octets: four prefixes a
 * cache line), because a lookup that finds its prefix goes on to that prefix's routes at once.
 *
 * Invariants: equal prefixes have one id; host bits are zero (the codec cleared them); a free id has no USED flag; an id is
 * freed only by FamilyRib's graveyard, after every cursor and sent-table has let go.
 */
import { objectArray } from "../types/object-array.ts";
import { HashIndex, home } from "./hash-index.ts";
import { PAGE_BITS, PAGE_MASK } from "./page.ts";
import { RowAllocator } from "./row-allocator.ts";

const STRIDE = 4;
const ADDRESS = 0;
/** Length in the low 8 bits, flags in the others. */
const META = 1;
const HEAD = 2;
const BEST = 3;

/** The row is no free one. */
const USED = 1 << 11;

/** Flags of a prefix. */
export const PREFIX_DIRTY = 1 << 8;
export const PREFIX_BURIED = 1 << 9;
/** Came back to life and died once more while it stood in the graveyard: its last log entry is a later one. */
export const PREFIX_DIED_AGAIN = 1 << 10;

/** The low three words of IPv6 addresses stand apart, so that IPv4 does not pay for them. */
const LOW_STRIDE = 3;

export class PrefixTable {
  readonly #words: 1 | 4;
  readonly #index = new HashIndex();
  readonly #pages = objectArray<Int32Array>();
  readonly #lowPages = objectArray<Int32Array>();
  readonly #rows: RowAllocator;

  constructor(words: 1 | 4) {
    this.#words = words;
    const high = { pages: this.#pages, stride: STRIDE };
    const low = { pages: this.#lowPages, stride: LOW_STRIDE };
    this.#rows = new RowAllocator(words === 1 ? [high] : [high, low]);
  }

  /** The id of a prefix, or 0. */
  find(words: Uint32Array, length: number): number {
    return this.#find(this.#hash(words, length), words, length);
  }

  /** The id of a prefix, which is added when it is new. */
  insert(words: Uint32Array, length: number): number {
    const hash = this.#hash(words, length);
    const found = this.#find(hash, words, length);
    return found !== 0 ? found : this.#add(hash, words, length);
  }

  remove(id: number): void {
    this.#index.remove(this.#hashOf(id), id);
    this.#row(id)[(id & PAGE_MASK) * STRIDE + META] = 0;
    this.#rows.free(id);
  }

  /** Ids are below this. */
  end(): number {
    return this.#rows.end;
  }

  count(): number {
    return this.#rows.count;
  }

  isUsed(id: number): boolean {
    return this.hasFlag(id, USED);
  }

  length(id: number): number {
    return (this.#row(id)[(id & PAGE_MASK) * STRIDE + META] as number) & 0xff;
  }

  /** Word 0 is the address of IPv4, or the first of four of IPv6. Signed. */
  word0(id: number): number {
    return this.#row(id)[(id & PAGE_MASK) * STRIDE + ADDRESS] as number;
  }

  /** Words 1 to 3 of an IPv6 address; 0 for IPv4. Signed. */
  lowWord(id: number, number: 1 | 2 | 3): number {
    if (this.#words === 1) return 0;
    const page = this.#lowPages[id >>> PAGE_BITS] as Int32Array;
    return page[(id & PAGE_MASK) * LOW_STRIDE + number - 1] as number;
  }

  /** Copies the address into `words`. */
  read(id: number, words: Uint32Array): void {
    words[0] = this.word0(id);
    if (this.#words === 1) return;
    words[1] = this.lowWord(id, 1);
    words[2] = this.lowWord(id, 2);
    words[3] = this.lowWord(id, 3);
  }

  head(id: number): number {
    return this.#row(id)[(id & PAGE_MASK) * STRIDE + HEAD] as number;
  }

  setHead(id: number, route: number): void {
    this.#row(id)[(id & PAGE_MASK) * STRIDE + HEAD] = route;
  }

  best(id: number): number {
    return this.#row(id)[(id & PAGE_MASK) * STRIDE + BEST] as number;
  }

  setBest(id: number, route: number): void {
    this.#row(id)[(id & PAGE_MASK) * STRIDE + BEST] = route;
  }

  hasFlag(id: number, flag: number): boolean {
    return ((this.#row(id)[(id & PAGE_MASK) * STRIDE + META] as number) & flag) !== 0;
  }

  /** Sets a flag; false when it was set already. */
  raiseFlag(id: number, flag: number): boolean {
    const page = this.#row(id);
    const at = (id & PAGE_MASK) * STRIDE + META;
    const meta = page[at] as number;
    page[at] = meta | flag;
    return (meta & flag) === 0;
  }

  lowerFlag(id: number, flag: number): void {
    const page = this.#row(id);
    const at = (id & PAGE_MASK) * STRIDE + META;
    page[at] = (page[at] as number) & ~flag;
  }

  byteLength(): number {
    return this.#rows.byteLength();
  }

  /** Octets of the hash index. */
  indexByteLength(): number {
    return this.#index.byteLength();
  }

  #row(id: number): Int32Array {
    return this.#pages[id >>> PAGE_BITS] as Int32Array;
  }

  #find(hash: number, words: Uint32Array, length: number): number {
    const slots = this.#index.shard(hash);
    const mask = slots.length - 1;
    for (let at = home(hash, mask); ; at = (at + 2) & mask) {
      const id = slots[at + 1] as number;
      if (id === 0) return 0;
      if (slots[at] === hash && this.#equals(id, words, length)) return id;
    }
  }

  #equals(id: number, words: Uint32Array, length: number): boolean {
    const page = this.#row(id);
    const at = (id & PAGE_MASK) * STRIDE;
    if (page[at] !== ((words[0] as number) | 0)) return false;
    if (((page[at + META] as number) & 0xff) !== length) return false;
    return this.#words === 1 || this.#lowEquals(id, words);
  }

  #lowEquals(id: number, words: Uint32Array): boolean {
    const page = this.#lowPages[id >>> PAGE_BITS] as Int32Array;
    const at = (id & PAGE_MASK) * LOW_STRIDE;
    return (
      page[at] === ((words[1] as number) | 0) &&
      page[at + 1] === ((words[2] as number) | 0) &&
      page[at + 2] === ((words[3] as number) | 0)
    );
  }

  #add(hash: number, words: Uint32Array, length: number): number {
    const id = this.#rows.allocate();
    const page = this.#row(id);
    const at = (id & PAGE_MASK) * STRIDE;
    page[at] = words[0] as number;
    page[at + META] = length | USED;
    page[at + HEAD] = 0;
    page[at + BEST] = 0;
    if (this.#words === 4) {
      const low = this.#lowPages[id >>> PAGE_BITS] as Int32Array;
      const lowAt = (id & PAGE_MASK) * LOW_STRIDE;
      low[lowAt] = words[1] as number;
      low[lowAt + 1] = words[2] as number;
      low[lowAt + 2] = words[3] as number;
    }
    this.#index.add(hash, id);
    return id;
  }

  #hashOf(id: number): number {
    if (this.#words === 1) return mix(this.word0(id), this.length(id));
    const high = mix(this.word0(id), this.length(id));
    return mix(mix(mix(high, this.lowWord(id, 1)), this.lowWord(id, 2)), this.lowWord(id, 3));
  }

  #hash(words: Uint32Array, length: number): number {
    const high = mix(words[0] as number, length);
    if (this.#words === 1) return high;
    return mix(mix(mix(high, words[1] as number), words[2] as number), words[3] as number);
  }
}

/** A 32-bit finaliser (two rounds of multiply and shift), so that neighbouring prefixes do not share a shard. */
function mix(a: number, b: number): number {
  let x = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}
