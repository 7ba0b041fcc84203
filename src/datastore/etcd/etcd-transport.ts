import { setTimeout as sleep } from "node:timers/promises";
import type { KVClient } from "etcd3";
import { DatastoreError } from "../datastore.ts";
import { EtcdClient, type WatchCall } from "./etcd-client.ts";
import { EtcdFailure } from "./etcd-failure.ts";
import {
  ETCD_TIMING,
  type EtcdEndpoint,
  type EtcdOptions,
  type EtcdTiming,
  endpointsOf,
} from "./etcd-options.ts";

/** What a question to a member may use. */
export type Ask<Answer> = (kv: KVClient, call: { readonly deadline: number }) => Promise<Answer>;

/** An answer, and whether an earlier attempt may have done the same already. */
export type Settled<Answer> = { readonly answer: Answer; readonly maybeDoneBefore: boolean };

/**
 * Chooses the member that is asked. It stays with one while that answers and goes on to the next when it does not: members
 * are equal, and etcd's reads and transactions go through the quorum whoever is asked.
 */
export class EtcdTransport {
  readonly endpoints: readonly EtcdEndpoint[];
  readonly timing: EtcdTiming;
  readonly #options: EtcdOptions;
  readonly #watches = new Set<EtcdClient>();
  #turn: number;
  #client: { readonly turn: number; readonly opened: Promise<EtcdClient> } | undefined;
  #closed = false;

  constructor(options: EtcdOptions) {
    this.endpoints = endpointsOf(options);
    this.timing = { ...ETCD_TIMING, ...options.timing };
    this.#options = options;
    const { random = Math.random } = options;
    this.#turn = Math.floor(random() * this.endpoints.length);
  }

  /** Asks until a member answers or refuses, or the time is over. What changes the store must compare before it does so. */
  async ask<Answer>(question: Ask<Answer>): Promise<Settled<Answer>> {
    const asking = new Asking(this.timing, this.endpoints.length);
    for (;;) {
      const turn = this.#turn;
      try {
        const answer = await this.#attempt(question, asking.end);
        return { answer, maybeDoneBefore: asking.maybeDone };
      } catch (error) {
        const { fate } = asking.failed(error);
        this.#giveUp(turn, { stay: fate === "stale" });
      }
      await asking.pause();
    }
  }

  /** Opens a Watch call on a connection of its own, at the member whose turn it is. */
  async openWatch(): Promise<OpenWatch> {
    this.#check();
    const turn = this.#turn;
    const endpoint = this.#endpoint(turn);
    let client: EtcdClient | undefined;
    const close = () => {
      client?.close();
      if (client !== undefined) this.#watches.delete(client);
    };
    try {
      client = await EtcdClient.open(endpoint, this.#options);
      this.#watches.add(client);
      const call = await client.watch();
      return {
        endpoint: endpoint.url,
        call,
        close,
        failed: () => this.#giveUp(turn, { stay: false }),
      };
    } catch (error) {
      close();
      this.#giveUp(turn, { stay: false });
      throw new EtcdFailure(endpoint.url, { cause: error });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const client of this.#watches) client.close();
    await this.#drop();
  }

  async #attempt<Answer>(question: Ask<Answer>, end: number): Promise<Answer> {
    this.#check();
    const endpoint = this.#endpoint(this.#turn);
    this.#client ??= {
      turn: this.#turn,
      opened: EtcdClient.open(endpoint, this.#options),
    };
    try {
      const client = await this.#client.opened;
      const deadline = Math.min(Date.now() + this.timing.attempt, end);
      return await question(client.kv, { deadline });
    } catch (error) {
      throw new EtcdFailure(endpoint.url, { cause: error });
    }
  }

  /** The next member's turn, unless another question has seen to that already. */
  #giveUp(turn: number, { stay }: { readonly stay: boolean }): void {
    if (turn !== this.#turn) return;
    if (!stay) this.#turn++;
    void this.#drop();
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    try {
      (await client?.opened)?.close();
    } catch {
      // It was never opened, and whoever asked has been told why.
    }
  }

  #endpoint(turn: number): EtcdEndpoint {
    const endpoint = this.endpoints[turn % this.endpoints.length];
    if (endpoint === undefined) throw new Error("etcd has no endpoints");
    return endpoint;
  }

  #check(): void {
    if (this.#closed) throw new DatastoreError("the datastore is closed");
  }
}

/** A Watch call and whom it goes to; `failed` lets the next be opened elsewhere. */
export type OpenWatch = {
  readonly endpoint: string;
  readonly call: WatchCall;
  readonly failed: () => void;
  readonly close: () => void;
};

/** The attempts at one question. */
class Asking {
  readonly end: number;
  readonly #timing: EtcdTiming;
  readonly #members: number;
  #wait: number;
  #attempts = 0;
  #renewed = false;
  #maybeDone = false;

  constructor(timing: EtcdTiming, members: number) {
    this.#timing = timing;
    this.#members = members;
    this.#wait = timing.retryInitial;
    this.end = Date.now() + timing.question;
  }

  /** Whether an attempt may have been carried out although it failed. */
  get maybeDone(): boolean {
    return this.#maybeDone;
  }

  /** Notes a failed attempt; throws what ends the asking. */
  failed(error: unknown): EtcdFailure {
    if (!(error instanceof EtcdFailure) || error.fate === "refused") throw error;
    this.#attempts++;
    if (error.fate === "unknown") this.#maybeDone = true;
    if (error.fate === "stale") {
      // A second new login would be no better than the first.
      if (this.#renewed) throw error;
      this.#renewed = true;
    }
    if (Date.now() + this.#wait >= this.end) throw error;
    return error;
  }

  /** Another member may answer at once; only after a whole round without an answer is there a wait. */
  async pause(): Promise<void> {
    if (this.#attempts % this.#members !== 0) return;
    await sleep(this.#wait);
    this.#wait = Math.min(this.#wait * 2, this.#timing.retryMax);
  }
}
