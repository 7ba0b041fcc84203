import type { CatchUp } from "./catch-up.ts";
import type { SentTable } from "./sent-table.ts";

/** Moves that one member may have ahead of it at once; with more, one of them is gone through first. */
const MOST_MOVES = 4;

/**
 * What a member holds that came from another group: that group's table as it was then, shared until somebody changes it,
 * and what the member had missed of it. Whoever has it must close it.
 */
export class FormerHoldings {
  readonly #sent: SentTable;
  readonly #before: CatchUp;
  /** How many moves one has to go back to find what was told last. */
  readonly moves: number;

  constructor(sent: SentTable, before: CatchUp) {
    this.#sent = sent.share();
    this.#before = before;
    this.moves = 1 + (before.former?.moves ?? 0);
  }

  /** What a member holds that leaves a group. `before` is what it had missed, and belongs to the holdings from now on. */
  static of(sent: SentTable, prefixEnd: number, before: CatchUp): FormerHoldings {
    // Who has not begun to compare holds what it held before.
    if (before.former !== undefined && before.isAtStart()) return before.former;
    const tooMany = (before.former?.moves ?? 0) >= MOST_MOVES;
    // With ADD-PATH a member may hold paths for which the group has no row yet.
    const settles = before.former !== undefined && (tooMany || sent.hasAddPath());
    return new FormerHoldings(sent, settles ? before.settled(sent, prefixEnd) : before);
  }

  close(): void {
    this.#sent.clear();
    this.#before.close();
  }

  /** Rows are below this. */
  end(prefixEnd: number): number {
    return this.#sent.end(prefixEnd);
  }

  /** The set that the member holds for a row of the former table: 0 for none, UNKNOWN_SET for some set. */
  held(row: number): number {
    return row === 0 ? 0 : this.#before.held(row, this.#sent);
  }

  /** The row of the former table that says the same path as one of `sent`, or 0. */
  rowOf(sent: SentTable, row: number): number {
    return this.#sent.findRow(sent.prefix(row), sent.pathId(row));
  }

  /** The row of `sent` for the path of a former row, made when there is none. */
  rowIn(sent: SentTable, formerRow: number): number {
    return sent.rowFor(this.#sent.prefix(formerRow), this.#sent.pathId(formerRow));
  }

  /** Whether the prefix's id must go on meaning the same. */
  holdsPrefix(prefix: number): boolean {
    return this.#sent.holdsPrefix(prefix) || this.#before.holdsPrefix(prefix, this.#sent);
  }
}
