import type { Read, SourceTable, Table, Value } from "./derivation.ts";
import { ALL, Entries, Moving, type MovingTable, Step } from "./moving.ts";
import { Readers } from "./readers.ts";
import { share } from "./share.ts";

/** What is filled from outside. */
export class Source<V> extends Moving implements SourceTable<V> {
  readonly entries = new Entries<V>();
  readonly #changes = new Map<string, V | undefined>();

  set = (key: string, value: V | undefined): void => {
    this.#changes.set(key, value);
  };

  take(): void {
    for (const [key, value] of this.#changes) {
      if (this.entries.replace(key, value)) this.moved.add(key);
    }
    this.#changes.clear();
  }
}

/** An entry for each entry of another table. */
export class Derived<In, Out> extends Step implements Table<Out> {
  readonly entries = new Entries<Out>();
  readonly #from: MovingTable<In>;
  readonly #derive: (value: In, key: string, read: Read) => Out | undefined;
  readonly #readers = new Readers();

  constructor(
    name: string,
    from: MovingTable<In>,
    derive: (value: In, key: string, read: Read) => Out | undefined,
  ) {
    super(name);
    this.#from = from;
    this.#derive = derive;
  }

  settle(): void {
    for (const key of this.#from.moved) this.#compute(key);
    for (const key of this.#readers.concerned()) {
      if (!this.#from.moved.has(key)) this.#compute(key);
    }
  }

  #compute(key: string): void {
    const value = this.#from.entries.get(key);
    const read = this.#readers.restart(key);
    const result = value === undefined ? undefined : this.#derive(value, key, read);
    if (this.entries.replace(key, result)) this.moved.add(key);
  }
}

/** A value, computed again when something moves that it read. */
export class DerivedValue<Out> extends Step implements Value<Out> {
  readonly #derive: (read: Read) => Out;
  readonly #readers = new Readers();
  #current: Out | undefined;
  #computed = false;

  constructor(name: string, derive: (read: Read) => Out) {
    super(name);
    this.#derive = derive;
  }

  get current(): Out {
    return this.#current as Out;
  }

  settle(): void {
    if (this.#computed && this.#readers.concerned().size === 0) return;
    this.#computed = true;
    const result = share(this.#current, this.#derive(this.#readers.restart(ALL)));
    if (result === this.#current) return;
    this.#current = result;
    this.moved.add(ALL);
  }
}
