/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Ids, first in, first out, on pages of a typed array. A whole table goes through at once when a peer leaves: an array of
 * JavaScript would be copied at every growth, and what it left behind would wait for the garbage collector.
 */
import { objectArray } from "../types/object-array.ts";
import { PAGE_BITS, PAGE_MASK, PAGE_ROWS } from "./page.ts";

export class IdQueue {
  /** Pages in the order of their entries; those before the head are gone. */
  readonly #pages = objectArray<Int32Array>();
  /** A page that was read to its end, for the next one that is needed. */
  #spare: Int32Array | undefined;
  #head = 0;
  #tail = 0;

  get length(): number {
    return this.#tail - this.#head;
  }

  push(id: number): void {
    const tail = this.#tail;
    if (tail >>> PAGE_BITS === this.#pages.length) this.#grow();
    (this.#pages[tail >>> PAGE_BITS] as Int32Array)[tail & PAGE_MASK] = id;
    this.#tail = tail + 1;
  }

  /** The entry that comes next; there must be one. */
  first(): number {
    return (this.#pages[this.#head >>> PAGE_BITS] as Int32Array)[this.#head & PAGE_MASK] as number;
  }

  /** Takes the next entry out; there must be one. */
  shift(): number {
    const id = this.first();
    this.#head++;
    if ((this.#head & PAGE_MASK) === 0 || this.#head === this.#tail) this.#dropRead();
    return id;
  }

  #grow(): void {
    this.#pages.push(this.#spare ?? new Int32Array(PAGE_ROWS));
    this.#spare = undefined;
  }

  #dropRead(): void {
    if (this.#head === this.#tail) {
      this.#head = 0;
      this.#tail = 0;
      // A queue that is empty now and then keeps one page.
      this.#pages.length = Math.min(1, this.#pages.length);
      return;
    }
    this.#spare = this.#pages.shift();
    this.#head -= PAGE_ROWS;
    this.#tail -= PAGE_ROWS;
  }
}
