import type { FormerHoldings } from "./former-holdings.ts";
import { RowMarks } from "./row-marks.ts";
import { NOBODY, type SentTable } from "./sent-table.ts";

/** Rows that cost as much to pass over as one does to take. */
const ROWS_PER_TAKEN = 16;

/** What a member holds of a row when it holds the path with we do not know which set. */
const UNKNOWN_SET = -1;

/** Hears of the rows that a member must be told of, with whether it holds the path. */
export type RowVisitor = (row: number, held: boolean) => void;

/**
 * What one member has missed of its group's stream, when it reads the table instead: because it joined late, asked for a
 * refresh, came from another group, or was too slow. A first pass goes over all rows (`fresh`: nothing was sent to it yet;
 * `refresh`: everything is sent again; `moved`: what it holds from another group is compared) or over none (`missed`); rows
 * that change meanwhile, or that were missed, are marked, each with whether the member holds the path, so that nothing is
 * withdrawn that it never had.
 *
 * The pass of `moved` has two halves: first the rows of the former table that the member holds, then those of the group
 * that it does not hold. It withdraws nothing that the group announces too, so that traffic flows on.
 */
export class CatchUp {
  readonly #mode: "fresh" | "refresh" | "missed" | "moved";
  readonly #peer: number;
  readonly #marks = new RowMarks();
  /** The next row of the first pass; undefined when it is over. Of `moved`: its second half. */
  #pass: number | undefined;
  /** The next row of the former table; undefined when all were compared. */
  #formerPass: number | undefined;
  readonly former: FormerHoldings | undefined;

  constructor(mode: "fresh" | "refresh" | "missed" | FormerHoldings, peer: number) {
    this.#peer = peer;
    if (typeof mode === "string") {
      this.#mode = mode;
      this.#pass = mode === "missed" ? undefined : 1;
      return;
    }
    this.#mode = "moved";
    this.former = mode;
    this.#formerPass = 1;
    this.#pass = 1;
  }

  /** It is not needed any more. */
  close(): void {
    this.former?.close();
  }

  /** The row of `sent` changes, or was missed; `previous` is the peer that the group's stream had it from, or NOBODY. */
  mark(row: number, previous: number, sent: SentTable): void {
    if (this.#isAhead(row, sent)) return;
    this.#marks.add(row, previous !== NOBODY && previous !== this.#peer);
  }

  /** What the member holds of a row of its group's table: a set, 0 for none, UNKNOWN_SET for a set that we do not know. */
  held(row: number, sent: SentTable): number {
    if (this.#marks.has(row)) return this.#marks.isHeld(row) ? UNKNOWN_SET : 0;
    if (!this.#isAhead(row, sent)) return told(sent, row, this.#peer);
    return this.former === undefined ? 0 : this.former.held(this.former.rowOf(sent, row));
  }

  /** Whether the prefix's id must go on meaning the same, though the group has no row for it. */
  holdsPrefix(prefix: number, sent: SentTable): boolean {
    if (!sent.hasAddPath() && this.#marks.has(prefix)) return true;
    return this.former?.holdsPrefix(prefix) ?? false;
  }

  /** True from the end of the first pass on: the whole table was sent once. */
  passedTable(): boolean {
    return this.#pass === undefined;
  }

  isDone(): boolean {
    return this.#pass === undefined && this.#marks.count === 0;
  }

  /** A pass in which nothing was compared yet. */
  isAtStart(): boolean {
    return (this.#formerPass ?? this.#pass) === 1 && this.#marks.count === 0;
  }

  /**
   * Takes up to `limit` rows that the member must hear of. Rows of the first pass that it need not hear of are passed over,
   * so many at a time.
   */
  take(limit: number, sent: SentTable, rowEnd: number, visit: RowVisitor): void {
    let taken = 0;
    if (this.#formerPass !== undefined) taken = this.#takeFormer(limit, sent, rowEnd, visit);
    if (this.#formerPass !== undefined) return;
    taken += this.#takePass(limit - taken, sent, rowEnd, visit);
    if (this.#pass === undefined) this.#marks.take(limit - taken, visit);
  }

  /** The same without passes: all that they would find is marked. */
  settled(sent: SentTable, prefixEnd: number): CatchUp {
    const missed = new CatchUp("missed", this.#peer);
    while (!this.isDone()) {
      const rowEnd = sent.end(prefixEnd);
      this.take(rowEnd, sent, rowEnd, (row, held) => missed.#marks.add(row, held));
    }
    this.close();
    return missed;
  }

  /** Whether the first pass will come to the row, and tell the member what is then true. */
  #isAhead(row: number, sent: SentTable): boolean {
    if (this.#pass === undefined || this.#mode === "refresh") return false;
    if (this.former === undefined) return row >= this.#pass;
    const formerRow = this.former.rowOf(sent, row);
    if (this.former.held(formerRow) === 0) {
      return this.#formerPass !== undefined || row >= this.#pass;
    }
    return this.#formerPass !== undefined && formerRow >= this.#formerPass;
  }

  /** The first half of a member that moved: what it holds, and should not or not like that. */
  #takeFormer(limit: number, sent: SentTable, prefixEnd: number, visit: RowVisitor): number {
    const former = this.former as FormerHoldings;
    const begin = this.#formerPass as number;
    const rowEnd = former.end(prefixEnd);
    const lookEnd = Math.min(rowEnd, begin + limit * ROWS_PER_TAKEN);
    let taken = 0;
    let formerRow = begin;
    for (; formerRow < lookEnd && taken < limit; formerRow++) {
      const held = former.held(formerRow);
      if (held === 0) continue;
      const row = former.rowIn(sent, formerRow);
      if (held === told(sent, row, this.#peer)) continue;
      visit(row, true);
      taken++;
      if (sent.set(row) === 0) sent.noteIdle(row);
    }
    this.#formerPass = formerRow < rowEnd ? formerRow : undefined;
    return taken;
  }

  #takePass(limit: number, sent: SentTable, rowEnd: number, visit: RowVisitor): number {
    if (this.#pass === undefined) return 0;
    const { former } = this;
    const lookEnd = Math.min(rowEnd, this.#pass + limit * ROWS_PER_TAKEN);
    let taken = 0;
    let row = this.#pass;
    for (; row < lookEnd && taken < limit; row++) {
      if (this.#marks.has(row)) this.#marks.takeRow(row, visit);
      else if (told(sent, row, this.#peer) === 0) continue;
      else if (former !== undefined && former.held(former.rowOf(sent, row)) !== 0) continue;
      else visit(row, false);
      taken++;
    }
    this.#pass = row < rowEnd ? row : undefined;
    return taken;
  }
}

/** The set that a group has sent to the peer for this row; 0 for none. */
function told(sent: SentTable, row: number, peer: number): number {
  const set = sent.set(row);
  return set !== 0 && sent.source(row) !== peer ? set : 0;
}
