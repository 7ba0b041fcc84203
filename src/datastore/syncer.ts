import { setTimeout as sleep } from "node:timers/promises";
import { formatPath } from "../resources/explain-issue.ts";
import { formatKey, keyOf, type Resource } from "../resources/resource.ts";
import type { AnyResource } from "../resources/schemas.ts";
import { type Validated, validateResource } from "../resources/validate.ts";
import { type Datastore, RevisionGone, type StoreProblem, type WatchBatch } from "./datastore.ts";
import { type Loss, LossGuard } from "./loss-guard.ts";
import { ResourceTable } from "./resource-table.ts";
import { withInterruptions } from "./with-interruptions.ts";

/** What the cluster is, as far as this process knows. Every update carries the whole; `changed` says what moved. */
export type SyncUpdate = {
  /** Checked objects by formatKey: a new map each time, which shows the present until the next update is asked for. */
  readonly resources: ReadonlyMap<string, AnyResource>;
  /** Keys that were added, changed or removed since the last update. */
  readonly changed: ReadonlySet<string>;
  /** False while the store cannot be reached: `resources` are the last that were known. */
  readonly inSync: boolean;
  readonly problems: readonly SyncProblem[];
  /** Set while `resources` hold what is gone from the store; or lack what was there at the last run, with `atStart`. */
  readonly loss?: Loss;
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
  /** Wait before the store is tried again after a failure: doubles from `initial` to `max`, less a part by chance. */
  readonly retryMilliseconds?: { readonly initial: number; readonly max: number };
  /** Before it is listed again because its history is gone, which is so for every daemon of the cluster at once. */
  readonly relistWithinMilliseconds?: number;
  /** Keeps in force what most likely nobody wanted to delete. */
  readonly guard?: LossGuard<AnyResource>;
  readonly random?: () => number;
};

/** Addresses by owner: as many as there are workloads, and of interest to nobody who only follows. */
const NOT_FOLLOWED = ["IPAMHandle"];

/**
 * Follows a datastore: lists, watches, lists again when it must. The first update comes when the store has been read once
 * (or could not be), and one after each batch of changes; a slow receiver gets several batches as one. Bad objects are kept
 * out, and the last good version of each stays. Ends when the signal aborts; never throws for what the store does.
 */
export async function* syncDatastore(
  datastore: Datastore,
  {
    signal,
    retryMilliseconds = { initial: 200, max: 10_000 },
    relistWithinMilliseconds = 1000,
    guard = new LossGuard<AnyResource>(),
    random = Math.random,
  }: SyncOptions,
): AsyncGenerator<SyncUpdate> {
  const state = new SyncState(datastore, guard);
  let wait = retryMilliseconds.initial;
  while (!signal.aborted) {
    try {
      const listing = await datastore.list({ without: NOT_FOLLOWED });
      state.replaceAll(listing.resources);
      if (guard.isConfirmationRequested) state.confirmLoss();
      wait = retryMilliseconds.initial;
      yield state.update();
      const batches = datastore.watch({ after: listing.revision, signal });
      for await (const batch of withInterruptions(batches, guard)) {
        if (batch === "interrupted") state.confirmLoss();
        else state.apply(batch);
        yield state.update();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof RevisionGone) {
        await pause(random() * relistWithinMilliseconds, signal);
        continue;
      }
      yield state.lost(error);
      await pause(wait * (0.5 + random() / 2), signal);
      wait = Math.min(wait * 2, retryMilliseconds.max);
    }
  }
}

/** The objects in force, and those that are not and why. */
class SyncState {
  readonly #datastore: Datastore;
  readonly #guard: LossGuard<AnyResource>;
  readonly #resources = new ResourceTable();
  readonly #rejected = new Map<string, SyncProblem>();
  #changed = new Set<string>();

  constructor(datastore: Datastore, guard: LossGuard<AnyResource>) {
    this.#datastore = datastore;
    this.#guard = guard;
  }

  replaceAll(listed: readonly Resource[]): void {
    const present = new Set(listed.map((resource) => formatKey(keyOf(resource))));
    const known = [...this.#resources.keys(), ...this.#rejected.keys()];
    for (const resource of listed) this.#put(resource);
    this.#remove(known.filter((key) => !present.has(key)));
    this.#guard.listed();
  }

  apply(batch: WatchBatch): void {
    let gone: string[] = [];
    for (const event of batch.events) {
      if (event.type === "delete") gone.push(formatKey(event.key));
      else {
        // A delete before the put of the same object must not come after it.
        if (gone.length > 0) this.#remove(gone);
        gone = [];
        this.#put(event.resource);
      }
    }
    if (gone.length > 0) this.#remove(gone);
  }

  confirmLoss(): void {
    for (const key of this.#guard.confirm().keys()) {
      if (this.#resources.delete(key)) this.#changed.add(key);
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
    if (NOT_FOLLOWED.includes(resource.kind)) return;
    this.#guard.seen(key);
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
    if (known === undefined) this.#guard.added(validated.resource);
    this.#resources.set(key, validated.resource);
    this.#changed.add(key);
  }

  #remove(keys: readonly string[]): void {
    const gone = new Map<string, AnyResource>();
    for (const key of keys) {
      this.#rejected.delete(key);
      const resource = this.#resources.get(key);
      if (resource !== undefined) gone.set(key, resource);
    }
    if (gone.size === 0) return;
    const verdict = this.#guard.vanished(gone);
    if (verdict.type === "gone") {
      for (const key of gone.keys()) {
        this.#resources.delete(key);
        this.#changed.add(key);
      }
      return;
    }
    for (const resource of verdict.restored) {
      const key = formatKey(keyOf(resource));
      this.#resources.set(key, resource);
      this.#changed.add(key);
    }
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
    const { loss } = this.#guard;
    const resources = this.#resources.view();
    return { resources, changed, inSync, problems, ...(loss !== undefined && { loss }) };
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
