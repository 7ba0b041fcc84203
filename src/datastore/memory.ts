import { formatKey, keyOf, type Resource, type ResourceKey } from "../resources/resource.ts";
import type {
  Datastore,
  DeleteResult,
  Listing,
  Revision,
  StoreProblem,
  WatchBatch,
  WriteResult,
} from "./datastore.ts";
import { DatastoreError } from "./datastore.ts";
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

  async list({ kinds }: { readonly kinds?: readonly string[] } = {}): Promise<Listing> {
    this.#check();
    const all = [...this.#objects.values()];
    const resources = kinds ? all.filter(({ kind }) => kinds.includes(kind)) : all;
    return { resources, revision: this.#log.revision };
  }

  async get(key: ResourceKey): Promise<Resource | undefined> {
    this.#check();
    return this.#objects.get(formatKey(key));
  }

  async create(resource: Resource): Promise<WriteResult> {
    this.#check();
    if (this.#objects.has(formatKey(keyOf(resource)))) return { type: "alreadyExists" };
    return { type: "written", resource: this.#put(resource) };
  }

  async update(resource: Resource): Promise<WriteResult> {
    this.#check();
    const stored = this.#objects.get(formatKey(keyOf(resource)));
    if (stored === undefined) return { type: "notFound" };
    const { resourceVersion } = resource.metadata;
    if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion) {
      return { type: "conflict" };
    }
    return { type: "written", resource: this.#put(resource) };
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
    this.#objects.delete(formatKey(key));
    this.#log.append([{ type: "delete", key: keyOf(stored) }]);
    return { type: "deleted", resource: stored };
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
