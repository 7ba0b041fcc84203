import type { Prefix } from "../../protocol/types/prefix.ts";
import { type Datastore, MAX_TRANSACTION_WRITES, type Write } from "../datastore/datastore.ts";
import type { BlockOwner } from "../resources/ipam-names.ts";
import { formatKey, type Resource, type ResourceKey } from "../resources/resource.ts";
import type { Block } from "./block.ts";
import {
  type Affinity,
  affinityKey,
  blockKey,
  type Handle,
  handleKey,
  objectOf,
  readAffinity,
  readBlock,
  readHandle,
  writeAffinity,
  writeBlock,
  writeHandle,
} from "./ipam-objects.ts";
import type { KnownObjects } from "./known-objects.ts";

/**
 * Reads IPAM's objects, collects what shall become of them, and writes all of it in one step if none of the objects that are
 * written has changed since it was read. Calico needs several writes for that, and rules for what a reader may make of the
 * states in between; here no such state is ever seen, and a program that dies has done all of it or nothing.
 */
export class IpamTransaction {
  readonly #datastore: Datastore;
  readonly #known: KnownObjects;
  readonly #fresh: boolean;
  /** As the objects were found; undefined for one that is not there. */
  readonly #found = new Map<string, Resource | undefined>();
  #changes = new Map<string, Change>();
  readonly #expected = new Map<string, ResourceKey>();
  #guessed = false;

  constructor({
    datastore,
    known,
    fresh,
  }: {
    readonly datastore: Datastore;
    readonly known: KnownObjects;
    /** Believe nothing that was read earlier. */
    readonly fresh: boolean;
  }) {
    this.#datastore = datastore;
    this.#known = known;
    this.#fresh = fresh;
  }

  /** Whether anything was believed that was not read just now: then a refusal must be asked again. */
  get guessed(): boolean {
    return this.#guessed;
  }

  /** Undefined for a block that is not there; "unreadable" for one that nobody should touch. */
  async block(cidr: Prefix): Promise<Block | "unreadable" | undefined> {
    const spec = await this.#specOf(blockKey(cidr), { believe: true });
    return spec && (readBlock(spec) ?? "unreadable");
  }

  async handle(id: string): Promise<Handle | undefined> {
    const resource = await this.#specOf(handleKey(id), { believe: false });
    return resource && readHandle(resource);
  }

