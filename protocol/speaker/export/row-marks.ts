/** Rows that are marked, each with whether its path is held: two bits a row. */
export class RowMarks {
  #marked = new Uint32Array(64);
  #held = new Uint32Array(64);
  #count = 0;
  /** Where the search for marks goes on. */
  #word = 0;

  get count(): number {
    return this.#count;
  }

  /** Marks a row; the first mark says whether its path is held. */
  add(row: number, held: boolean): void {
    const word = row >>> 5;
    const bit = 1 << (row & 31);
    if (word >= this.#marked.length) this.#grow(word);
    if (((this.#marked[word] as number) & bit) !== 0) return;
    this.#marked[word] = (this.#marked[word] as number) | bit;
    if (held) this.#held[word] = (this.#held[word] as number) | bit;
    else this.#held[word] = (this.#held[word] as number) & ~bit;
    this.#count++;
  }

  has(row: number): boolean {
    return (((this.#marked[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1;
  }

  /** Whether the path of a marked row is held. */
  isHeld(row: number): boolean {
    return (((this.#held[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1;
  }

  remove(row: number): void {
    if (!this.has(row)) return;
    const word = row >>> 5;
    this.#marked[word] = (this.#marked[word] as number) & ~(1 << (row & 31));
    this.#count--;
  }

  /** Takes a marked row. */
  takeRow(row: number, visit: (row: number, held: boolean) => void): void {
    const held = this.isHeld(row);
    this.remove(row);
    visit(row, held);
  }

  /** Takes marked rows, at most 31 more than `limit`. */
  take(limit: number, visit: (row: number, held: boolean) => void): void {
    let taken = 0;
    while (taken < limit && this.#count > 0) {
      if (this.#word >= this.#marked.length) this.#word = 0;
      taken += this.#takeWord(this.#word, visit);
      this.#word++;
    }
  }

  #takeWord(word: number, visit: (row: number, held: boolean) => void): number {
    let taken = 0;
    while ((this.#marked[word] as number) !== 0) {
      const bit = 31 - Math.clz32(this.#marked[word] as number);
      this.takeRow(word * 32 + bit, visit);
      taken++;
    }
    return taken;
  }

  #grow(word: number): void {
    const length = Math.max(word + 1, this.#marked.length * 2);
    const marked = new Uint32Array(length);
    const held = new Uint32Array(length);
    marked.set(this.#marked);
    held.set(this.#held);
    this.#marked = marked;
    this.#held = held;
  }
}
