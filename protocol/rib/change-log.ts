/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * A ring of prefix ids with bits that say what changed. The writer never waits: a reader that falls behind by more than
 * the ring is lapped, and walks the table instead. Readers read the *latest* state of a prefix, so a change that was
 * superseded before it was read costs one look, and memory is bounded by the ring whatever the readers do.
 *
 * Invariants: positions only grow; an entry at position p stands in slot p mod capacity; a cursor is lapped as soon as the
 * writer is more than a ring ahead of it, and that is the largest ring: a smaller one grows before it laps anyone, for a cursor
 * that a larger ring overtakes would read empty slots. `oldestPinned` is the position up to which all readers have let go: the
 * graveyard of FamilyRib frees a prefix id only when it is past the last entry that names it.
 */

/** The best route is another one, or its attributes changed. */
export const CHANGE_BEST = 1;
/** The set of multipath companions changed, or the attributes of one. */
export const CHANGE_MULTIPATH = 2;
/** Any route of the prefix changed. */
export const CHANGE_ANY = 4;
const BITS = 3;
const MASK = (1 << BITS) - 1;

const DEFAULT_CAPACITY = 1 << 18;
const FIRST_CAPACITY = 1 << 12;

export class ChangeLog {
  readonly #maxCapacity: number;
  #ring: Int32Array;
  readonly #cursors = new Set<ChangeCursor>();
  #head = 0;

  /** `capacity`, a power of two, is how far readers may fall behind; the ring begins smaller and grows up to it. */
  constructor(capacity = DEFAULT_CAPACITY) {
    if (capacity < 2 || (capacity & (capacity - 1)) !== 0) {
      throw new RangeError(`not a power of two: ${capacity}`);
    }
    this.#maxCapacity = capacity;
    this.#ring = new Int32Array(Math.min(capacity, FIRST_CAPACITY));
  }

  append(prefix: number, bits: number): void {
    const head = this.#head;
    if ((head & ((this.#ring.length >>> 1) - 1)) === 0) this.#mayGrow();
    this.#ring[head & (this.#ring.length - 1)] = (prefix << BITS) | bits;
    this.#head = head + 1;
  }

  /** The position after the last entry. */
  head(): number {
    return this.#head;
  }

  capacity(): number {
    return this.#ring.length;
  }

  entry(position: number): number {
    return this.#ring[position & (this.#ring.length - 1)] as number;
  }

  /** A cursor at the head, for changes with one of these bits. */
  subscribe(bits: number): ChangeCursor {
    const cursor = new ChangeCursor(this, bits);
    this.#cursors.add(cursor);
    return cursor;
  }

  unsubscribe(cursor: ChangeCursor): void {
    this.#cursors.delete(cursor);
  }

  /**
   * Asked twice a round: who has more than half a ring to read then could be lapped before the next time, and gets a larger
   * one, until the limit. Who was lapped walks the table, whatever the ring.
   */
  #mayGrow(): void {
    const before = this.#ring;
    if (before.length === this.#maxCapacity) return;
    const half = before.length >>> 1;
    if (![...this.#cursors].some((cursor) => cursor.unread() > half && !cursor.isLapped())) return;
    const ring = new Int32Array(before.length * 2);
    for (let at = Math.max(0, this.#head - before.length); at < this.#head; at++) {
      ring[at & (ring.length - 1)] = before[at & (before.length - 1)] as number;
    }
    this.#ring = ring;
  }

  /** Whether the ring could be small again: every reader has read all, or was lapped and walks the table. */
  isOversized(): boolean {
    if (this.#ring.length <= FIRST_CAPACITY) return false;
    return [...this.#cursors].every((cursor) => !cursor.isBehind() || cursor.isLapped());
  }

  /** Gives up the ring for a small one, when it `isOversized`: nobody will read its entries. */
  shrink(): void {
    if (this.isOversized()) this.#ring = new Int32Array(FIRST_CAPACITY);
  }

  byteLength(): number {
    return this.#ring.byteLength;
  }

  /** Every entry before this position was let go by all readers. Lapped readers hold nothing: they will walk the table. */
  oldestPinned(): number {
    let oldest = this.#head;
    for (const cursor of this.#cursors) oldest = Math.min(oldest, cursor.pinned());
    return oldest;
  }
}

/** What `ChangeCursor.next` says when there is no entry: nothing new, or the reader was lapped. */
export const NO_CHANGE = 0;
export const LAPPED = -1;

/** One reader's place in a change log. */
export class ChangeCursor {
  readonly #log: ChangeLog;
  readonly #bits: number;
  #position: number;
  #pin: number | undefined;

  constructor(log: ChangeLog, bits: number) {
    this.#log = log;
    this.#bits = bits;
    this.#position = log.head();
  }

  /** The next prefix id that changed in a way the reader asked for, NO_CHANGE at the head, LAPPED when entries were lost. */
  next(): number {
    const log = this.#log;
    if (this.isLapped()) return LAPPED;
    const head = log.head();
    while (this.#position < head) {
      const entry = log.entry(this.#position++);
      if ((entry & this.#bits & MASK) !== 0) return entry >>> BITS;
    }
    return NO_CHANGE;
  }

  isLapped(): boolean {
    return this.#log.head() - this.#position > this.#log.capacity();
  }

  /** Whether there are unread entries (perhaps none with the right bits). */
  isBehind(): boolean {
    return this.#position < this.#log.head();
  }

  /** Entries that were not read yet, be they of interest or not. */
  unread(): number {
    return this.#log.head() - this.#position;
  }

  position(): number {
    return this.#position;
  }

  /** Goes to the head, before a walk of the table. */
  skipToHead(): void {
    this.#position = this.#log.head();
  }

  /** Keeps prefix ids from before `position` though they were read: something still names them. Undefined lets go. */
  pin(position: number | undefined): void {
    this.#pin = position;
  }

  pinned(): number {
    if (this.#pin !== undefined) return Math.min(this.#pin, this.#position);
    return this.isLapped() ? this.#log.head() : this.#position;
  }
}
