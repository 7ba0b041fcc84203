import type { Read, Table, Value } from "./derivation.ts";
import { ALL, entryOf, type Moving, moving } from "./moving.ts";

/** Who read what: the entries of one table, and what each of them looked at when it was computed last. */
export class Readers {
  /** For what was read, the entries that read it, by its key. */
  readonly #byRead = new Map<Moving, Map<string, Set<string>>>();
  readonly #reads = new Map<string, [Moving, string][]>();

  /** Forgets what the entry read, and notes what it reads from here on. */
  restart(reader: string): Read {
    for (const [what, key] of this.#reads.get(reader) ?? []) this.#forget(what, key, reader);
    this.#reads.delete(reader);
    return {
      value: <V>(value: Value<V>): V => {
        this.#note(reader, moving(value), ALL);
        return value.current;
      },
      at: <V>(table: Table<V>, key: string): V | undefined => {
        this.#note(reader, moving(table), key);
        return table.entries.get(key);
      },
    };
  }

  /** The entries that read something that moved in this round. */
  concerned(): ReadonlySet<string> {
    const concerned = new Set<string>();
    for (const [what, byKey] of this.#byRead) {
      for (const key of what.moved) {
        for (const reader of byKey.get(key) ?? []) concerned.add(reader);
      }
    }
    return concerned;
  }

  #note(reader: string, what: Moving, key: string): void {
    const byKey = entryOf(this.#byRead, what, () => new Map<string, Set<string>>());
    const readers = entryOf(byKey, key, () => new Set<string>());
    if (readers.has(reader)) return;
    readers.add(reader);
    entryOf(this.#reads, reader, () => []).push([what, key]);
  }

  #forget(what: Moving, key: string, reader: string): void {
    const byKey = this.#byRead.get(what);
    const readers = byKey?.get(key);
    readers?.delete(reader);
    if (readers?.size === 0) byKey?.delete(key);
  }
}
