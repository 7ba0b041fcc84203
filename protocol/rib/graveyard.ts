import type { ChangeLog } from "./change-log.ts";
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
  /** Pairs: prefix, position of the log when it died. First in, first out. */
  #queue: number[] = [];
  #done = 0;

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

  /** Frees what can be freed, looking at most at `budget` graves. */
  bury(budget: number): void {
    const waiting = (this.#queue.length - this.#done) / 2;
    if (waiting === 0) return;
    const pinned = this.#log.oldestPinned();
    for (let i = Math.min(budget, waiting); i > 0; i--) {
      if ((this.#queue[this.#done + 1] as number) > pinned) return;
      this.#inspect(this.#queue[this.#done] as number);
      this.#done += 2;
    }
    if (this.#done > 1024 && this.#done * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#done);
      this.#done = 0;
    }
  }

  #inspect(prefix: number): void {
    if (this.#prefixes.head(prefix) !== 0) {
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
    this.#prefixes.remove(prefix);
  }

  #push(prefix: number): void {
    this.#queue.push(prefix, this.#log.head());
  }
}
