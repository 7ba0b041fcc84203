import type { RouteColumns } from "./route-columns.ts";

/** So many rows at most are brought into order at a time: their places need 12 of the 53 bits of a number. */
const MAX_SORTED = 1 << 12;
/** The kernel walks what routes over one interface share, the latest first: routes of one gateway come together. */
const GATEWAY_SETS = 1 << 12;
/** Of an address its first 28 bits count; neighbours that differ in the last four are near enough. */
const ADDRESSES = 1 << 28;

/**
 * Sorts IPv4 rows by gateway set, then by address. Feeds come in the order of their attributes. The kernel's trie takes
 * neighbours one after the other in four fifths of the time, because it stays in the same corner of its memory; and it looks
 * for a route's gateway in a chain of all that the interface has, which is short for the gateway that came last (ADR 27).
 */
export class WriteOrder {
  readonly #columns: RouteColumns;
  /** Set, address and place in the part, in one number: sorted without a call back. */
  readonly #keys = new Float64Array(MAX_SORTED);
  readonly #rows = new Uint32Array(MAX_SORTED);

  constructor(columns: RouteColumns) {
    this.#columns = columns;
  }

  /** Sorts the rows, or the first MAX_SORTED of them. */
  sort(rows: Uint32Array): void {
    if (this.#columns.words !== 1) return;
    const { address, learned } = this.#columns;
    const length = Math.min(rows.length, MAX_SORTED);
    for (let i = 0; i < length; i++) {
      const row = rows[i] as number;
      const set = (learned[row] as number) % GATEWAY_SETS;
      this.#rows[i] = row;
      this.#keys[i] = (set * ADDRESSES + ((address[row] as number) >>> 4)) * MAX_SORTED + i;
    }
    const sorted = this.#keys.subarray(0, length).sort();
    for (let i = 0; i < length; i++) {
      rows[i] = this.#rows[(sorted[i] as number) % MAX_SORTED] as number;
    }
  }
}
