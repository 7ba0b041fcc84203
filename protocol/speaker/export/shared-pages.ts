/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it (export of a full table).
 *
 * Rows of words on pages that several tables may share: a copy of a table costs a reference a page, and a page is copied
 * when one of its owners first writes to it. So a group that takes over what another one has sent begins at once, however
 * large the table is (ADR 28).
 *
 * Invariant: a page with more than one owner is never written to.
 */

import { PAGE_BITS, PAGE_MASK, PAGE_ROWS } from "../../rib/page.ts";
import { objectArray } from "../../types/object-array.ts";

/** How many tables a page belongs to. */
type Owners = { count: number };

/** What a page holds besides its words, when it is copied, and when its last owner lets it go. */
export type PageContent = {
  readonly copied: (page: Int32Array) => void;
  readonly dropped: (page: Int32Array) => void;
};

export class SharedPages {
  readonly #stride: number;
  readonly #content: PageContent | undefined;
  readonly #pages = objectArray<Int32Array | undefined>();
  /** Undefined for a page that was never shared. */
  readonly #owners = objectArray<Owners | undefined>();
  #copies = 0;

  constructor(stride: number, content?: PageContent) {
    this.#stride = stride;
    this.#content = content;
  }

  /** Another table with the same rows. */
  share(): SharedPages {
    const copy = new SharedPages(this.#stride, this.#content);
    for (const [number, page] of this.#pages.entries()) {
      if (page !== undefined) {
        const owners = this.#owners[number] ?? { count: 1 };
        owners.count++;
        this.#owners[number] = owners;
        copy.#owners[number] = owners;
      } else copy.#owners[number] = undefined;
      copy.#pages.push(page);
    }
    return copy;
  }

  /** Lets all pages go. */
  clear(): void {
    for (const [number, page] of this.#pages.entries()) {
      const owners = this.#owners[number];
      if (owners !== undefined && --owners.count > 0) continue;
      if (page !== undefined) this.#content?.dropped(page);
    }
    this.#pages.length = 0;
    this.#owners.length = 0;
  }

  /** A word of a row; 0 where nothing was ever written. */
  get(row: number, word: number): number {
    const page = this.#pages[row >>> PAGE_BITS];
    return page === undefined ? 0 : (page[(row & PAGE_MASK) * this.#stride + word] as number);
  }

  set(row: number, word: number, value: number): void {
    const page = this.writable(row);
    page[(row & PAGE_MASK) * this.#stride + word] = value;
  }

  /** The page of a row, to be written to; the row begins at `(row & PAGE_MASK) * stride`. */
  writable(row: number): Int32Array {
    const number = row >>> PAGE_BITS;
    const page = this.#pages[number];
    if (page === undefined) return this.#add(number);
    const owners = this.#owners[number];
    return owners === undefined || owners.count === 1 ? page : this.#copy(number, page, owners);
  }

  /** Gives up the page of a row, which was written to and holds nothing any more. */
  drop(row: number): void {
    this.#pages[row >>> PAGE_BITS] = undefined;
    this.#owners[row >>> PAGE_BITS] = undefined;
  }

  /** Octets of the pages; of a shared one its share. */
  byteLength(): number {
    let octets = 0;
    for (const [number, page] of this.#pages.entries()) {
      if (page !== undefined) octets += page.byteLength / (this.#owners[number]?.count ?? 1);
    }
    return octets;
  }

  /** Pages copied so far: each costs as much as some hundred rows. */
  get copies(): number {
    return this.#copies;
  }

  #add(number: number): Int32Array {
    while (this.#pages.length <= number) {
      this.#pages.push(undefined);
      this.#owners.push(undefined);
    }
    const page = new Int32Array(PAGE_ROWS * this.#stride);
    this.#pages[number] = page;
    return page;
  }

  #copy(number: number, page: Int32Array, owners: Owners): Int32Array {
    owners.count--;
    this.#copies++;
    const own = page.slice();
    this.#pages[number] = own;
    this.#owners[number] = undefined;
    this.#content?.copied(own);
    return own;
  }
}
