import { formatKey, type Resource, type ResourceKey } from "../resources/resource.ts";

/** More than any host has blocks; whoever works for many hosts begins anew from time to time. */
const MOST_OBJECTS = 1000;

/**
 * What the datastore held when it was last read or written here: the blocks of a busy host need not be read for every
 * address, because a write compares their versions anyhow. What turns out to be wrong is forgotten and read again.
 */
export class KnownObjects {
  readonly #blocks = new Map<string, Resource>();
  readonly #affinities = new Map<string, readonly Resource[]>();

  get(key: ResourceKey): Resource | undefined {
    return this.#blocks.get(formatKey(key));
  }

  affinitiesOf(host: string): readonly Resource[] | undefined {
    return this.#affinities.get(host);
  }

  setAffinities(host: string, affinities: readonly Resource[]): void {
    if (this.#affinities.size >= MOST_OBJECTS) this.#affinities.clear();
    this.#affinities.set(host, affinities);
  }

  learn(resource: Resource): void {
    if (resource.kind !== "IPAMBlock") return;
    if (this.#blocks.size >= MOST_OBJECTS) this.#blocks.clear();
    this.#blocks.set(formatKey({ kind: resource.kind, name: resource.metadata.name }), resource);
  }

  forget(key: ResourceKey): void {
    // One affinity more or less makes the host's list another.
    if (key.kind === "BlockAffinity") this.#affinities.clear();
    else this.#blocks.delete(formatKey(key));
  }

  /** Everything that was believed may be wrong. */
  clear(): void {
    this.#blocks.clear();
    this.#affinities.clear();
  }
}
