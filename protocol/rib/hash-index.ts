/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * An open-addressing hash from 32-bit hashes to row ids, which knows no keys: the table that owns it compares them.
 * It is cut into 256 shards by the high 8 bits of the hash; a shard that is 5/8 full doubles alone, one that is 1/8 full is
 * halved alone, so the largest step that a change can cost is the rehash of 1/256 of the table, and none copies all of it.
 *
 * Invariants: a slot is two words, hash and id; id 0 is an empty slot; between the home slot of an entry and the entry no
 * slot is empty (removal shifts later entries back, there are no tombstones).
 */

import { objectArray } from "../types/object-array.ts";

const SHARDS = 256;
const FIRST_SLOTS = 8;

/** Rows by the hash of their key. */
export class HashIndex {
  readonly #shards = objectArray<Int32Array>();
  readonly #counts = new Int32Array(SHARDS);

  constructor() {
    for (let i = 0; i < SHARDS; i++) this.#shards.push(new Int32Array(2 * FIRST_SLOTS));
  }

  /** The slots in which to look for `hash`: begin at `home`, go on by two words, wrap at the end, stop at id 0. */
  shard(hash: number): Int32Array {
    return this.#shards[hash >>> 24] as Int32Array;
  }

  /** Adds an entry that is known to be absent. */
  add(hash: number, id: number): void {
    const number = hash >>> 24;
    let slots = this.#shards[number] as Int32Array;
    const count = (this.#counts[number] as number) + 1;
    this.#counts[number] = count;
    if (count * 16 > slots.length * 5) {
      slots = rehashed(slots, slots.length * 2);
      this.#shards[number] = slots;
    }
    place(slots, hash, id);
  }

  /** Removes an entry that is known to be present. */
  remove(hash: number, id: number): void {
    const slots = this.shard(hash);
    const mask = slots.length - 1;
    let hole = home(hash, mask);
    while (slots[hole + 1] !== id) hole = (hole + 2) & mask;
    let at = hole;
    for (;;) {
      at = (at + 2) & mask;
      if (slots[at + 1] === 0) break;
      const wanted = home(slots[at] as number, mask);
      // The entry may move back to the hole unless its home lies (cyclically) after the hole.
      if (((at - wanted) & mask) >= ((at - hole) & mask)) {
        slots[hole] = slots[at] as number;
        slots[hole + 1] = slots[at + 1] as number;
        hole = at;
      }
    }
    slots[hole] = 0;
    slots[hole + 1] = 0;
    const number = hash >>> 24;
    const count = (this.#counts[number] as number) - 1;
    this.#counts[number] = count;
    if (count * 16 < slots.length && slots.length > 2 * FIRST_SLOTS) {
      this.#shards[number] = rehashed(slots, slots.length / 2);
    }
  }

  /** Octets of all slots. */
  byteLength(): number {
    return this.#shards.reduce((sum, slots) => sum + slots.byteLength, 0);
  }
}

/** The word index of the home slot of a hash in a shard of `mask + 1` words. */
export function home(hash: number, mask: number): number {
  return (hash << 1) & mask;
}

function place(slots: Int32Array, hash: number, id: number): void {
  const mask = slots.length - 1;
  let at = home(hash, mask);
  while (slots[at + 1] !== 0) at = (at + 2) & mask;
  slots[at] = hash;
  slots[at + 1] = id;
}

function rehashed(slots: Int32Array, words: number): Int32Array {
  const made = new Int32Array(words);
  for (let at = 0; at < slots.length; at += 2) {
    if (slots[at + 1] !== 0) place(made, slots[at] as number, slots[at + 1] as number);
  }
  return made;
}
