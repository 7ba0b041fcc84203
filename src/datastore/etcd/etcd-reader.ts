import type { IEvent, IKeyValue, IRangeResponse } from "etcd3";
import { formatKey, type Resource, type ResourceKey } from "../../resources/resource.ts";
import type { Listing, ListOptions, StoreProblem, WatchEvent } from "../datastore.ts";
import { isListed } from "../listed.ts";
import { EtcdFailure } from "./etcd-failure.ts";
import {
  etcdKeyOf,
  folderOf,
  prefixesOf,
  RESOURCE_PREFIX,
  rangeOf,
  resourceKeyOf,
} from "./etcd-keys.ts";
import type { EtcdTransport } from "./etcd-transport.ts";
import { StoreRevision } from "./store-revision.ts";
import { decodeStored } from "./stored-resource.ts";

/** Keys of one answer: enough to be quick, few enough to leave the server time for others. */
const PAGE = 1000;
/** A listing during which etcd is compacted starts again, so often. */
const MOST_LISTINGS = 5;

/** An object, and its bytes as they lie in etcd. */
export type StoredObject = { readonly resource: Resource; readonly text: string };

/** Reads objects, and remembers which keys hold something that is no object. */
export class EtcdReader {
  readonly #transport: EtcdTransport;
  readonly #problems = new Map<string, StoreProblem>();

  constructor(transport: EtcdTransport) {
    this.#transport = transport;
  }

  /** What is wrong with single keys, as of the last listing and the events since. */
  problems(): readonly StoreProblem[] {
    return [...this.#problems.values()];
  }

  async get(key: ResourceKey): Promise<StoredObject | undefined> {
    const etcdKey = etcdKeyOf(key);
    if (etcdKey === undefined) return undefined;
    const { answer } = await this.#transport.ask((kv, call) =>
      kv.range({ key: Buffer.from(etcdKey) }, call),
    );
    const [found] = answer.kvs;
    return found && this.decode(key, found);
  }

  async list(options: ListOptions): Promise<Listing> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { resources, revision } = await this.#listOnce(prefixesOf(options));
        return { resources: resources.filter((each) => isListed(each, options)), revision };
      } catch (error) {
        const compacted = error instanceof EtcdFailure && COMPACTED.test(error.details);
        if (!compacted || attempt === MOST_LISTINGS) throw error;
      }
    }
  }

  /** The events of one batch, as the port has them. */
  eventsOf(events: readonly IEvent[]): {
    readonly events: readonly WatchEvent[];
    readonly problemsChanged: boolean;
  } {
    const before = [...this.#problems.values()];
    const told = events.map((event) => this.#eventOf(event)).filter((event) => event !== undefined);
    const after = [...this.#problems.values()];
    const same = before.length === after.length && before.every((each, at) => each === after[at]);
    return { events: told, problemsChanged: !same };
  }

  /** Reads the value of a key, and takes note if it is no object. */
  decode(key: ResourceKey, { value, mod_revision }: IKeyValue): StoredObject {
    const text = value.toString("utf8");
    const { resource, problem } = decodeStored(key, { text, modRevision: mod_revision });
    this.#note(formatKey(key), problem === undefined ? undefined : { message: problem });
    return { resource, text };
  }

  /** All pages at the revision of the first, so that they belong together. */
  async #listOnce(prefixes: readonly string[]): Promise<Listing> {
    const values: IKeyValue[] = [];
    let revision = await this.#revision();
    for (const prefix of prefixes) {
      let range = rangeOf(prefix);
      for (;;) {
        const page = await this.#page(range, revision);
        revision = new StoreRevision(revision.number, page.header.cluster_id);
        values.push(...page.kvs);
        const last = page.kvs.at(-1);
        if (!page.more || last === undefined) break;
        range = { ...range, key: Buffer.concat([last.key, Buffer.of(0)]) };
      }
    }
    if (prefixes.includes(RESOURCE_PREFIX)) this.#problems.clear();
    const resources = values.map((value) => this.#resourceOf(value));
    return {
      resources: resources.filter((resource) => resource !== undefined),
      revision: String(revision),
    };
  }

  /** The present, as the quorum sees it. */
  async #revision(): Promise<StoreRevision> {
    const { answer } = await this.#transport.ask((kv, call) =>
      kv.range({ key: Buffer.from(RESOURCE_PREFIX), limit: 1 }, call),
    );
    return new StoreRevision(answer.header.revision, answer.header.cluster_id);
  }

  async #page(range: ReturnType<typeof rangeOf>, revision: StoreRevision): Promise<IRangeResponse> {
    const request = { ...range, limit: PAGE, revision: String(revision.number) };
    const { answer } = await this.#transport.ask((kv, call) => kv.range(request, call));
    revision.assertSameStore(answer.header.cluster_id);
    return answer;
  }

  #resourceOf(value: IKeyValue): Resource | undefined {
    const key = this.#keyOf(value);
    return key && this.decode(key, value).resource;
  }

  #eventOf({ type, kv }: IEvent): WatchEvent | undefined {
    const key = this.#keyOf(kv);
    if (key === undefined) return undefined;
    if (type === "Put") return { type: "put", resource: this.decode(key, kv).resource };
    this.#note(formatKey(key), undefined);
    return { type: "delete", key };
  }

  /** A key of a kind that Calico may add some day is no object of ours, and is said once a kind. */
  #keyOf({ key }: IKeyValue): ResourceKey | undefined {
    const text = key.toString("utf8");
    const known = resourceKeyOf(text);
    if (known !== undefined) return known;
    const folder = folderOf(text);
    if (folder === undefined) return undefined;
    this.#note(folder, {
      message: "keys of this kind are not known to this version, and are skipped",
      severity: "warning",
    });
    return undefined;
  }

  #note(where: string, problem: Omit<StoreProblem, "where"> | undefined): void {
    if (problem === undefined) this.#problems.delete(where);
    else if (!this.#problems.has(where)) this.#problems.set(where, { where, ...problem });
  }
}

/** etcdserver: mvcc: required revision has been compacted. */
const COMPACTED = /has been compacted/;
