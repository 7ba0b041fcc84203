import { NOBODY, type SentTable } from "./sent-table.ts";

/** Rows that cost as much to pass over as one does to take. */
const ROWS_PER_TAKEN = 16;

/**
 * What one member has missed of its group's stream, when it reads the table instead: because it joined late, asked for a
 * refresh, came from another group, or was too slow. A first pass goes over all rows (`fresh`: nothing was sent to it yet;
 * `refresh`: everything is sent again) or over none (`missed`); rows that change meanwhile, or that were missed, are
 * marked, each with whether the member holds the path, so that nothing is withdrawn that it never had.
 */
export class CatchUp {
  readonly #mode: "fresh" | "refresh" | "missed";
  readonly #peer: number;
  #marked = new Uint32Array(64);
  #held = new Uint32Array(64);
  #marks = 0;
  /** The next row of the first pass; undefined when it is over. */
  #pass: number | undefined;
  /** Where the search for marks goes on. */
  #word = 0;

  constructor(mode: "fresh" | "refresh" | "missed", peer: number) {
    this.#mode = mode;
    this.#peer = peer;
    this.#pass = mode === "missed" ? undefined : 1;
  }

  /** The row changes, or was missed; `previous` is the peer that the group's stream had it from, or NOBODY. */
  mark(row: number, previous: number): void {
    // A fresh member has nothing of what its first pass has not reached.
    if (this.#mode === "fresh" && this.#pass !== undefined && row >= this.#pass) return;
    this.markHeld(row, previous !== NOBODY && previous !== this.#peer);
  }

  /** Marks a row; the first mark says whether the member holds the path. */
  markHeld(row: number, held: boolean): void {
    const word = row >>> 5;
    const bit = 1 << (row & 31);
    if (word >= this.#marked.length) this.#grow(word);
    if (((this.#marked[word] as number) & bit) !== 0) return;
    this.#marked[word] = (this.#marked[word] as number) | bit;
    if (held) this.#held[word] = (this.#held[word] as number) | bit;
    else this.#held[word] = (this.#held[word] as number) & ~bit;
    this.#marks++;
  }

  /** Whether the member holds the path of a marked row. */
  isHeld(row: number): boolean {
    return (((this.#held[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1;
  }

  isMarked(row: number): boolean {
    return (((this.#marked[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1;
  }

  /** True from the end of the first pass on: the whole table was sent once. */
  passedTable(): boolean {
    return this.#pass === undefined;
  }

  isDone(): boolean {
    return this.#pass === undefined && this.#marks === 0;
  }

  /** Rows from which on a fresh member has nothing. */
  reached(): number {
    return this.#mode === "fresh"
      ? (this.#pass ?? Number.MAX_SAFE_INTEGER)
      : Number.MAX_SAFE_INTEGER;
  }

  /** Whether it began with nothing sent. */
  isFresh(): boolean {
    return this.#mode === "fresh";
  }

  /**
   * Takes up to `limit` rows that the member must hear of: `visit(row, held)`. Rows of the first pass that are not
   * advertised, and that the member does not hold, are passed over.
   */
  take(
    limit: number,
    sent: SentTable,
    rowEnd: number,
    visit: (row: number, held: boolean) => void,
  ): void {
    let taken = this.#takePass(limit, sent, rowEnd, visit);
    if (this.#pass !== undefined) return;
    while (taken < limit && this.#marks > 0) {
      if (this.#word >= this.#marked.length) this.#word = 0;
      taken += this.#takeWord(this.#word, visit);
      this.#word++;
    }
  }

  #takePass(
    limit: number,
    sent: SentTable,
    rowEnd: number,
    visit: (row: number, held: boolean) => void,
  ): number {
    if (this.#pass === undefined) return 0;
    let taken = 0;
    let row = this.#pass;
    const lookEnd = Math.min(rowEnd, row + limit * ROWS_PER_TAKEN);
    for (; row < lookEnd && taken < limit; row++) {
      if (this.isMarked(row)) this.#unmark(row, visit);
      else if (sent.set(row) === 0 || sent.source(row) === this.#peer) continue;
      else visit(row, false);
      taken++;
    }
    this.#pass = row < rowEnd ? row : undefined;
    return taken;
  }

  #takeWord(word: number, visit: (row: number, held: boolean) => void): number {
    let taken = 0;
    while ((this.#marked[word] as number) !== 0) {
      const bit = 31 - Math.clz32(this.#marked[word] as number);
      this.#unmark(word * 32 + bit, visit);
      taken++;
    }
    return taken;
  }

  #unmark(row: number, visit: (row: number, held: boolean) => void): void {
    const word = row >>> 5;
    const held = this.isHeld(row);
    this.#marked[word] = (this.#marked[word] as number) & ~(1 << (row & 31));
    this.#marks--;
    visit(row, held);
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
