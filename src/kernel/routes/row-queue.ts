/*
 * Rows that wait for their turn, first come first served. A hot file: a feed that comes in may wait here whole, so rows lie
 * in one typed array, from #first to #end. It doubles when it is full of waiting rows, and is given back when all had their turn.
 */

/** Room for so many rows is kept while none waits. */
const KEPT_ROWS = 1 << 8;

/** A queue of row numbers. */
export class RowQueue {
  #rows = new Uint32Array(KEPT_ROWS);
  #first = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#first;
  }

  push(row: number): void {
    if (this.#end === this.#rows.length) this.#makeRoom();
    this.#rows[this.#end++] = row;
  }

  /** Takes the first row out; 0 when none waits. */
  shift(): number {
    if (this.#first === this.#end) return 0;
    const row = this.#rows[this.#first++] as number;
    if (this.#first === this.#end) this.#empty();
    return row;
  }

  /** The rows whose turn is next, `count` of them or as many as there are: to be put in another order, not to be kept. */
  next(count: number): Uint32Array {
    return this.#rows.subarray(this.#first, Math.min(this.#end, this.#first + count));
  }

  #empty(): void {
    this.#first = 0;
    this.#end = 0;
    if (this.#rows.length > KEPT_ROWS) this.#rows = new Uint32Array(KEPT_ROWS);
  }

  #makeRoom(): void {
    const waiting = this.#rows.subarray(this.#first, this.#end);
    const isHalfFull = waiting.length > this.#rows.length / 2;
    if (isHalfFull) this.#rows = new Uint32Array(this.#rows.length * 2);
    this.#rows.set(waiting);
    this.#first = 0;
    this.#end = waiting.length;
  }
}
