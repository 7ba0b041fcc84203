import {
  CHANGE_ANY,
  CHANGE_BEST,
  type ChangeCursor,
  LAPPED,
  NO_CHANGE,
} from "../../rib/change-log.ts";
import type { LocRib } from "../../rib/loc-rib.ts";

/** Gives a group the prefixes that it must look at: those of the change log, or the whole table when it was lapped. */
export class GroupReader {
  readonly #locRib: LocRib;
  readonly #cursor: ChangeCursor;
  /** The next prefix id of a walk over the table; undefined when none is under way. */
  #walk: number | undefined = 1;
  /** The walk may meet prefixes that have died from this log position on. */
  #walksFrom: number;

  /** `former` is the reader of the group whose table the new one takes over. */
  constructor(locRib: LocRib, options: { readonly allPaths: boolean }, former?: GroupReader) {
    this.#locRib = locRib;
    this.#cursor = locRib.changeLog.subscribe(options.allPaths ? CHANGE_ANY : CHANGE_BEST);
    this.#walksFrom = former?.position() ?? this.#cursor.position();
  }

  close(): void {
    this.#locRib.changeLog.unsubscribe(this.#cursor);
  }

  /** Begins a walk over the table, from where the log is now. */
  restart(): void {
    this.#walksFrom = this.position();
    this.#walk = 1;
    this.#cursor.skipToHead();
  }

  /** The next prefix id, or 0 when there is none now. */
  next(): number {
    if (this.#walk !== undefined) {
      const prefix = this.#nextOfWalk(this.#walk);
      if (prefix !== 0) return prefix;
    }
    const prefix = this.#cursor.next();
    if (prefix !== LAPPED) return prefix === NO_CHANGE ? 0 : prefix;
    this.restart();
    return this.#nextOfWalk(1);
  }

  isWalking(): boolean {
    return this.#walk !== undefined;
  }

  /** True before the first prefix of a walk was taken. */
  isAtStart(): boolean {
    return this.#walk === 1;
  }

  hasNews(): boolean {
    return this.#walk !== undefined || this.#cursor.isBehind();
  }

  /** What the reader gives from now on has died, if at all, at this log position or later. */
  position(): number {
    return this.#walk === undefined ? this.#cursor.position() : this.#walksFrom;
  }

  /** Prefix ids named by log entries from this position on are kept; undefined lets go. */
  pin(position: number | undefined): void {
    this.#cursor.pin(position);
  }

  #nextOfWalk(start: number): number {
    const end = this.#locRib.end();
    for (let prefix = start; prefix < end; prefix++) {
      if (!this.#locRib.isUsed(prefix)) continue;
      this.#walk = prefix + 1;
      return prefix;
    }
    this.#walk = undefined;
    return 0;
  }
}
