/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it (export of a full table).
 *
 * What an update group has put on its stream: the Adj-RIB-Out that its members share. A row says which attribute set a
 * path was last sent with and from which peer it came. Without ADD-PATH a prefix has one row, whose number is the prefix
 * id; with ADD-PATH each path of a prefix has a row, chained from the prefix.
 *
 * Invariants: a row with set 0 is not advertised; a set in a row is retained; a prefix with a row that is advertised (or a
 * chained row that somebody may still name) is held, so its id is not used again.
 */
import type { AttributeSetTable } from "../../rib/attribute-set-table.ts";
import { PAGE_BITS, PAGE_MASK, PAGE_ROWS } from "../../rib/page.ts";

const STRIDE = 2;
const SET = 0;
const SOURCE = 1;

/** The source of a row that is not advertised. */
export const NOBODY = -1;

export class SentTable {
  readonly #sets: AttributeSetTable;
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #counts: number[] = [];
  #total = 0;
  /** Present with ADD-PATH only. */
  readonly #paths: PathRows | undefined;

  constructor(sets: AttributeSetTable, options: { readonly addPath: boolean }) {
    this.#sets = sets;
    this.#paths = options.addPath ? new PathRows() : undefined;
  }

  /** A table with the same rows under the same numbers. */
  clone(): SentTable {
    const copy = new SentTable(this.#sets, { addPath: this.#paths !== undefined });
    for (const page of this.#pages) copy.#pages.push(page?.slice());
    copy.#counts.push(...this.#counts);
    copy.#total = this.#total;
    if (this.#paths !== undefined) copy.#paths?.copyFrom(this.#paths);
    copy.#forEachSet((set) => this.#sets.retain(set));
    return copy;
  }

  /** Lets all sets go. */
  clear(): void {
    this.#forEachSet((set) => this.#sets.release(set));
    this.#pages.length = 0;
    this.#counts.length = 0;
    this.#total = 0;
    this.#paths?.clear();
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
    const page = this.#pages[row >>> PAGE_BITS];
    return page === undefined ? 0 : (page[(row & PAGE_MASK) * STRIDE + SET] as number);
  }

  /** The peer that the advertised path came from, or NOBODY. */
  source(row: number): number {
    const page = this.#pages[row >>> PAGE_BITS];
    if (page === undefined) return NOBODY;
    const at = (row & PAGE_MASK) * STRIDE;
    return page[at + SET] === 0 ? NOBODY : (page[at + SOURCE] as number);
  }

  /** Sets what is advertised; set 0 ends it. */
  store(row: number, set: number, source: number): void {
    const page = this.#pages[row >>> PAGE_BITS] ?? this.#addPage(row >>> PAGE_BITS);
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

  /** Frees chained rows that are not advertised. Called when nobody can name them. */
  freeIdleRows(): void {
    this.#paths?.freeIdle((row) => this.set(row) === 0);
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

  #count(source: number, difference: 1 | -1): void {
    while (this.#counts.length <= source) this.#counts.push(0);
    this.#counts[source] = (this.#counts[source] as number) + difference;
    this.#total += difference;
  }

  #forEachSet(action: (set: number) => void): void {
    for (const page of this.#pages) {
      if (page === undefined) continue;
      for (let at = SET; at < page.length; at += STRIDE) {
        if (page[at] !== 0) action(page[at] as number);
      }
    }
  }

  #addPage(number: number): Int32Array {
    const page = new Int32Array(PAGE_ROWS * STRIDE);
    while (this.#pages.length <= number) this.#pages.push(undefined);
    this.#pages[number] = page;
    return page;
  }
}

/** Rows of paths, chained by prefix. Plain arrays: ADD-PATH towards a peer is not the path that must be fastest. */
class PathRows {
  readonly #heads: number[] = [];
  readonly #prefixes: number[] = [0];
  readonly #pathIds: number[] = [0];
  readonly #next: number[] = [0];
  readonly #free: number[] = [];
  readonly #idle: number[] = [];

  copyFrom(other: PathRows): void {
    this.#heads.push(...other.#heads);
    for (const [row, prefix] of other.#prefixes.entries()) {
      this.#prefixes[row] = prefix;
      this.#pathIds[row] = other.#pathIds[row] as number;
      this.#next[row] = other.#next[row] as number;
    }
    this.#free.push(...other.#free);
    this.#idle.push(...other.#idle);
  }

  clear(): void {
    this.#heads.length = 0;
    this.#prefixes.length = 1;
    this.#pathIds.length = 1;
    this.#next.length = 1;
    this.#free.length = 0;
    this.#idle.length = 0;
  }

  end(): number {
    return this.#prefixes.length;
  }

  prefix(row: number): number {
    return this.#prefixes[row] as number;
  }

  pathId(row: number): number {
    return this.#pathIds[row] as number;
  }

  first(prefix: number): number {
    return this.#heads[prefix] ?? 0;
  }

  next(row: number): number {
    return this.#next[row] as number;
  }

  find(prefix: number, pathId: number): number {
    let row = this.first(prefix);
    while (row !== 0 && this.#pathIds[row] !== pathId) row = this.next(row);
    return row;
  }

  add(prefix: number, pathId: number): number {
    const row = this.#free.pop() ?? this.#prefixes.length;
    while (this.#heads.length <= prefix) this.#heads.push(0);
    this.#prefixes[row] = prefix;
    this.#pathIds[row] = pathId;
    this.#next[row] = this.first(prefix);
    this.#heads[prefix] = row;
    return row;
  }

  noteIdle(row: number): void {
    this.#idle.push(row);
  }

  freeIdle(isIdle: (row: number) => boolean): void {
    for (const row of this.#idle) {
      if (this.#prefixes[row] !== 0 && isIdle(row)) this.#unlink(row);
    }
    this.#idle.length = 0;
  }

  #unlink(row: number): void {
    const prefix = this.prefix(row);
    let previous = 0;
    let at = this.first(prefix);
    while (at !== row) {
      previous = at;
      at = this.next(at);
    }
    if (previous === 0) this.#heads[prefix] = this.next(row);
    else this.#next[previous] = this.next(row);
    this.#prefixes[row] = 0;
    this.#free.push(row);
  }
}
