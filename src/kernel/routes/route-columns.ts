/*
 * The rows of one family's routes, as columns. A hot file: a row is a number, there are no objects, and loops look like C.
 * Key of a row: address (one word for IPv4, four for IPv6), prefix length, metric. An open-addressing hash with linear
 * probing finds it; removal shifts followers back, so there are no tombstones. Growth copies the columns and rehashes in
 * one step (1 million rows: some 60 ms), which this thread, the one that netlink blocks for as long, can afford. The first
 * columns have room for more rows than most hosts ever have: memory that nobody has touched costs nothing, while each
 * growth touches everything once more, and a page's first touch can cost ten microseconds on a virtual machine.
 */

/** Bits of `state`. */
export const ROW = {
  /** Stands in the driver's queue. */
  queued: 1,
  /** Left by an earlier process and wanted by nobody yet; kept until the sweep. */
  adopted: 2,
  /** Another one's route is at this key. */
  refused: 4,
  /** The kernel refused the last attempt. */
  failed: 8,
  /** Not named since the learned generation began. */
  oldGeneration: 16,
  /** Seen in the dump that is being read. */
  seen: 32,
} as const;

const FIRST_CAPACITY = 1 << 17;
/** The hash is touched all over from its first row on, so it begins small. */
const FIRST_SLOTS = 2048;
/** A row that is not there. */
export const NO_ROW = -1;

/** Keys, wishes and facts of each route of one family. */
export class RouteColumns {
  readonly words: 1 | 4;
  address: Uint32Array;
  length: Uint8Array;
  metric: Uint32Array;
  state: Uint8Array;
  /** Target that the kernel is believed to have under our protocol, 0 for none. */
  actual: Uint32Array;
  /** Wishes, the stronger first: the target of the host's own sources, then the gateway set of the learned route. 0: none. */
  own: Uint32Array;
  learned: Uint32Array;
  /** Rows in use and freed ones together: loops run to here and skip rows that isLive() denies. */
  end = 0;
  #live: Uint8Array;
  #slots: Int32Array;
  #mask: number;
  #count = 0;
  readonly #free: number[] = [];

  constructor(words: 1 | 4) {
    this.words = words;
    this.address = new Uint32Array(FIRST_CAPACITY * words);
    this.length = new Uint8Array(FIRST_CAPACITY);
    this.metric = new Uint32Array(FIRST_CAPACITY);
    this.state = new Uint8Array(FIRST_CAPACITY);
    this.actual = new Uint32Array(FIRST_CAPACITY);
    this.own = new Uint32Array(FIRST_CAPACITY);
    this.learned = new Uint32Array(FIRST_CAPACITY);
    this.#live = new Uint8Array(FIRST_CAPACITY);
    this.#slots = new Int32Array(FIRST_SLOTS).fill(NO_ROW);
    this.#mask = this.#slots.length - 1;
  }

  get count(): number {
    return this.#count;
  }

  isLive(row: number): boolean {
    return this.#live[row] === 1;
  }

  /** The row of a key whose address words stand in `addresses` from `at` on, or NO_ROW. */
  find(addresses: Uint32Array, at: number, length: number, metric: number): number {
    let slot = this.#hash(addresses, at, length, metric) & this.#mask;
    for (;;) {
      const row = this.#slots[slot] as number;
      if (row === NO_ROW || this.#equals(row, addresses, at, length, metric)) return row;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** Like find, but makes an empty row when there is none. */
  findOrAdd(addresses: Uint32Array, at: number, length: number, metric: number): number {
    const found = this.find(addresses, at, length, metric);
    if (found !== NO_ROW) return found;
    const row = this.#free.pop() ?? this.#append();
    for (let i = 0; i < this.words; i++) {
      this.address[row * this.words + i] = addresses[at + i] as number;
    }
    this.length[row] = length;
    this.metric[row] = metric;
    this.#live[row] = 1;
    this.#count++;
    if (this.#count * 2 > this.#mask) this.#rehash();
    else this.#place(row);
    return row;
  }

  /** Frees a row: its number will be used again. */
  remove(row: number): void {
    let hole = this.#slotOf(row);
    this.#slots[hole] = NO_ROW;
    // Followers whose home lies at or before the hole move back into it, so that their probe sequence has no gap.
    for (let slot = (hole + 1) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const follower = this.#slots[slot] as number;
      if (follower === NO_ROW) break;
      const home = this.#homeOf(follower);
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#slots[hole] = follower;
      this.#slots[slot] = NO_ROW;
      hole = slot;
    }
    this.state[row] = 0;
    this.actual[row] = 0;
    this.own[row] = 0;
    this.learned[row] = 0;
    this.#live[row] = 0;
    this.#count--;
    this.#free.push(row);
  }

  #append(): number {
    if (this.end === this.length.length) this.#grow();
    return this.end++;
  }

  #grow(): void {
    const capacity = this.length.length * 2;
    const grow32 = (column: Uint32Array, size = capacity) => {
      const grown = new Uint32Array(size);
      grown.set(column);
      return grown;
    };
    const grow8 = (column: Uint8Array) => {
      const grown = new Uint8Array(capacity);
      grown.set(column);
      return grown;
    };
    this.address = grow32(this.address, capacity * this.words);
    this.length = grow8(this.length);
    this.metric = grow32(this.metric);
    this.state = grow8(this.state);
    this.actual = grow32(this.actual);
    this.own = grow32(this.own);
    this.learned = grow32(this.learned);
    this.#live = grow8(this.#live);
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(NO_ROW);
    this.#mask = this.#slots.length - 1;
    for (let row = 0; row < this.end; row++) {
      if (this.#live[row] === 1) this.#place(row);
    }
  }

  #place(row: number): void {
    let slot = this.#homeOf(row);
    while (this.#slots[slot] !== NO_ROW) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = row;
  }

  #slotOf(row: number): number {
    let slot = this.#homeOf(row);
    while (this.#slots[slot] !== row) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #homeOf(row: number): number {
    const length = this.length[row] as number;
    const metric = this.metric[row] as number;
    return this.#hash(this.address, row * this.words, length, metric) & this.#mask;
  }

  #equals(row: number, addresses: Uint32Array, at: number, length: number, metric: number) {
    if (this.length[row] !== length || this.metric[row] !== metric) return false;
    const start = row * this.words;
    for (let i = 0; i < this.words; i++) {
      if (this.address[start + i] !== addresses[at + i]) return false;
    }
    return true;
  }

  #hash(addresses: Uint32Array, at: number, length: number, metric: number): number {
    let hash = (length << 24) ^ metric;
    for (let i = 0; i < this.words; i++) {
      hash = Math.imul(hash ^ (addresses[at + i] as number), 0x85eb_ca6b);
      hash ^= hash >>> 13;
    }
    hash = Math.imul(hash, 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}
