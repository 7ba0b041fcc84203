import type { Table } from "./derivation.ts";
import { share } from "./share.ts";

/** The one key under which a value moves. */
export const ALL = "";

/** What can be read, and which of its keys moved in this round. */
export abstract class Moving {
  readonly name: string;
  readonly moved = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }
}

/** What settles once a round. */
export abstract class Step extends Moving {
  abstract settle(): void;
}

/** Entries that know which of them moved. */
export class Entries<V> extends Map<string, V> {
  /** Puts an entry, or removes it, and says whether that made a difference. */
  replace(key: string, after: V | undefined): boolean {
    const before = this.get(key);
    if (after === undefined) return this.delete(key);
    const shared = share(before, after);
    if (shared === before) return false;
    this.set(key, shared);
    return true;
  }
}

/** A table of an incremental derivation. */
export type MovingTable<V> = Moving & Table<V>;

/** What a derivation hands out is what it made itself: a table of another one would never be seen to move. */
export function moving<What>(what: What): What & Moving {
  if (!(what instanceof Moving)) throw new TypeError("a table or value of another derivation");
  return what as What & Moving;
}

/** The entry of the key, made if there is none. */
export function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
