/*
 * Runs declarations so that a change costs what it touches. Each table keeps its entries and the keys that moved in this round;
 * tables settle in the order of their declaration, so whatever one reads has settled before it. An entry is computed again when
 * its own source moved, or something that it read when it was computed last.
 */
import type { Derivation, Read, SourceTable, Table, Value } from "./derivation.ts";
import { Derived, DerivedValue, Source } from "./derived.ts";
import { Grouped } from "./grouped.ts";
import { Listed } from "./listed.ts";
import { moving, type Step } from "./moving.ts";

/** Derives incrementally. */
export class IncrementalDerivation implements Derivation {
  readonly #sources: Source<unknown>[] = [];
  readonly #steps: Step[] = [];

  source = <V>(name: string): SourceTable<V> => {
    const source = new Source<V>(name);
    this.#sources.push(source as Source<unknown>);
    return source;
  };

  table = <In, Out>(
    name: string,
    from: Table<In>,
    derive: (value: In, key: string, read: Read) => Out | undefined,
  ): Table<Out> => this.#add(new Derived(name, moving(from), derive));

  group = <In, Member>(
    name: string,
    from: readonly Table<In>[],
    members: (value: In, key: string) => Iterable<readonly [string, Member]>,
  ): Table<readonly Member[]> => this.#add(new Grouped(name, from.map(moving), members));

  list = <V>(from: Table<V>): Value<readonly V[]> => this.#add(new Listed(moving(from)));

  value = <Out>(name: string, derive: (read: Read) => Out): Value<Out> =>
    this.#add(new DerivedValue(name, derive));

  settle = (): void => {
    for (const source of this.#sources) source.take();
    for (const step of this.#steps) step.settle();
    for (const { moved } of [...this.#sources, ...this.#steps]) moved.clear();
  };

  #add<S extends Step>(step: S): S {
    this.#steps.push(step);
    return step;
  }
}
