import type { RouteColumns } from "./route-columns.ts";

/** So many rows at most are brought into order at a time. */
const MAX_SORTED = 4096;

/**
 * Sorts a part of a list of IPv4 rows by address. Feeds come in the order of their attributes; the kernel's trie takes
 * neighbours one after the other in four fifths of the time, because it stays in the same corner of its memory.
 */
export class WriteOrder {
  readonly #columns: RouteColumns;
  /** Address and place in the part, in one number: sorted without a call back. */
  readonly #keys = new Float64Array(MAX_SORTED);
  readonly #rows = new Uint32Array(MAX_SORTED);

  constructor(columns: RouteColumns) {
    this.#columns = columns;
  }

  /** Sorts rows[start, start + count), or as many of them as there are. */
  sort(rows: number[], start: number, count: number): void {
    if (this.#columns.words !== 1) return;
    const { address } = this.#columns;
    const end = Math.min(start + count, rows.length, start + MAX_SORTED);
    const length = end - start;
    for (let i = 0; i < length; i++) {
      const row = rows[start + i] as number;
      this.#rows[i] = row;
      this.#keys[i] = (address[row] as number) * MAX_SORTED + i;
    }
    const sorted = this.#keys.subarray(0, length).sort();
    for (let i = 0; i < length; i++) {
      rows[start + i] = this.#rows[(sorted[i] as number) % MAX_SORTED] as number;
    }
  }
}
