import type { Datastore, WriteResult } from "../datastore/datastore.ts";
import { equalJson } from "../lib/exact-json.ts";
import { formatKey, keyOf, type Resource, type ResourceKey } from "../resources/resource.ts";

/** What one object is and will be; absent `after` deletes it, absent `before` creates it. */
export type ResourceChange = {
  readonly key: ResourceKey;
  readonly before?: Resource | undefined;
  readonly after?: Resource | undefined;
};

/** What became of it. */
export type ChangeOutcome = {
  readonly change: ResourceChange;
  readonly did: "created" | "updated" | "unchanged" | "deleted" | "refused";
  /** Why it was refused, and what to do. */
  readonly why?: string;
};

/** Whether there is something to do: the store's own fields of the metadata do not count. */
export function isChange({ before, after }: ResourceChange): boolean {
  if (before === undefined || after === undefined) return before !== after;
  return !equalJson(comparable(before), comparable(after));
}

/** The object as a person writes it, without what the store keeps for itself. */
export function comparable(resource: Resource): Resource {
  const {
    resourceVersion: _,
    uid: _uid,
    creationTimestamp: _created,
    ...metadata
  } = resource.metadata;
  // Calico's own programs write empty maps and "null" where nothing is; YAML of a person leaves them out.
  const labels = metadata.labels && Object.keys(metadata.labels).length > 0;
  const annotations = metadata.annotations && Object.keys(metadata.annotations).length > 0;
  const { labels: own, annotations: notes, ...rest } = metadata;
  return {
    ...resource,
    metadata: {
      ...rest,
      ...(labels && { labels: own }),
      ...(annotations && { annotations: notes }),
    },
  };
}

/** The change that replaces an object by what a file says: who it is and since when stays the store's. */
export function replacement(before: Resource | undefined, wanted: Resource): ResourceChange {
  const key = keyOf(wanted);
  if (before === undefined) return { key, after: wanted };
  const { uid, creationTimestamp } = before.metadata;
  const metadata = {
    ...wanted.metadata,
    ...(uid !== undefined && { uid }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
  };
  // A file that holds a resourceVersion was read from the store: the write is refused if someone else wrote since.
  return { key, before, after: { ...wanted, metadata } };
}

/** Carries one change out, only if the object is still what the plan saw. */
export async function carryOut(
  datastore: Datastore,
  change: ResourceChange,
): Promise<ChangeOutcome> {
  const { key, before, after } = change;
  if (!isChange(change)) return { change, did: "unchanged" };
  if (after === undefined) {
    const resourceVersion = before?.metadata.resourceVersion;
    const result = await datastore.delete(
      key,
      resourceVersion === undefined ? {} : { resourceVersion },
    );
    if (result.type === "deleted") return { change, did: "deleted" };
    return { change, did: "refused", why: REFUSED[result.type] };
  }
  if (before === undefined) return written(change, "created", await datastore.create(after));
  const resourceVersion = after.metadata.resourceVersion ?? before.metadata.resourceVersion;
  const metadata = { ...after.metadata, ...(resourceVersion !== undefined && { resourceVersion }) };
  return written(change, "updated", await datastore.update({ ...after, metadata }));
}

function written(
  change: ResourceChange,
  did: "created" | "updated",
  result: WriteResult,
): ChangeOutcome {
  return result.type === "written"
    ? { change, did }
    : { change, did: "refused", why: REFUSED[result.type] };
}

const REFUSED = {
  alreadyExists: "exists already\n  fix: tortie apply",
  notFound: "is not there any more",
  conflict:
    "was changed by someone else meanwhile\n  fix: read it again, and apply your change to that",
} as const;

/** "BGPPeer/tor-1 created", or why not. */
export function outcomeText({ change, did, why }: ChangeOutcome): string {
  return `${formatKey(change.key)} ${why ?? did}`;
}

/** Differences field by field: "- spec.asNumber: 65001" and "+ spec.asNumber: 65002". */
export function differenceLines({ before, after }: ResourceChange): readonly string[] {
  const was = flatten(before && comparable(before));
  const will = flatten(after && comparable(after));
  const paths = [...new Set([...was.keys(), ...will.keys()])];
  return paths.flatMap((path) => {
    const [from, to] = [was.get(path), will.get(path)];
    if (from === to) return [];
    return [
      ...(from === undefined ? [] : [`- ${path}: ${from}`]),
      ...(to === undefined ? [] : [`+ ${path}: ${to}`]),
    ];
  });
}

function flatten(value: unknown, path = "", into = new Map<string, string>()): Map<string, string> {
  if (typeof value !== "object" || value === null) {
    if (value !== undefined) into.set(path, String(value));
    return into;
  }
  const entries = Object.entries(value);
  if (entries.length === 0 && path !== "") into.set(path, Array.isArray(value) ? "[]" : "{}");
  for (const [name, field] of entries) {
    const inner = Array.isArray(value)
      ? `${path}[${name}]`
      : path === ""
        ? name
        : `${path}.${name}`;
    flatten(field, inner, into);
  }
  return into;
}
