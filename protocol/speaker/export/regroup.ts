import { CatchUp } from "./catch-up.ts";
import type { SentTable } from "./sent-table.ts";

/** What a member holds of a row: the set, 0 for nothing, UNKNOWN_SET when it holds the path with we do not know which set. */
const UNKNOWN_SET = -1;

/** The group that a member leaves, with what it had missed there. */
export type FormerGroup = { readonly sent: SentTable; readonly before: CatchUp };
export type NewGroup = { readonly sent: SentTable; readonly prefixEnd: number };

/**
 * What a member must hear when it moves between groups while its session stays: rows where what it holds differs from
 * what the new group has sent. Withdraws nothing that the new group announces too, so that traffic flows on.
 */
export function markDifferences(from: FormerGroup, to: NewGroup, peer: number): CatchUp {
  const unfinished = from.before.isFresh() && !from.before.passedTable();
  const catchUp = new CatchUp(unfinished ? "fresh" : "missed", peer);
  const fromEnd = from.sent.end(to.prefixEnd);
  for (let row = 1; row < fromEnd; row++) {
    const held = holding(from, row, peer);
    if (held === 0) continue;
    const target = to.sent.rowFor(from.sent.prefix(row), from.sent.pathId(row));
    if (held !== wanted(to.sent, target, peer)) catchUp.markHeld(target, true);
    if (to.sent.set(target) === 0) to.sent.noteIdle(target);
  }
  // A fresh member's first pass finds by itself what it does not hold.
  if (unfinished) return catchUp;
  const toEnd = to.sent.end(to.prefixEnd);
  for (let row = 1; row < toEnd; row++) {
    if (wanted(to.sent, row, peer) === 0) continue;
    const former = from.sent.findRow(to.sent.prefix(row), to.sent.pathId(row));
    if (holding(from, former, peer) === 0) catchUp.markHeld(row, false);
  }
  return catchUp;
}

function holding(from: FormerGroup, row: number, peer: number): number {
  if (row === 0) return 0;
  if (from.before.isMarked(row)) return from.before.isHeld(row) ? UNKNOWN_SET : 0;
  return row < from.before.reached() ? wanted(from.sent, row, peer) : 0;
}

/** The set that a group has sent to the peer for this row. */
function wanted(sent: SentTable, row: number, peer: number): number {
  const set = sent.set(row);
  return set !== 0 && sent.source(row) !== peer ? set : 0;
}
