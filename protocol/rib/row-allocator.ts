/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Gives out the rows of a table and takes them back, page by page: the lowest page with room comes first, and a page whose
 * last row goes is given up. So a table that shrinks gives its memory back wherever whole pages became free, and what is
 * left gathers at the low end as routes come and go. Rows never move: their ids are known all over.
 *
 * Invariants: a free row is all zero in the words by which its table tells it from a used one, its first word excepted,
 * which chains the free rows of its page; where no page is any more, VACANT_PAGE stands, so an id that was freed may be
 * read; no page from `#pageEnd` on has a used row; id 0 is never given out.
 */
import { MAX_ROWS, PAGE_BITS, PAGE_MASK, PAGE_ROWS } from "./page.ts";

/** Words of the longest row of any table. */
const LONGEST_STRIDE = 12;

/** Read wherever a table has no page: free rows only. Nobody writes to it. */
export const VACANT_PAGE: Int32Array = new Int32Array(PAGE_ROWS * LONGEST_STRIDE);

/** One array a page; `stride` words a row. */
export type Column = { readonly pages: Int32Array[]; readonly stride: number };

export class RowAllocator {
  /** All columns grow and shrink together. The first one holds the chains of free rows. */
  readonly #columns: readonly Column[];
  readonly #pages: Int32Array[];
  readonly #stride: number;
  readonly #maxPages: number;
  /** By page: used rows, first of the chained free rows, and the first row that was never used. */
  readonly #used: number[] = [];
  readonly #free: number[] = [];
  readonly #fresh: number[] = [];
  /** All pages from this one on are vacant. */
  #pageEnd = 0;
  /** No page below this one has room. */
  #lowest = 0;
  /** The page that was given up last, a column after the other: a table that goes to and fro makes no garbage. */
  #spare: readonly Int32Array[] | undefined;
  #count = 0;

  constructor(columns: readonly [Column, ...Column[]], maxRows = MAX_ROWS) {
    this.#columns = columns;
    this.#maxPages = maxRows >>> PAGE_BITS;
    this.#pages = columns[0].pages;
    this.#stride = columns[0].stride;
  }

  /** Rows in use. */
  get count(): number {
    return this.#count;
  }

  /** Ids are below this. */
  get end(): number {
    const last = this.#pageEnd - 1;
    return last < 0 ? 1 : (last << PAGE_BITS) + (this.#fresh[last] as number);
  }

  /** A row that nobody uses. Throws RangeError when the table is full. */
  allocate(): number {
    const number = this.#pageWithRoom();
    this.#used[number] = (this.#used[number] as number) + 1;
    this.#count++;
    const chained = this.#free[number] as number;
    if (chained === 0) {
      const fresh = this.#fresh[number] as number;
      this.#fresh[number] = fresh + 1;
      return (number << PAGE_BITS) + fresh;
    }
    const page = this.#pages[number] as Int32Array;
    this.#free[number] = page[(chained & PAGE_MASK) * this.#stride] as number;
    return chained;
  }

  /** The row is free again; its words but the first tell so already. */
  free(id: number): void {
    const number = id >>> PAGE_BITS;
    const used = (this.#used[number] as number) - 1;
    this.#used[number] = used;
    this.#count--;
    if (number < this.#lowest) this.#lowest = number;
    if (used === 0) {
      this.#giveUp(number);
      return;
    }
    const page = this.#pages[number] as Int32Array;
    page[(id & PAGE_MASK) * this.#stride] = this.#free[number] as number;
    this.#free[number] = id;
  }

  byteLength(): number {
    let octets = 0;
    for (const page of this.#spare ?? []) octets += page.byteLength;
    for (const { pages } of this.#columns) {
      for (const page of pages) if (page !== VACANT_PAGE) octets += page.byteLength;
    }
    return octets;
  }

  #pageWithRoom(): number {
    let number = this.#lowest;
    while (number < this.#pageEnd && this.#isFull(number)) number++;
    this.#lowest = number;
    const page = this.#pages[number];
    if (page === undefined || page === VACANT_PAGE) this.#makePage(number);
    return number;
  }

  #isFull(number: number): boolean {
    return this.#free[number] === 0 && this.#fresh[number] === PAGE_ROWS;
  }

  #makePage(number: number): void {
    if (number >= this.#maxPages) throw new RangeError("more rows than a table can hold");
    const spare = this.#spare;
    this.#spare = undefined;
    for (const [column, { pages, stride }] of this.#columns.entries()) {
      pages[number] = spare?.[column] ?? new Int32Array(PAGE_ROWS * stride);
    }
    this.#used[number] = 0;
    this.#free[number] = 0;
    this.#fresh[number] = number === 0 ? 1 : 0;
    this.#pageEnd = Math.max(this.#pageEnd, number + 1);
  }

  #giveUp(number: number): void {
    this.#spare = this.#columns.map(({ pages }) => pages[number] as Int32Array);
    for (const { pages } of this.#columns) pages[number] = VACANT_PAGE;
    this.#free[number] = 0;
    this.#fresh[number] = number === 0 ? 1 : 0;
    while (this.#pageEnd > 0 && this.#pages[this.#pageEnd - 1] === VACANT_PAGE) this.#pageEnd--;
  }
}
