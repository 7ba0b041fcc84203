import { HostCalculation } from "../calc/calc.ts";
import type { HostState } from "../calc/host-state.ts";
import type { Datastore } from "../datastore/datastore.ts";
import type { Loss, LossGuard } from "../datastore/loss-guard.ts";
import { type SyncProblem, type SyncUpdate, syncDatastore } from "../datastore/syncer.ts";
import type { AnyResource } from "../resources/schemas.ts";

/** What this host should be, as far as is known. */
export type HostFollowerReport = {
  readonly resources: ReadonlyMap<string, AnyResource>;
  readonly problems: readonly SyncProblem[];
  /** "syncing" until the store was read once; "last-known-good" and "unreachable" while it cannot be. */
  readonly state: "syncing" | "in-sync" | "last-known-good" | "unreachable";
  /** Set while what is gone from the store stays in force. */
  readonly loss?: Loss;
};

/** A remembered state may be of yesterday: what it says is true only as far as this host can see it. */
export type HostStateSource = "datastore" | "memory";

export type HostFollowerOptions = {
  readonly nodeName: string;
  readonly datastore: Datastore;
  /** A problem that the store reports under this name is about the store as a whole: it cannot be read now. */
  readonly storeName: string;
  readonly signal: AbortSignal;
  readonly guard: LossGuard<AnyResource>;
  /** The state of an earlier run, for a store that cannot be reached when the daemon starts. */
  readonly lastKnownGood: () => HostState | undefined;
  /** A new state, and whether it is the cluster's or only remembered; the same one is not told twice. */
  readonly onHostState: (state: HostState, source: HostStateSource) => void;
  /** What is known of the store changed. */
  readonly onReport: (report: HostFollowerReport) => void;
  /** The state could not be computed; the one before stays in force. */
  readonly onError: (error: Error) => void;
};

/** A store that says nothing for this long is taken for dead, and the last good state is used. */
const SILENCE_MILLISECONDS = 5_000;

/** Follows the datastore and computes from it what this host should be. Ends with the signal, and for nothing else. */
export async function followHost(options: HostFollowerOptions): Promise<void> {
  const follower = new HostFollower(options);
  const silence = setTimeout(() => follower.useLastKnownGood(), SILENCE_MILLISECONDS);
  try {
    const { datastore, signal, guard } = options;
    for await (const update of syncDatastore(datastore, { signal, guard })) {
      clearTimeout(silence);
      follower.take(update);
    }
  } finally {
    clearTimeout(silence);
  }
}

class HostFollower {
  readonly #options: HostFollowerOptions;
  #calculation: HostCalculation | undefined;
  #state: HostState | undefined;
  #fromMemory = false;

  constructor(options: HostFollowerOptions) {
    this.#options = options;
  }

  take({ resources, problems, inSync, changed, loss }: SyncUpdate): void {
    if (loss?.atStart || (!inSync && !this.#hasRead(resources))) this.useLastKnownGood();
    // What is left of the cluster is not what it wants to be; only what is remembered is.
    if (!loss?.atStart && (this.#hasRead(resources) || inSync)) {
      const news = changed.size > 0 || this.#state === undefined || this.#fromMemory;
      if (news) this.#compute(resources, changed);
    }
    this.#options.onReport({
      resources,
      problems,
      state: this.#storeState({ inSync: inSync && !loss?.atStart, problems }),
      ...(loss !== undefined && { loss }),
    });
  }

  #storeState({
    inSync,
    problems,
  }: Pick<SyncUpdate, "inSync" | "problems">): HostFollowerReport["state"] {
    const readable = !problems.some(({ where }) => where === this.#options.storeName);
    if (inSync && readable) return "in-sync";
    return this.#fromMemory ? "last-known-good" : "unreachable";
  }

  /** Only at the start: later, the state in force is as good as the one in memory. */
  useLastKnownGood(): void {
    if (this.#state !== undefined) return;
    const state = this.#options.lastKnownGood();
    if (state === undefined) return;
    this.#fromMemory = true;
    this.#state = state;
    this.#options.onHostState(state, "memory");
  }

  /** An empty map out of sync is a store that was never read. */
  #hasRead(resources: SyncUpdate["resources"]): boolean {
    return resources.size > 0;
  }

  #compute(resources: SyncUpdate["resources"], changed: SyncUpdate["changed"]): void {
    try {
      const state = this.#calculate(resources, changed);
      this.#fromMemory = false;
      if (state === this.#state) return;
      this.#state = state;
      this.#options.onHostState(state, "datastore");
    } catch (error) {
      // Half of the change may be in: the next one begins again from the resources.
      this.#calculation = undefined;
      this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #calculate(resources: SyncUpdate["resources"], changed: SyncUpdate["changed"]): HostState {
    if (this.#calculation === undefined) {
      this.#calculation = new HostCalculation({ nodeName: this.#options.nodeName });
      return this.#calculation.update(resources);
    }
    return this.#calculation.update([...changed].map((key) => [key, resources.get(key)] as const));
  }
}
