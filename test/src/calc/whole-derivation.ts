import {
  compareText,
  type Derivation,
  type Read,
  type SourceTable,
  type Table,
  type Value,
} from "../../../src/calc/derive/derivation.ts";

/** The oracle: runs declarations by computing everything from nothing each time. It remembers nothing and shares nothing. */
export class WholeDerivation implements Derivation {
  readonly #steps: (() => void)[] = [];

  source = <V>(name: string): SourceTable<V> => {
    const entries = new Map<string, V>();
    const set = (key: string, value: V | undefined) => {
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
    };
    return { name, entries, set };
  };

  table = <In, Out>(
    name: string,
    from: Table<In>,
    derive: (value: In, key: string, read: Read) => Out | undefined,
  ): Table<Out> => {
    const entries = new Map<string, Out>();
    this.#steps.push(() => {
      entries.clear();
      for (const [key, value] of from.entries) {
        const result = derive(value, key, READ);
        if (result !== undefined) entries.set(key, result);
      }
    });
    return { name, entries };
  };

  group = <In, Member>(
    name: string,
    from: readonly Table<In>[],
    members: (value: In, key: string) => Iterable<readonly [string, Member]>,
  ): Table<readonly Member[]> => {
    const entries = new Map<string, readonly Member[]>();
    this.#steps.push(() => {
      entries.clear();
      const all = from.flatMap((table) => [...table.entries]);
      for (const [key, value] of all.toSorted(([a], [b]) => compareText(a, b))) {
        for (const [group, member] of members(value, key)) {
          entries.set(group, [...(entries.get(group) ?? []), member]);
        }
      }
    });
    return { name, entries };
  };

  list = <V>(from: Table<V>): Value<readonly V[]> =>
    this.value(from.name, () =>
      [...from.entries].toSorted(([a], [b]) => compareText(a, b)).map(([, value]) => value),
    );

  value = <Out>(name: string, derive: (read: Read) => Out): Value<Out> => {
    const value: { name: string; current: Out } = { name, current: undefined as Out };
    this.#steps.push(() => {
      value.current = derive(READ);
    });
    return value;
  };

  settle = (): void => {
    for (const step of this.#steps) step();
  };
}

const READ: Read = {
  value: ({ current }) => current,
  at: ({ entries }, key) => entries.get(key),
};
