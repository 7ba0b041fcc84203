/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it (export of a full table).
 *
 * What an update group has put on its stream: the Adj-RIB-Out that its members share. A row says which attribute set a
 * path was last sent with and from which peer it came. Without ADD-PATH a prefix has one row, whose number is the prefix
 * id; with ADD-PATH each path of a prefix has a row, chained from the prefix.
 *
 * Invariants: a row with set 0 is not advertised; a set in a row is retained, once for all tables that share the row's page;
 * a prefix with a row that is advertised (or a chained row that somebody may still name) is held, so its id is not used again.
 */
import type { AttributeSetTable } from "../../rib/attribute-set-table.ts";
import { PAGE_BITS, PAGE_MASK } from "../../rib/page.ts";
import { PathRows } from "./path-rows.ts";
import { SharedPages } from "./shared-pages.ts";

const STRIDE = 2;
const SET = 0;
const SOURCE = 1;

/** The source of a row that is not advertised. */
export const NOBODY = -1;

export class SentTable {
  readonly #sets: AttributeSetTable;
  readonly #rows: SharedPages;
  readonly #counts: number[];
  /** Advertised rows, by page. */
  readonly #onPage: number[];
  #total: number;
  /** Present with ADD-PATH only. */
  readonly #paths: PathRows | undefined;

  constructor(
    sets: AttributeSetTable,
    options: { readonly addPath: boolean } | { readonly sharedWith: SentTable },
  ) {
    this.#sets = sets;
    if ("sharedWith" in options) {
      const other = options.sharedWith;
      this.#rows = other.#rows.share();
      this.#paths = other.#paths && new PathRows(other.#paths);
      this.#counts = other.#counts.slice();
      this.#onPage = other.#onPage.slice();
      this.#total = other.#total;
      return;
    }
    this.#rows = new SharedPages(STRIDE, {
      copied: (page) => forEachSet(page, (set) => sets.retain(set)),
      dropped: (page) => sets.releaseLater(page, STRIDE),
    });
    this.#paths = options.addPath ? new PathRows() : undefined;
    this.#counts = [];
    this.#onPage = [];
    this.#total = 0;
  }

  /** A table with the same rows under the same numbers; pages are copied when one of the two changes. */
  share(): SentTable {
    return new SentTable(this.#sets, { sharedWith: this });
  }

  /** Lets all sets go, in slices of `Rib.work`. */
  clear(): void {
    this.#rows.clear();
    this.#counts.length = 0;
    this.#onPage.length = 0;
    this.#total = 0;
    this.#paths?.clear();
  }

  /** Pages that were copied because they were shared. */
  get copies(): number {
    return this.#rows.copies + (this.#paths?.copies ?? 0);
  }

  hasAddPath(): boolean {
    return this.#paths !== undefined;
  }

  /** Rows are below this. `prefixEnd` is the end of the prefix ids. */
  end(prefixEnd: number): number {
    return this.#paths === undefined ? prefixEnd : this.#paths.end();
  }

  /** The set that the row was last sent with; 0 when it is not advertised. */
  set(row: number): number {
    return this.#rows.get(row, SET);
  }

  /** The peer that the advertised path came from, or NOBODY. */
  source(row: number): number {
    return this.#rows.get(row, SET) === 0 ? NOBODY : this.#rows.get(row, SOURCE);
  }

  /** Sets what is advertised; set 0 ends it. */
  store(row: number, set: number, source: number): void {
    const page = this.#rows.writable(row);
    const at = (row & PAGE_MASK) * STRIDE;
    const before = page[at + SET] as number;
    if (set !== 0) {
      this.#sets.retain(set);
      this.#count(source, 1);
    }
    if (before !== 0) {
      this.#sets.release(before);
      this.#count(page[at + SOURCE] as number, -1);
    }
    page[at + SET] = set;
    page[at + SOURCE] = source;
    if (before === 0 ? set !== 0 : set === 0) this.#countOnPage(row, set === 0 ? -1 : 1);
  }

  /** Octets of the table; of pages that another table shares, this one's share. */
  byteLength(): number {
    return this.#rows.byteLength() + (this.#paths?.byteLength() ?? 0);
  }

  prefix(row: number): number {
    return this.#paths === undefined ? row : this.#paths.prefix(row);
  }

  pathId(row: number): number {
    return this.#paths === undefined ? 0 : this.#paths.pathId(row);
  }

  /** First row of a prefix (its only one without ADD-PATH); `nextRow` goes on; 0 ends. */
  firstRow(prefix: number): number {
    return this.#paths === undefined ? prefix : this.#paths.first(prefix);
  }

  nextRow(row: number): number {
    return this.#paths === undefined ? 0 : this.#paths.next(row);
  }

  /** The row of a path, made when there is none. */
  rowFor(prefix: number, pathId: number): number {
    if (this.#paths === undefined) return prefix;
    return this.#paths.find(prefix, pathId) || this.#paths.add(prefix, pathId);
  }

  /** The row of a path, or 0. */
  findRow(prefix: number, pathId: number): number {
    return this.#paths === undefined ? prefix : this.#paths.find(prefix, pathId);
  }

  /** Frees up to `limit` chained rows that are not advertised. Called when nobody can name them. */
  freeIdleRows(limit: number): void {
    this.#paths?.freeIdle(limit, (row) => this.set(row) === 0);
  }

  /** Remembers that a chained row may be freed later. */
  noteIdle(row: number): void {
    this.#paths?.noteIdle(row);
  }

  holdsPrefix(prefix: number): boolean {
    return this.#paths === undefined ? this.set(prefix) !== 0 : this.#paths.first(prefix) !== 0;
  }

  /** Advertised paths, without those from this source. */
  countWithout(source: number): number {
    return this.#total - (this.#counts[source] ?? 0);
  }

  /** A page of rows that are not advertised is given up; the first one stays, for tables of a few routes that come and go. */
  #countOnPage(row: number, difference: 1 | -1): void {
    const number = row >>> PAGE_BITS;
    while (this.#onPage.length <= number) this.#onPage.push(0);
    const count = (this.#onPage[number] as number) + difference;
    this.#onPage[number] = count;
    if (count === 0 && number > 0) this.#rows.drop(row);
  }

  #count(source: number, difference: 1 | -1): void {
    while (this.#counts.length <= source) this.#counts.push(0);
    this.#counts[source] = (this.#counts[source] as number) + difference;
    this.#total += difference;
  }
}

function forEachSet(page: Int32Array, action: (set: number) => void): void {
  for (let at = SET; at < page.length; at += STRIDE) {
    if (page[at] !== 0) action(page[at] as number);
  }
}
