import type { ICompare, IKeyValue, IRequestOp, IResponseOp } from "etcd3";
import { unreachable } from "../../../protocol/types/never.ts";
import { formatKey, type Resource, type ResourceKey } from "../../resources/resource.ts";
import { DatastoreError, type Refusal, type TransactResult, type Write } from "../datastore.ts";
import { assertTransaction, keyOfWrite, newIdentity, refusalOf } from "../transaction.ts";
import { etcdKeyBytes } from "./etcd-keys.ts";
import type { EtcdTransport } from "./etcd-transport.ts";
import { decodeStored, encodeStored } from "./stored-resource.ts";

/** Several objects in one transaction of etcd: all comparisons first, then all writes, or none. */
export class EtcdTransactions {
  readonly #transport: EtcdTransport;

  constructor(transport: EtcdTransport) {
    this.#transport = transport;
  }

  async transact(writes: readonly Write[]): Promise<TransactResult> {
    assertTransaction(writes);
    if (writes.length === 0) return { type: "written", resources: [] };
    const steps = writes.map(stepOf);
    const request = {
      compare: steps.map(({ compare }) => compare),
      success: steps.flatMap(({ success }) => success ?? []),
      failure: steps.map(({ etcdKey }) => ({ request_range: { key: etcdKey } })),
    };
    const { answer, maybeDoneBefore } = await this.#transport.ask((kv, call) =>
      kv.txn(request, call),
    );
    if (answer.succeeded) {
      return { type: "written", resources: written(steps, answer.responses, answer.header) };
    }
    const stored = answer.responses.map(({ response_range }) => response_range?.kvs[0]);
    if (!maybeDoneBefore) return { type: "refused", refusals: refusalsOf(steps, stored) };
    // An attempt without an answer is what has done it, if everything is as it was to be.
    if (steps.every((step, index) => isDone(step, stored[index]))) {
      return { type: "written", resources: steps.map((step, at) => decoded(step, stored[at])) };
    }
    const keys = steps.map(({ key }) => formatKey(key)).join(", ");
    throw new DatastoreError(
      `${keys} may have been written: an attempt had no answer, and a later one found them changed`,
    );
  }
}

/** One write, as etcd needs it. */
type Step = {
  readonly write: Write;
  readonly key: ResourceKey;
  readonly etcdKey: Buffer;
  readonly compare: ICompare;
  readonly success: IRequestOp | undefined;
  /** What the key holds afterwards. */
  readonly text: string | undefined;
};

function stepOf(write: Write): Step {
  const key = keyOfWrite(write);
  const etcdKey = etcdKeyBytes(key);
  const text = textOf(write);
  return {
    write,
    key,
    etcdKey,
    text,
    compare: compareOf(write, etcdKey),
    success:
      text !== undefined
        ? { request_put: { key: etcdKey, value: Buffer.from(text) } }
        : write.type === "delete"
          ? { request_delete_range: { key: etcdKey, prev_kv: true } }
          : undefined,
  };
}

function textOf(write: Write): string | undefined {
  switch (write.type) {
    case "create": {
      const { resource } = write;
      return encodeStored({ ...resource, metadata: newIdentity(resource.metadata) });
    }
    case "update":
      return encodeStored(write.resource);
    case "delete":
    case "expect":
      return undefined;
    default:
      return unreachable(write);
  }
}

function compareOf(write: Write, key: Buffer): ICompare {
  const expected = versionOf(write);
  if (expected === undefined) return { key, target: "Version", result: "Equal", version: "0" };
  // Other stores have other versions: what is no mod_revision is the version of nothing here.
  const modRevision = /^[1-9]\d{0,18}$/.test(expected) ? expected : LAST_REVISION;
  return { key, target: "Mod", result: "Equal", mod_revision: modRevision };
}

/** No store gets that far. */
const LAST_REVISION = String(2n ** 63n - 1n);

function versionOf(write: Write): string | undefined {
  if (write.type === "create") return undefined;
  return write.type === "update" ? write.resource.metadata.resourceVersion : write.resourceVersion;
}

/** The answers of etcd are those of the writes that write, in their order. */
function written(
  steps: readonly Step[],
  responses: readonly IResponseOp[],
  { revision }: { readonly revision: string },
): readonly (Resource | undefined)[] {
  const answers = responses.values();
  return steps.map((step) => {
    if (step.success === undefined) return undefined;
    const answer = answers.next().value;
    if (step.text !== undefined) {
      return decodeStored(step.key, { text: step.text, modRevision: revision }).resource;
    }
    return decoded(step, answer?.response_delete_range?.prev_kvs?.[0]);
  });
}

function decoded({ key }: Step, kv: IKeyValue | undefined): Resource | undefined {
  if (kv === undefined) return undefined;
  const stored = { text: kv.value.toString("utf8"), modRevision: kv.mod_revision };
  return decodeStored(key, stored).resource;
}

function refusalsOf(
  steps: readonly Step[],
  stored: readonly (IKeyValue | undefined)[],
): readonly Refusal[] {
  return steps.flatMap((step, index) => {
    const reason = refusalOf(step.write, decoded(step, stored[index]));
    return reason === undefined ? [] : [{ index, reason }];
  });
}

function isDone({ write, text }: Step, kv: IKeyValue | undefined): boolean {
  if (text !== undefined) return kv?.value.toString("utf8") === text;
  return write.type === "delete" ? kv === undefined : refusalOfExpected(write, kv);
}

function refusalOfExpected(write: Write, kv: IKeyValue | undefined): boolean {
  return kv?.mod_revision === versionOf(write);
}
