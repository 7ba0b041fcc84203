import { setTimeout as sleep } from "node:timers/promises";
import { formatPath } from "../resources/explain-issue.ts";
import { formatKey, keyOf, type Resource } from "../resources/resource.ts";
import type { AnyResource } from "../resources/schemas.ts";
import { type Validated, validateResource } from "../resources/validate.ts";
import { type Datastore, RevisionGone, type StoreProblem, type WatchBatch } from "./datastore.ts";

/** What the cluster is, as far as this process knows. Every update carries the whole; `changed` says what moved. */
export type SyncUpdate = {
  /** Checked objects by formatKey. Not to be changed by the receiver; the next update has a new map. */
  readonly resources: ReadonlyMap<string, AnyResource>;
  /** Keys that were added, changed or removed since the last update. */
  readonly changed: ReadonlySet<string>;
  /** False while the store cannot be reached: `resources` are the last that were known. */
  readonly inSync: boolean;
  readonly problems: readonly SyncProblem[];
};

/** Something in the store that is not in force, and why. Holds no secrets. */
export type SyncProblem = {
  /** "BGPPeer/tor-1", a file and line, or the store itself. */
  readonly where: string;
  readonly message: string;
  /** True when an earlier version of the object stays in force. */
  readonly lastGoodInForce?: boolean;
  readonly severity?: "warning";
};

export type SyncOptions = {
  readonly signal: AbortSignal;
  /** Wait before the store is tried again after a failure: doubles from `initial` to `max`. */
  readonly retryMilliseconds?: { readonly initial: number; readonly max: number };
};

/**
 * Follows a datastore: lists, watches, lists again when it must. The first update comes when the store has been read once
 * (or could not be), and one after each batch of changes; a slow receiver gets several batches as one. Bad objects are kept
 * out, and the last good version of each stays. Ends when the signal aborts; never throws for what the store does.
 */
export async function* syncDatastore(
  datastore: Datastore,
  { signal, retryMilliseconds = { initial: 200, max: 10_000 } }: SyncOptions,
): AsyncGenerator<SyncUpdate> {
  const state = new SyncState(datastore);
  let wait = retryMilliseconds.initial;
  while (!signal.aborted) {
    try {
      const listing = await datastore.list();
      state.replaceAll(listing.resources);
      wait = retryMilliseconds.initial;
      yield state.update();
      for await (const batch of datastore.watch({ after: listing.revision, signal })) {
        state.apply(batch);
        yield state.update();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof RevisionGone) continue;
      yield state.lost(error);
      await pause(wait, signal);
      wait = Math.min(wait * 2, retryMilliseconds.max);
    }
  }
}

/** The objects in force, and those that are not and why. */
class SyncState {
  readonly #datastore: Datastore;
  readonly #resources = new Map<string, AnyResource>();
  readonly #rejected = new Map<string, SyncProblem>();
  #changed = new Set<string>();

  constructor(datastore: Datastore) {
    this.#datastore = datastore;
  }

  replaceAll(listed: readonly Resource[]): void {
    const present = new Set(listed.map((resource) => formatKey(keyOf(resource))));
    for (const key of [...this.#resources.keys(), ...this.#rejected.keys()]) {
      if (!present.has(key)) this.#remove(key);
    }
    for (const resource of listed) this.#put(resource);
  }

  apply(batch: WatchBatch): void {
    for (const event of batch.events) {
      if (event.type === "put") this.#put(event.resource);
      else this.#remove(formatKey(event.key));
    }
  }

  update(): SyncUpdate {
    return this.#take({ inSync: true, problems: this.#problems() });
  }

  lost(error: unknown): SyncUpdate {
    const message = error instanceof Error ? error.message : String(error);
    const problem = { where: "datastore", message };
    return this.#take({ inSync: false, problems: [problem, ...this.#problems()] });
  }

  #put(resource: Resource): void {
    const key = formatKey(keyOf(resource));
    const known = this.#resources.get(key);
    const validated = check(resource);
    if (!validated.ok) {
      if (validated.complaints.every(({ severity }) => severity === "warning")) return;
      const said = validated.complaints.map(
        ({ path, message }) => `${path.length === 0 ? "" : `${formatPath(path)}: `}${message}`,
      );
      this.#rejected.set(key, {
        where: key,
        message: said.join("; "),
        lastGoodInForce: known !== undefined,
      });
      return;
    }
    this.#rejected.delete(key);
    const { resourceVersion } = resource.metadata;
    if (
      known &&
      resourceVersion !== undefined &&
      known.metadata.resourceVersion === resourceVersion
    ) {
      return;
    }
    this.#resources.set(key, validated.resource);
    this.#changed.add(key);
  }

  #remove(key: string): void {
    this.#rejected.delete(key);
    if (this.#resources.delete(key)) this.#changed.add(key);
  }

  #problems(): readonly SyncProblem[] {
    const store: readonly StoreProblem[] = this.#datastore.problems();
    return [...store, ...this.#rejected.values()].toSorted((a, b) =>
      a.where.localeCompare(b.where),
    );
  }

  #take({ inSync, problems }: Pick<SyncUpdate, "inSync" | "problems">): SyncUpdate {
    const changed = this.#changed;
    this.#changed = new Set();
    return { resources: new Map(this.#resources), changed, inSync, problems };
  }
}

/** A check that fails in itself is a bug, but one object must not keep all others from being followed. */
function check(resource: Resource): Validated {
  try {
    return validateResource(resource, { unknownFields: "warning" });
  } catch (error) {
    const message = `cannot be checked (${(error as Error).name})`;
    return { ok: false, complaints: [{ severity: "error", path: [], message }] };
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch {
    // Only the signal ends a sleep early, and the caller looks at it next.
  }
}
