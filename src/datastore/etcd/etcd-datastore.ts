import type { Resource, ResourceKey } from "../../resources/resource.ts";
import type {
  Datastore,
  DeleteResult,
  Listing,
  ListOptions,
  Revision,
  StoreProblem,
  TransactResult,
  WatchBatch,
  Write,
  WriteResult,
} from "../datastore.ts";
import { historyOf } from "./etcd-history.ts";
import { WATCHED_RANGE } from "./etcd-keys.ts";
import type { EtcdOptions } from "./etcd-options.ts";
import { plainTextWarnings } from "./etcd-options.ts";
import { EtcdReader } from "./etcd-reader.ts";
import { EtcdTransactions } from "./etcd-transactions.ts";
import { EtcdTransport } from "./etcd-transport.ts";
import { watchRange } from "./etcd-watch.ts";
import { EtcdWriter } from "./etcd-writer.ts";
import { StoreRevision } from "./store-revision.ts";

/**
 * The cluster's datastore: etcd v3 in Calico's layout, so that Calico and tortie can share one. An object's resourceVersion
 * is the mod_revision of its key, in decimal.
 *
 * etcd3 is a client of single calls here; the watch is our own (see docs/adr/0013).
 */
export class EtcdDatastore implements Datastore {
  readonly #transport: EtcdTransport;
  readonly #reader: EtcdReader;
  readonly #writer: EtcdWriter;
  readonly #transactions: EtcdTransactions;
  readonly #warnings: readonly StoreProblem[];

  /** Connects when it is first asked. Throws when the options contradict themselves. */
  constructor(options: EtcdOptions) {
    this.#transport = new EtcdTransport(options);
    this.#reader = new EtcdReader(this.#transport);
    this.#writer = new EtcdWriter(this.#transport, this.#reader);
    this.#transactions = new EtcdTransactions(this.#transport);
    this.#warnings = plainTextWarnings(this.#transport.endpoints);
  }

  async list(options: ListOptions = {}): Promise<Listing> {
    return this.#reader.list(options);
  }

  async get(key: ResourceKey): Promise<Resource | undefined> {
    return (await this.#reader.get(key))?.resource;
  }

  async create(resource: Resource): Promise<WriteResult> {
    return this.#writer.create(resource);
  }

  async update(resource: Resource): Promise<WriteResult> {
    return this.#writer.update(resource);
  }

  async delete(
    key: ResourceKey,
    options: { readonly resourceVersion?: string } = {},
  ): Promise<DeleteResult> {
    return this.#writer.delete(key, options.resourceVersion);
  }

  async transact(writes: readonly Write[]): Promise<TransactResult> {
    return this.#transactions.transact(writes);
  }

  async history(
    key: ResourceKey,
    { limit }: { readonly limit: number },
  ): Promise<readonly Resource[]> {
    return historyOf(key, { transport: this.#transport, reader: this.#reader, limit });
  }

  async *watch({
    after,
    signal,
  }: {
    readonly after: Revision;
    readonly signal: AbortSignal;
  }): AsyncGenerator<WatchBatch> {
    const batches = watchRange({
      transport: this.#transport,
      range: WATCHED_RANGE,
      after: StoreRevision.parse(after),
      signal,
    });
    for await (const { events, revision } of batches) {
      yield { ...this.#reader.eventsOf(events), revision: String(revision) };
    }
  }

  problems(): readonly StoreProblem[] {
    return [...this.#warnings, ...this.#reader.problems()];
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }
}
