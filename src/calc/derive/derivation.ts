/*
 * What the host should be is derived: from tables of resources to tables of what follows from them, and at the end to one
 * value. A module of calc declares its tables once, with pure functions, and never says when they are computed. What a
 * function may look at is what it is given: the entry it is for, and what it asks of `read`, which is how it is known what must be
 * computed again. Two things run the same declarations: incremental-derivation.ts, where a change costs what it touches, and
 * the oracle of the tests, which computes everything from nothing each time.
 */

/** Entries by key. Only a derivation changes it, and only while it settles. */
export type Table<V> = {
  readonly name: string;
  readonly entries: ReadonlyMap<string, V>;
};

/** A table that is filled from outside. */
export type SourceTable<V> = Table<V> & {
  /** Puts an entry, or removes it. It counts from the next `settle`. */
  readonly set: (key: string, value: V | undefined) => void;
};

/** One value. */
export type Value<V> = { readonly name: string; readonly current: V };

/** How a function looks beyond its own entry. What it reads here, it depends on. */
export type Read = {
  /** A value. */
  readonly value: <V>(value: Value<V>) => V;
  /** One entry of another table. It is computed again when that entry moves, and for no other. */
  readonly at: <V>(table: Table<V>, key: string) => V | undefined;
};

/**
 * Declares what follows from what. Tables may read tables that were declared before them. Functions are pure: no clock, no
 * state, nothing but their arguments. Results that come out with the same content keep their identity, in whole and in part, so
 * whoever takes a result sees by `===` what has not moved.
 */
export type Derivation = {
  readonly source: <V>(name: string) => SourceTable<V>;
  /** For each entry of a table an entry of the new one, or none. */
  readonly table: <In, Out>(
    name: string,
    from: Table<In>,
    derive: (value: In, key: string, read: Read) => Out | undefined,
  ) => Table<Out>;
  /** Each entry puts members into groups, and a group has its members sorted by the entries they come from. An empty group is none. */
  readonly group: <In, Member>(
    name: string,
    from: readonly Table<In>[],
    members: (value: In, key: string) => Iterable<readonly [group: string, Member]>,
  ) => Table<readonly Member[]>;
  /** All entries, sorted by key. */
  readonly list: <V>(from: Table<V>) => Value<readonly V[]>;
  readonly value: <Out>(name: string, derive: (read: Read) => Out) => Value<Out>;
  /** Computes what follows from the changes since the last time. */
  readonly settle: () => void;
};

/** By UTF-16 code units: the order of every list in calc. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
