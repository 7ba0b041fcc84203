import { compareText, type Value } from "./derivation.ts";
import { ALL, type MovingTable, Step } from "./moving.ts";

/** The entries of a table in the order of their keys. */
export class Listed<V> extends Step implements Value<readonly V[]> {
  readonly #from: MovingTable<V>;
  #keys: readonly string[] = [];
  #current: readonly V[] = [];

  constructor(from: MovingTable<V>) {
    super(`${from.name}, listed`);
    this.#from = from;
  }

  get current(): readonly V[] {
    return this.#current;
  }

  settle(): void {
    const { moved, entries } = this.#from;
    if (moved.size === 0) return;
    const added = [...moved].filter((key) => entries.has(key) && !this.#had(key));
    const removed = [...moved].some((key) => !entries.has(key));
    if (added.length > 0 || removed) {
      const kept = removed ? this.#keys.filter((key) => entries.has(key)) : this.#keys;
      this.#keys = merge(kept, added.toSorted(compareText));
    }
    this.#current = this.#keys.map((key) => entries.get(key) as V);
    this.moved.add(ALL);
  }

  #had(key: string): boolean {
    const keys = this.#keys;
    let [low, high] = [0, keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return keys[low] === key;
  }
}

/** Two sorted lists as one. */
function merge(left: readonly string[], right: readonly string[]): readonly string[] {
  if (right.length === 0) return left;
  const out: string[] = [];
  let at = 0;
  for (const key of right) {
    while (at < left.length && (left[at] as string) < key) out.push(left[at++] as string);
    out.push(key);
  }
  while (at < left.length) out.push(left[at++] as string);
  return out;
}
