import { setImmediate as settle } from "node:timers/promises";
import {
  type Datastore,
  DatastoreError,
  type DeleteResult,
  type Listing,
  type ListOptions,
  type TransactResult,
  type Write,
  type WriteResult,
} from "../../../src/datastore/datastore.ts";
import type { Resource, ResourceKey } from "../../../src/resources/resource.ts";

/**
 * Takes several programs through one datastore, call by call, in an order that the seed decides: between any two calls of
 * one, others may get in, and at any call a program may die (before or after the store has done what it was asked), or be
 * told that the call failed although it was or was not done.
 */
export class Interleaving {
  readonly #random: () => number;
  readonly #pending: Call[] = [];
  /** Crashes and failures that have come about, by kind: a run without them tests little. */
  readonly happened = { crashed: 0, "crashed after": 0, failed: 0, "failed after": 0 };
  readonly #deaths = new Map<object, () => void>();
  #trouble = true;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** The datastore as one program sees it. Once it has died, its calls never return. */
  view(datastore: Datastore, program: { alive: boolean }): Datastore {
    return new SteppedDatastore(datastore, (run) => {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      if (program.alive) this.#pending.push({ program, run, resolve, reject });
      return promise;
    });
  }

  /** Resolves when the program dies. */
  async deathOf(program: object): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#deaths.set(program, resolve);
    return promise;
  }

  /** No more crashes and failures. */
  calm(): void {
    this.#trouble = false;
  }

  /** Carries calls out until none is left. `after` is called after each. */
  async run(after: () => Promise<void> | void = () => {}): Promise<void> {
    for (;;) {
      await settle();
      const [call] = this.#pending.splice(Math.floor(this.#random() * this.#pending.length), 1);
      if (call === undefined) return;
      if (!call.program.alive) continue;
      await this.#carryOut(call);
      await after();
    }
  }

  async #carryOut({ program, run, resolve, reject }: Call): Promise<void> {
    const fate = this.#fate();
    if (fate !== "done") this.happened[fate]++;
    if (fate === "crashed") return this.#die(program);
    if (fate === "failed") return reject(new DatastoreError("it was not done"));
    const result = await run();
    if (fate === "crashed after") return this.#die(program);
    if (fate === "failed after")
      return reject(new DatastoreError("nobody knows whether it was done"));
    resolve(result);
  }

  #die(program: { alive: boolean }): void {
    program.alive = false;
    this.#deaths.get(program)?.();
  }

  #fate(): Fate | "done" {
    const chance = this.#trouble ? this.#random() : 1;
    if (chance < 0.01) return "crashed";
    if (chance < 0.02) return "crashed after";
    if (chance < 0.025) return "failed";
    return chance < 0.03 ? "failed after" : "done";
  }
}

type Fate = "crashed" | "crashed after" | "failed" | "failed after";

type Call = {
  readonly program: { alive: boolean };
  readonly run: () => Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
};

/** Hands every call to whoever decides when it is its turn. */
class SteppedDatastore implements Datastore {
  readonly #store: Datastore;
  readonly #step: (run: () => Promise<unknown>) => Promise<unknown>;

  constructor(store: Datastore, step: (run: () => Promise<unknown>) => Promise<unknown>) {
    this.#store = store;
    this.#step = step;
  }

  async list(options?: ListOptions): Promise<Listing> {
    return (await this.#step(() => this.#store.list(options))) as Listing;
  }

  async get(key: ResourceKey): Promise<Resource | undefined> {
    return (await this.#step(() => this.#store.get(key))) as Resource | undefined;
  }

  async create(resource: Resource): Promise<WriteResult> {
    return (await this.#step(() => this.#store.create(resource))) as WriteResult;
  }

  async update(resource: Resource): Promise<WriteResult> {
    return (await this.#step(() => this.#store.update(resource))) as WriteResult;
  }

  async delete(
    key: ResourceKey,
    options?: { readonly resourceVersion?: string },
  ): Promise<DeleteResult> {
    return (await this.#step(() => this.#store.delete(key, options))) as DeleteResult;
  }

  async transact(writes: readonly Write[]): Promise<TransactResult> {
    return (await this.#step(() => this.#store.transact(writes))) as TransactResult;
  }

  watch(options: Parameters<Datastore["watch"]>[0]): ReturnType<Datastore["watch"]> {
    return this.#store.watch(options);
  }

  problems(): ReturnType<Datastore["problems"]> {
    return this.#store.problems();
  }

  async close(): Promise<void> {}
}
