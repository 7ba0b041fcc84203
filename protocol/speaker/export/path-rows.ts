import { SharedPages } from "./shared-pages.ts";

const STRIDE = 4;
/** 0 in a row that is free. */
const PREFIX = 0;
const PATH_ID = 1;
/** The next row of the prefix, or of the free rows. */
const NEXT = 2;
/** The next row that may be idle; 0 in a row that is not among them. */
const IDLE = 3;
const LAST = -1;

/** Rows of paths, chained by prefix: the part of a sent-table that exists with ADD-PATH only. Row 0 is none. RFC 7911. */
export class PathRows {
  readonly #heads: SharedPages;
  readonly #rows: SharedPages;
  #end = 1;
  #free = 0;
  #idle = LAST;

  /** The same rows as another table's, shared until one of the two changes. */
  constructor(other?: PathRows) {
    this.#heads = other === undefined ? new SharedPages(1) : other.#heads.share();
    this.#rows = other === undefined ? new SharedPages(STRIDE) : other.#rows.share();
    if (other === undefined) return;
    this.#end = other.#end;
    this.#free = other.#free;
    this.#idle = other.#idle;
  }

  get copies(): number {
    return this.#heads.copies + this.#rows.copies;
  }

  byteLength(): number {
    return this.#heads.byteLength() + this.#rows.byteLength();
  }

  clear(): void {
    this.#heads.clear();
    this.#rows.clear();
    this.#end = 1;
    this.#free = 0;
    this.#idle = LAST;
  }

  end(): number {
    return this.#end;
  }

  prefix(row: number): number {
    return this.#rows.get(row, PREFIX);
  }

  pathId(row: number): number {
    return this.#rows.get(row, PATH_ID);
  }

  first(prefix: number): number {
    return this.#heads.get(prefix, 0);
  }

  next(row: number): number {
    return this.#rows.get(row, NEXT);
  }

  find(prefix: number, pathId: number): number {
    let row = this.first(prefix);
    while (row !== 0 && this.pathId(row) !== pathId) row = this.next(row);
    return row;
  }

  add(prefix: number, pathId: number): number {
    const row = this.#takeFree();
    this.#rows.set(row, PREFIX, prefix);
    this.#rows.set(row, PATH_ID, pathId);
    this.#rows.set(row, NEXT, this.first(prefix));
    this.#heads.set(prefix, 0, row);
    return row;
  }

  noteIdle(row: number): void {
    if (this.#rows.get(row, IDLE) !== 0) return;
    this.#rows.set(row, IDLE, this.#idle);
    this.#idle = row;
  }

  /** Looks at up to `limit` rows that were noted, and frees those that are idle still. */
  freeIdle(limit: number, isIdle: (row: number) => boolean): void {
    for (let i = 0; i < limit && this.#idle !== LAST; i++) {
      const row = this.#idle;
      this.#idle = this.#rows.get(row, IDLE);
      this.#rows.set(row, IDLE, 0);
      if (isIdle(row)) this.#unlink(row);
    }
  }

  #takeFree(): number {
    const row = this.#free;
    if (row === 0) return this.#end++;
    this.#free = this.next(row);
    return row;
  }

  #unlink(row: number): void {
    const prefix = this.prefix(row);
    let previous = 0;
    let at = this.first(prefix);
    while (at !== row) {
      previous = at;
      at = this.next(at);
    }
    if (previous === 0) this.#heads.set(prefix, 0, this.next(row));
    else this.#rows.set(previous, NEXT, this.next(row));
    this.#rows.set(row, PREFIX, 0);
    this.#rows.set(row, NEXT, this.#free);
    this.#free = row;
  }
}
