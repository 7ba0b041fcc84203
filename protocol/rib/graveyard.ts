import type { ChangeLog } from "./change-log.ts";
import { IdQueue } from "./id-queue.ts";
import { PREFIX_BURIED, PREFIX_DIED_AGAIN, type PrefixTable } from "./prefix-table.ts";

/** Someone who keeps prefix ids for longer than a cursor does: a sent-table, or a peer that catches up. */
export type PrefixHolder = { holdsPrefix(prefix: number): boolean };

/**
 * Prefixes without routes, waiting until nobody can name their ids any more: every cursor of the change log is past the
 * last entry with the id, and no holder holds it. A prefix that comes back to life in between just stays.
 */
export class Graveyard {
  readonly #prefixes: PrefixTable;
  readonly #log: ChangeLog;
  readonly #holders = new Set<PrefixHolder>();
  readonly #queue = new IdQueue();
  /** For each of the queue, where the log stood when it died: the low 32 bits, which tell places of a log apart. */
  readonly #positions = new IdQueue();
  /** Graves that were looked at in a row and had to stay: after a whole round nothing can be freed for now. */
  #stayed = 0;

  constructor(prefixes: PrefixTable, log: ChangeLog) {
    this.#prefixes = prefixes;
    this.#log = log;
  }

  addHolder(holder: PrefixHolder): void {
    this.#holders.add(holder);
  }

  removeHolder(holder: PrefixHolder): void {
    this.#holders.delete(holder);
  }

  /** The prefix has no routes, and its last log entry is written. */
  add(prefix: number): void {
    if (this.#prefixes.raiseFlag(prefix, PREFIX_BURIED)) this.#push(prefix);
    else this.#prefixes.raiseFlag(prefix, PREFIX_DIED_AGAIN);
  }

  /** Whether a look at some graves may free something now. */
  hasWork(): boolean {
    const waiting = this.#queue.length;
    if (waiting === 0 || this.#stayed >= waiting) return false;
    return ((this.#positions.first() - this.#log.oldestPinned()) | 0) <= 0;
  }

  /** Graves, those that cannot be opened yet included. */
  count(): number {
    return this.#queue.length;
  }

  /** Frees what can be freed, looking at most at `budget` graves. */
  bury(budget: number): void {
    const pinned = this.#log.oldestPinned() | 0;
    for (let i = Math.min(budget, this.#queue.length); i > 0; i--) {
      if (((this.#positions.first() - pinned) | 0) > 0) return;
      this.#positions.shift();
      this.#inspect(this.#queue.shift());
    }
  }

  #inspect(prefix: number): void {
    this.#stayed++;
    if (this.#prefixes.head(prefix) !== 0) {
      this.#stayed = 0;
      this.#prefixes.lowerFlag(prefix, PREFIX_BURIED | PREFIX_DIED_AGAIN);
      return;
    }
    // This grave knows the first death; a reader may still be before the entry of the last one.
    if (!this.#prefixes.raiseFlag(prefix, PREFIX_DIED_AGAIN)) {
      this.#prefixes.lowerFlag(prefix, PREFIX_DIED_AGAIN);
      this.#push(prefix);
      return;
    }
    this.#prefixes.lowerFlag(prefix, PREFIX_DIED_AGAIN);
    for (const holder of this.#holders) {
      if (holder.holdsPrefix(prefix)) {
        this.#push(prefix);
        return;
      }
    }
    this.#stayed = 0;
    this.#prefixes.remove(prefix);
  }

  #push(prefix: number): void {
    this.#queue.push(prefix);
    this.#positions.push(this.#log.head());
  }
}
