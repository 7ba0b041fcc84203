import { randomUUID } from "node:crypto";
import {
  formatKey,
  keyOf,
  type Metadata,
  type Resource,
  type ResourceKey,
} from "../resources/resource.ts";
import { MAX_TRANSACTION_WRITES, type Refusal, type Write } from "./datastore.ts";

/** Which object a write is about. */
export function keyOfWrite(write: Write): ResourceKey {
  return "resource" in write ? keyOf(write.resource) : write.key;
}

/** Two writes of one object, an update that compares nothing, or too many writes are mistakes of the caller. */
export function assertTransaction(writes: readonly Write[]): void {
  const keys = new Set(writes.map((write) => formatKey(keyOfWrite(write))));
  if (keys.size !== writes.length) throw new Error("a transaction names an object twice");
  if (writes.length > MAX_TRANSACTION_WRITES) throw new Error("a transaction is too long");
  for (const write of writes) {
    if (write.type === "update" && write.resource.metadata.resourceVersion === undefined) {
      throw new Error("an update in a transaction must have a resourceVersion");
    }
  }
}

/** Why the writes cannot be done, given what is stored; empty when they can. */
export function refusalsOf(
  writes: readonly Write[],
  stored: (key: string) => Resource | undefined,
): readonly Refusal[] {
  return writes.flatMap((write, index) => {
    const reason = refusalOf(write, stored(formatKey(keyOfWrite(write))));
    return reason === undefined ? [] : [{ index, reason }];
  });
}

/** Why one write cannot be done; undefined when it can. */
export function refusalOf(
  write: Write,
  stored: Resource | undefined,
): Refusal["reason"] | undefined {
  if (write.type === "create") return stored === undefined ? undefined : "alreadyExists";
  const expected =
    write.type === "update" ? write.resource.metadata.resourceVersion : write.resourceVersion;
  if (expected === undefined) return stored === undefined ? undefined : "alreadyExists";
  if (stored === undefined) return "notFound";
  return stored.metadata.resourceVersion === expected ? undefined : "conflict";
}

/** A new object gets a uid and the time of its creation, to the second, as Calico's client gives them. */
export function newIdentity(metadata: Metadata): Metadata {
  const creationTimestamp = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  return { ...metadata, uid: metadata.uid ?? randomUUID(), creationTimestamp };
}

/** Who the object is stays through an update, unless the writer says otherwise. */
export function withIdentityOf(stored: Resource, resource: Resource): Resource {
  const { uid, creationTimestamp } = stored.metadata;
  const kept = {
    ...(uid !== undefined && { uid }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
  };
  return { ...resource, metadata: { ...kept, ...resource.metadata } };
}
