import type { Resource, ResourceKey } from "../resources/resource.ts";

/**
 * Where the cluster's objects are kept. The port has three implementations, and one test for all: memory.ts,
 * directory/ and etcd. Objects come out as they were stored, unchecked: the syncer checks them, so that one bad object never
 * hides the others.
 *
 * What the surroundings do wrong (the disk, the network) is a DatastoreError and may be tried again. What the caller can
 * expect to happen (someone else was quicker) is a value.
 */
export interface Datastore {
  /** All objects of these kinds (every kind, if left out) as they were together at one revision. */
  list(options?: ListOptions): Promise<Listing>;
  get(key: ResourceKey): Promise<Resource | undefined>;
  /** Only if no such object is there. What the resource says of its resourceVersion is not looked at. */
  create(resource: Resource): Promise<WriteResult>;
  /** Only if the stored object is still the one of `metadata.resourceVersion`; without one, whatever is stored. */
  update(resource: Resource): Promise<WriteResult>;
  /** Only if the stored object is still the one of `resourceVersion`, where one is given. */
  delete(key: ResourceKey, options?: { readonly resourceVersion?: string }): Promise<DeleteResult>;
  /**
   * All of these writes, or none of them, also if the program dies: no other writer comes in between. Each compares as the
   * single write of its name does. At most MAX_TRANSACTION_WRITES, each of another object. (A listing of a directory by another
   * process may see some before the others; what it makes of them is compared again when it writes.)
   */
  transact(writes: readonly Write[]): Promise<TransactResult>;
  /** Versions of an object, newest first, as far back as they are known; absent in a store that forgets what it replaces. */
  history?(key: ResourceKey, options: { readonly limit: number }): Promise<readonly Resource[]>;
  /**
   * Every change after the revision of a listing, in order, none lost and none twice, in batches as they are at hand. Ends
   * when the signal aborts. Throws RevisionGone when the changes since are no longer known: list again, and go on from there.
   */
  watch(options: {
    readonly after: Revision;
    readonly signal: AbortSignal;
  }): AsyncIterable<WatchBatch>;
  /** What is wrong with the store itself, such as a file that is not YAML; present state, empty when all is well. */
  problems(): readonly StoreProblem[];
  close(): Promise<void>;
}

/** A point in the store's history. Opaque: only `watch` of the same store can read it. */
export type Revision = string;

export type Listing = { readonly resources: readonly Resource[]; readonly revision: Revision };

/** Which objects a listing holds; all of them, if nothing is said. */
export type ListOptions = {
  readonly kinds?: readonly string[];
  /** Kinds that are left out. */
  readonly without?: readonly string[];
  /** Of BlockAffinity, only those of this host: a question that is asked for every address. */
  readonly affinitiesOf?: string;
};

/** etcd refuses transactions of more than 128 operations, unless it is configured otherwise. */
export const MAX_TRANSACTION_WRITES = 64;

/** One write of a transaction. */
export type Write =
  | { readonly type: "create"; readonly resource: Resource }
  /** Compares `metadata.resourceVersion`, which must be there. */
  | { readonly type: "update"; readonly resource: Resource }
  | { readonly type: "delete"; readonly key: ResourceKey; readonly resourceVersion: string }
  /** Writes nothing: the object must still be of this version, or still be absent. */
  | {
      readonly type: "expect";
      readonly key: ResourceKey;
      readonly resourceVersion: string | undefined;
    };

export type TransactResult =
  /** One for each write, in order: what is stored now, or was before it was deleted; nothing for "expect". */
  | { readonly type: "written"; readonly resources: readonly (Resource | undefined)[] }
  /** Nothing was written. Which writes did not compare, and why; there may be more. */
  | { readonly type: "refused"; readonly refusals: readonly Refusal[] };

export type Refusal = {
  /** Position in the list of writes. */
  readonly index: number;
  readonly reason: "alreadyExists" | "notFound" | "conflict";
};

export type WriteResult =
  /** As stored, with its new resourceVersion. */
  | { readonly type: "written"; readonly resource: Resource }
  | { readonly type: "alreadyExists" }
  | { readonly type: "notFound" }
  /** Someone else has written in between. */
  | { readonly type: "conflict" };

export type DeleteResult =
  | { readonly type: "deleted"; readonly resource: Resource }
  | { readonly type: "notFound" }
  | { readonly type: "conflict" };

export type WatchBatch = {
  readonly events: readonly WatchEvent[];
  readonly revision: Revision;
  /** Set when `problems()` may have changed; a batch may hold nothing else. */
  readonly problemsChanged?: boolean;
};

export type WatchEvent =
  /** Created or changed. */
  | { readonly type: "put"; readonly resource: Resource }
  | { readonly type: "delete"; readonly key: ResourceKey };

/** `where` is a file with line and column, or the store; the message holds no secrets. */
export type StoreProblem = {
  readonly where: string;
  readonly message: string;
  /** Set where nothing is kept from being in force. */
  readonly severity?: "warning";
};

/** The store cannot be reached or does not work; the cause is kept. Trying again may help. */
export class DatastoreError extends Error {
  override readonly name: string = "DatastoreError";
}

/** The changes after this revision are no longer known. */
export class RevisionGone extends DatastoreError {
  override readonly name = "RevisionGone";
}
