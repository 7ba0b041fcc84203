import type { ICompare, IKeyValue, IRequestOp, ITxnResponse } from "etcd3";
import { formatKey, keyOf, type Resource, type ResourceKey } from "../../resources/resource.ts";
import { DatastoreError, type DeleteResult, type WriteResult } from "../datastore.ts";
import { newIdentity, withIdentityOf } from "../transaction.ts";
import { etcdKeyBytes, etcdKeyOf } from "./etcd-keys.ts";
import type { EtcdReader } from "./etcd-reader.ts";
import type { EtcdTransport } from "./etcd-transport.ts";
import { isIpamKind } from "./ipam-keys.ts";
import { decodeStored, encodeStored } from "./stored-resource.ts";

/** An unconditional write that others keep overtaking gives up some time. */
const MOST_TRIES = 20;

/**
 * Writes objects as Calico's client does: one transaction each, which compares and then puts or deletes. A transaction that
 * compares may be sent twice: what was done once does not compare again. But then the second answer says nothing about
 * the first, so it is an error, not a conflict: whoever counts on "conflict" would do the work twice.
 */
export class EtcdWriter {
  readonly #transport: EtcdTransport;
  readonly #reader: EtcdReader;

  constructor(transport: EtcdTransport, reader: EtcdReader) {
    this.#transport = transport;
    this.#reader = reader;
  }

  async create(resource: Resource): Promise<WriteResult> {
    const key = keyOf(resource);
    const etcdKey = etcdKeyBytes(key);
    const whole = { ...resource, metadata: newIdentity(resource.metadata) };
    const text = encodeStored(whole);
    const { answer, maybeDoneBefore } = await this.#transact({
      compare: { key: etcdKey, target: "Version", result: "Equal", version: "0" },
      success: { request_put: { key: etcdKey, value: Buffer.from(text) } },
      key: etcdKey,
    });
    if (answer.succeeded) return this.#written(key, { text, modRevision: answer.header.revision });
    const stored = storedIn(answer);
    // No other writer has this uid (which IPAM's values do not hold): what is there is what an attempt without an answer has put.
    const ours =
      stored !== undefined && !isIpamKind(key.kind) && stored.value.toString("utf8") === text;
    if (ours) return this.#written(key, { text, modRevision: stored.mod_revision });
    if (maybeDoneBefore) throw doubtful("created", key);
    return { type: "alreadyExists" };
  }

  async update(resource: Resource): Promise<WriteResult> {
    const { resourceVersion } = resource.metadata;
    if (resourceVersion !== undefined) return this.#replace(resource, resourceVersion);
    const key = keyOf(resource);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const stored = (await this.#reader.get(key))?.resource;
      if (stored?.metadata.resourceVersion === undefined) return { type: "notFound" };
      const whole = withIdentityOf(stored, resource);
      const result = await this.#replace(whole, stored.metadata.resourceVersion);
      if (result.type !== "conflict") return result;
    }
    throw new DatastoreError(`${formatKey(key)} is written by others all the time`);
  }

  async delete(key: ResourceKey, resourceVersion: string | undefined): Promise<DeleteResult> {
    const etcdKey = etcdKeyOf(key);
    if (etcdKey === undefined) return { type: "notFound" };
    const bytes = Buffer.from(etcdKey);
    if (resourceVersion !== undefined && !isModRevision(resourceVersion)) {
      return { type: (await this.#reader.get(key)) === undefined ? "notFound" : "conflict" };
    }
    const { answer, maybeDoneBefore } = await this.#transact({
      compare:
        resourceVersion === undefined
          ? { key: bytes, target: "Version", result: "Greater", version: "0" }
          : unchanged(bytes, resourceVersion),
      success: { request_delete_range: { key: bytes, prev_kv: true } },
      key: bytes,
    });
    const [deleted] = answer.responses[0]?.response_delete_range?.prev_kvs ?? [];
    if (answer.succeeded && deleted !== undefined) {
      return { type: "deleted", resource: this.#reader.decode(key, deleted).resource };
    }
    if (maybeDoneBefore) throw doubtful("deleted", key);
    return { type: storedIn(answer) === undefined ? "notFound" : "conflict" };
  }

  async #replace(resource: Resource, version: string): Promise<WriteResult> {
    const key = keyOf(resource);
    const etcdKey = etcdKeyBytes(key);
    if (!isModRevision(version)) {
      return { type: (await this.#reader.get(key)) === undefined ? "notFound" : "conflict" };
    }
    const text = encodeStored(resource);
    const { answer, maybeDoneBefore } = await this.#transact({
      compare: unchanged(etcdKey, version),
      success: { request_put: { key: etcdKey, value: Buffer.from(text) } },
      key: etcdKey,
    });
    if (answer.succeeded) return this.#written(key, { text, modRevision: answer.header.revision });
    if (maybeDoneBefore) throw doubtful("updated", key);
    return { type: storedIn(answer) === undefined ? "notFound" : "conflict" };
  }

  /** Compares and does; where the comparison fails, the answer holds what is there instead. */
  async #transact({
    compare,
    success,
    key,
  }: {
    readonly compare: ICompare;
    readonly success: IRequestOp;
    readonly key: Buffer;
  }): Promise<{ readonly answer: ITxnResponse; readonly maybeDoneBefore: boolean }> {
    const request = {
      compare: [compare],
      success: [success],
      failure: [{ request_range: { key } }],
    };
    return this.#transport.ask((kv, call) => kv.txn(request, call));
  }

  #written(
    key: ResourceKey,
    stored: { readonly text: string; readonly modRevision: string },
  ): WriteResult {
    return { type: "written", resource: decodeStored(key, stored).resource };
  }
}

function unchanged(key: Buffer, modRevision: string): ICompare {
  return { key, target: "Mod", result: "Equal", mod_revision: modRevision };
}

/** Other stores have other versions; what is not a mod_revision is the version of nothing here. */
function isModRevision(version: string): boolean {
  return /^[1-9]\d{0,18}$/.test(version);
}

function storedIn(answer: ITxnResponse): IKeyValue | undefined {
  return answer.responses[0]?.response_range?.kvs[0];
}

function doubtful(done: string, key: ResourceKey): DatastoreError {
  return new DatastoreError(
    `${formatKey(key)} may have been ${done}: an attempt had no answer, and a later one found the object changed`,
  );
}
