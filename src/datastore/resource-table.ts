import type { AnyResource } from "../resources/schemas.ts";

/** Checked objects by formatKey, and by kind: most questions are about one kind, and workloads are many. */
export class ResourceTable {
  readonly #byKey = new Map<string, AnyResource>();
  readonly #byKind = new Map<string, Map<string, AnyResource>>();

  get(key: string): AnyResource | undefined {
    return this.#byKey.get(key);
  }

  keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  set(key: string, resource: AnyResource): void {
    this.#byKey.set(key, resource);
    const { kind } = resource;
    const ofKind = this.#byKind.get(kind) ?? new Map<string, AnyResource>();
    this.#byKind.set(kind, ofKind.set(key, resource));
  }

  delete(key: string): boolean {
    const resource = this.#byKey.get(key);
    if (resource === undefined) return false;
    this.#byKind.get(resource.kind)?.delete(key);
    return this.#byKey.delete(key);
  }

  /** What readers get: it costs nothing, where a copy of 100,000 objects would take longer than most changes. */
  view(): ReadonlyMap<string, AnyResource> {
    return new ResourceView(this.#byKey, this.#byKind);
  }
}

/** The objects of one kind; quick where the map is a table's. */
export function resourcesOfKind(
  resources: ReadonlyMap<string, AnyResource>,
  kind: string,
): readonly AnyResource[] {
  if (resources instanceof ResourceView) return resources.ofKind(kind);
  return [...resources.values()].filter((resource) => resource.kind === kind);
}

/** A table as its readers see it. Each has its own identity, and all show what the table holds now. */
class ResourceView implements ReadonlyMap<string, AnyResource> {
  readonly #byKey: ReadonlyMap<string, AnyResource>;
  readonly #byKind: ReadonlyMap<string, ReadonlyMap<string, AnyResource>>;

  constructor(
    byKey: ReadonlyMap<string, AnyResource>,
    byKind: ReadonlyMap<string, ReadonlyMap<string, AnyResource>>,
  ) {
    this.#byKey = byKey;
    this.#byKind = byKind;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): AnyResource | undefined {
    return this.#byKey.get(key);
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  ofKind(kind: string): readonly AnyResource[] {
    return [...(this.#byKind.get(kind)?.values() ?? [])];
  }

  keys(): MapIterator<string> {
    return this.#byKey.keys();
  }

  values(): MapIterator<AnyResource> {
    return this.#byKey.values();
  }

  entries(): MapIterator<[string, AnyResource]> {
    return this.#byKey.entries();
  }

  [Symbol.iterator](): MapIterator<[string, AnyResource]> {
    return this.#byKey.entries();
  }

  forEach(
    act: (value: AnyResource, key: string, map: ReadonlyMap<string, AnyResource>) => void,
  ): void {
    for (const [key, resource] of this.#byKey) act(resource, key, this);
  }
}
