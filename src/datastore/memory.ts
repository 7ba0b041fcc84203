import { unreachable } from "../../protocol/types/never.ts";
import { formatKey, keyOf, type Resource, type ResourceKey } from "../resources/resource.ts";
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
} from "./datastore.ts";
import { DatastoreError } from "./datastore.ts";
import { isListed } from "./listed.ts";
import { assertTransaction, newIdentity, refusalsOf, withIdentityOf } from "./transaction.ts";
import { WatchLog } from "./watch-log.ts";

/** A datastore without a disk, for tests and for trying things out. It can be told to fail. */
export class MemoryDatastore implements Datastore {
  readonly #objects = new Map<string, Resource>();
  readonly #log = new WatchLog("");
  #writes = 0;
  #failure: string | undefined;

  constructor(resources: readonly Resource[] = []) {
    for (const resource of resources) this.#put(resource);
  }

  /** Every call fails with this message until it is called with undefined. */
  failWith(message: string | undefined): void {
    this.#failure = message;
  }

  async list(options: ListOptions = {}): Promise<Listing> {
    this.#check();
    const resources = [...this.#objects.values()].filter((each) => isListed(each, options));
    return { resources, revision: this.#log.revision };
  }

  async get(key: ResourceKey): Promise<Resource | undefined> {
    this.#check();
    return this.#objects.get(formatKey(key));
  }

  async create(resource: Resource): Promise<WriteResult> {
    this.#check();
    if (this.#objects.has(formatKey(keyOf(resource)))) return { type: "alreadyExists" };
    return { type: "written", resource: this.#create(resource) };
  }

  async update(resource: Resource): Promise<WriteResult> {
    this.#check();
    const stored = this.#objects.get(formatKey(keyOf(resource)));
    if (stored === undefined) return { type: "notFound" };
    const { resourceVersion } = resource.metadata;
    if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion) {
      return { type: "conflict" };
    }
    return { type: "written", resource: this.#put(withIdentityOf(stored, resource)) };
  }

  async delete(
    key: ResourceKey,
    { resourceVersion }: { readonly resourceVersion?: string } = {},
  ): Promise<DeleteResult> {
    this.#check();
    const stored = this.#objects.get(formatKey(key));
    if (stored === undefined) return { type: "notFound" };
    if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion) {
      return { type: "conflict" };
    }
    this.#delete(stored);
    return { type: "deleted", resource: stored };
  }

  async transact(writes: readonly Write[]): Promise<TransactResult> {
    this.#check();
    assertTransaction(writes);
    const refusals = refusalsOf(writes, (key) => this.#objects.get(key));
    if (refusals.length > 0) return { type: "refused", refusals };
    return { type: "written", resources: writes.map((write) => this.#write(write)) };
  }

  watch({
    after,
    signal,
  }: {
    readonly after: Revision;
    readonly signal: AbortSignal;
  }): AsyncIterable<WatchBatch> {
    return this.#log.watch(after, signal);
  }

  problems(): readonly StoreProblem[] {
    return [];
  }

  async close(): Promise<void> {}

  #write(write: Write): Resource | undefined {
    switch (write.type) {
      case "create":
        return this.#create(write.resource);
      case "update": {
        const stored = this.#objects.get(formatKey(keyOf(write.resource)));
        return this.#put(stored ? withIdentityOf(stored, write.resource) : write.resource);
      }
      case "delete": {
        const stored = this.#objects.get(formatKey(write.key));
        if (stored !== undefined) this.#delete(stored);
        return stored;
      }
      case "expect":
        return undefined;
      default:
        return unreachable(write);
    }
  }

  #create(resource: Resource): Resource {
    return this.#put({ ...resource, metadata: newIdentity(resource.metadata) });
  }

  #delete(stored: Resource): void {
    const key = keyOf(stored);
    this.#objects.delete(formatKey(key));
    this.#log.append([{ type: "delete", key }]);
  }

  #put(given: Resource): Resource {
    this.#writes++;
    const resource = structuredClone({
      ...given,
      metadata: { ...given.metadata, resourceVersion: String(this.#writes) },
    });
    this.#objects.set(formatKey(keyOf(resource)), resource);
    this.#log.append([{ type: "put", resource }]);
    return resource;
  }

  #check(): void {
    if (this.#failure !== undefined) throw new DatastoreError(this.#failure);
  }
}