  /** The handle of an owner that is probably new: the write will tell if it is not. */
  async handleOfNewcomer(id: string): Promise<Handle | undefined> {
    const text = formatKey(handleKey(id));
    if (this.#fresh || this.#changes.has(text) || this.#found.has(text)) return this.handle(id);
    this.#found.set(text, undefined);
    this.#guessed = true;
    return undefined;
  }

  async affinity(owner: BlockOwner, cidr: Prefix): Promise<Affinity | undefined> {
    const resource = await this.#specOf(affinityKey(owner, cidr), { believe: false });
    return resource && readAffinity(resource);
  }

  /** The host's own index of its blocks, with what this transaction has changed in it. */
  async affinitiesOf(host: string): Promise<readonly Affinity[]> {
    const known = this.#fresh ? undefined : this.#known.affinitiesOf(host);
    if (known !== undefined) this.#guessed = true;
    const listed = known ?? (await this.#listAffinities({ affinitiesOf: host }));
    if (known === undefined) this.#known.setAffinities(host, listed);
    return this.#remembered(listed).filter(
      ({ owner }) => owner.type === "host" && owner.node === host,
    );
  }

  async allAffinities(): Promise<readonly Affinity[]> {
    return this.#remembered(await this.#listAffinities({}));
  }

  /** All blocks that can be read, as this transaction has changed them. Much to read; for what is rarely asked. */
  async allBlocks(): Promise<readonly Block[]> {
    const { resources } = await this.#datastore.list({ kinds: ["IPAMBlock"] });
    for (const resource of resources) {
      const text = formatKey({ kind: "IPAMBlock", name: resource.metadata.name });
      if (!this.#found.has(text)) this.#found.set(text, resource);
    }
    const blocks = resources.map((resource) => this.#present(resource));
    return blocks.flatMap((resource) => (resource && readBlock(resource)) ?? []);
  }

  putBlock(block: Block): void {
    this.#put(blockKey(block.cidr), writeBlock(block));
  }

  putAffinity(affinity: Affinity): void {
    this.#put(affinityKey(affinity.owner, affinity.cidr), writeAffinity(affinity));
  }

  putHandle(handle: Handle): void {
    this.#put(handleKey(handle.id), writeHandle(handle));
  }

  deleteBlock(cidr: Prefix): void {
    this.#put(blockKey(cidr), undefined);
  }

  deleteAffinity(owner: BlockOwner, cidr: Prefix): void {
    this.#put(affinityKey(owner, cidr), undefined);
  }

  deleteHandle(id: string): void {
    this.#put(handleKey(id), undefined);
  }

  /** Writes only if the block, which must have been read, is then still as it was. */
  expectBlock(cidr: Prefix): void {
    this.#expected.set(formatKey(blockKey(cidr)), blockKey(cidr));
  }

  expectAffinity(owner: BlockOwner, cidr: Prefix): void {
    this.#expected.set(formatKey(affinityKey(owner, cidr)), affinityKey(owner, cidr));
  }

  /** Of the object as it was found; undefined where there is none. */
  versionOfHandle(id: string): string | undefined {
    return this.#found.get(formatKey(handleKey(id)))?.metadata.resourceVersion;
  }

  versionOfAffinity(owner: BlockOwner, cidr: Prefix): string | undefined {
    return this.#found.get(formatKey(affinityKey(owner, cidr)))?.metadata.resourceVersion;
  }

  /** What was changed so far; `restore` forgets what came after. */
  save(): ReadonlyMap<string, Change> {
    return new Map(this.#changes);
  }

  restore(saved: ReadonlyMap<string, Change>): void {
    this.#changes = new Map(saved);
  }

  /** How many objects would be written. */
  get size(): number {
    return this.#writes().length;
  }

  get fits(): boolean {
    return this.size <= MAX_TRANSACTION_WRITES;
  }

  /** False when someone else was quicker, and nothing was written. */
  async commit(): Promise<boolean> {
    const writes = this.#writes();
    if (writes.length === 0) return true;
    // Whatever comes of it, an error included: what was known of these objects is of the past.
    for (const { key } of this.#changes.values()) this.#known.forget(key);
    const result = await this.#datastore.transact(writes);
    if (result.type === "refused") {
      for (const { index } of result.refusals) {
        const write = writes[index];
        if (write) this.#known.forget(keyOfWrite(write));
      }
      return false;
    }
    for (const resource of result.resources) if (resource) this.#known.learn(resource);
    for (const { key, spec } of this.#changes.values()) {
      if (spec === undefined) this.#known.forget(key);
    }
    return true;
  }

  async #specOf(
    key: ResourceKey,
    { believe }: { readonly believe: boolean },
  ): Promise<Resource | undefined> {
    const text = formatKey(key);
    const change = this.#changes.get(text);
    if (change !== undefined) return change.spec && objectOf(key, change.spec);
    if (this.#found.has(text)) return this.#found.get(text);
    const known = believe && !this.#fresh ? this.#known.get(key) : undefined;
    if (known !== undefined) this.#guessed = true;
    const resource = known ?? (await this.#datastore.get(key));
    this.#found.set(text, resource);
    if (known === undefined && resource !== undefined) this.#known.learn(resource);
    return resource;
  }

  async #listAffinities(which: { readonly affinitiesOf?: string }): Promise<readonly Resource[]> {
    return (await this.#datastore.list({ kinds: ["BlockAffinity"], ...which })).resources;
  }

  /** Takes listed affinities as found, and says what they are in this transaction. */
  #remembered(listed: readonly Resource[]): readonly Affinity[] {
    const texts = new Set<string>();
    const present: (Resource | undefined)[] = [];
    for (const resource of listed) {
      const text = formatKey({ kind: "BlockAffinity", name: resource.metadata.name });
      if (!this.#found.has(text)) this.#found.set(text, resource);
      texts.add(text);
      present.push(this.#present(resource));
    }
    for (const [text, { key, spec }] of this.#changes) {
      if (key.kind !== "BlockAffinity" || texts.has(text) || spec === undefined) continue;
      present.push(objectOf(key, spec));
    }
    return present.flatMap((resource) => (resource && readAffinity(resource)) ?? []);
  }

  #present(found: Resource): Resource | undefined {
    const { kind, metadata } = found;
    const change = this.#changes.get(formatKey({ kind, name: metadata.name }));
    if (change === undefined) return found;
    return change.spec && objectOf(change.key, change.spec);
  }

  #put(key: ResourceKey, spec: Resource["spec"] | undefined): void {
    const text = formatKey(key);
    // What is written must have been read, or nobody would notice that someone else has written it.
    if (!this.#found.has(text)) throw new Error(`${text} is written without having been read`);
    this.#changes.set(text, { key, spec });
  }

  #writes(): readonly Write[] {
    const writes: Write[] = [];
    for (const [text, { key, spec }] of this.#changes) {
      const metadata = this.#found.get(text)?.metadata;
      if (metadata === undefined) {
        if (spec !== undefined) writes.push({ type: "create", resource: objectOf(key, spec) });
      } else if (spec !== undefined) {
        writes.push({ type: "update", resource: objectOf(key, spec, metadata) });
      } else {
        const { resourceVersion = "" } = metadata;
        writes.push({ type: "delete", key, resourceVersion });
      }
    }
    if (writes.length === 0) return [];
    for (const [text, key] of this.#expected) {
      if (this.#changes.has(text)) continue;
      const resourceVersion = this.#found.get(text)?.metadata.resourceVersion;
      writes.push({ type: "expect", key, resourceVersion });
    }
    return writes;
  }
}

/** What an object shall be; an undefined spec deletes it. */
type Change = { readonly key: ResourceKey; readonly spec: Resource["spec"] | undefined };

function keyOfWrite(write: Write): ResourceKey {
  if (write.type === "delete" || write.type === "expect") return write.key;
  return { kind: write.resource.kind, name: write.resource.metadata.name };
}
