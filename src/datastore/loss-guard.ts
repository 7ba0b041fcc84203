import type { Resource } from "../resources/resource.ts";

/** What is counted apart: people change the first two, programs the others. */
export type LossGroup = "nodes" | "configuration" | "endpoints" | "ipam";

/** How many objects of each group there are. */
export type Population = { readonly [G in LossGroup]: number };

/** That most of the cluster's objects have vanished from the store, and stay in force here until somebody confirms it. */
export type Loss = {
  readonly since: Date;
  /** Objects that are gone from the store. */
  readonly lost: number;
  /** How many there were. */
  readonly of: number;
  /** True when it happened while this process did not run: then only the state that it remembers is in force. */
  readonly atStart: boolean;
};

export type LossGuardOptions = {
  /** What there was when this process last ran. */
  readonly remembered?: Population | undefined;
  /** Takes a loss for meant after this time; never, unless it is set. */
  readonly confirmAfterSeconds?: number | undefined;
  readonly now?: () => number;
};

/** Objects that go within this time go together: a loop of single deletes is as much of a loss as one of a prefix. */
const WINDOW_MILLISECONDS = 30_000;

/** From how many objects on it is a loss that more than half of a group goes, or all of it. */
const LIMITS: { readonly [G in LossGroup]: { readonly most: number; readonly all: number } } = {
  nodes: { most: 3, all: 2 },
  configuration: { most: 8, all: 3 },
  endpoints: { most: 50, all: 50 },
  ipam: { most: 50, all: 50 },
};

const GROUPS = Object.keys(LIMITS) as readonly LossGroup[];

/** Objects that vanished, and what the store's reader should do about it. */
export type Verdict<R> =
  | { readonly type: "gone" }
  /** They stay in force, and `restored`, which went a moment ago, come back. */
  | { readonly type: "held"; readonly restored: readonly R[] };

/**
 * Decides whether objects that vanish from the store are meant to go. When most of the cluster vanishes at once, it is more likely
 * that somebody deleted too much, or that the store was lost, than that a running cluster is not wanted any more; and what would
 * follow (every route withdrawn, every policy gone) cannot be undone by restoring the store. See docs/adr/0018.
 */
export class LossGuard<R extends Pick<Resource<string, unknown>, "kind"> = Resource> {
  readonly #options: LossGuardOptions;
  readonly #now: () => number;
  readonly #present: { [G in LossGroup]: number } = emptyPopulation();
  /** What went lately, by key, oldest first. */
  readonly #recent = new Map<string, { readonly resource: R; readonly at: number }>();
  readonly #recentCount: { [G in LossGroup]: number } = emptyPopulation();
  /** What is gone from the store and still in force. */
  readonly #held = new Map<string, R>();
  #heldCount: { [G in LossGroup]: number } = emptyPopulation();
  #loss: Loss | undefined;
  #timer: NodeJS.Timeout | undefined;
  #onConfirm: (() => void) | undefined;
  #listed = false;
  #requested = false;

  constructor(options: LossGuardOptions = {}) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Undefined when all is well. */
  get loss(): Loss | undefined {
    return (
      this.#loss && {
        ...this.#loss,
        lost: this.#loss.atStart ? this.#loss.lost : sumOf(this.#heldCount),
      }
    );
  }

  /** What is in force, to be remembered for the next start. */
  get population(): Population {
    return { ...this.#present };
  }

  /** Called when a confirmation is requested; one listener. */
  set onConfirm(listener: (() => void) | undefined) {
    this.#onConfirm = listener;
  }

  /** A new object is in force. */
  added(resource: R): void {
    this.#count(resource, 1);
    // A store that is being restored is not whole before everything is back.
    if (this.#loss?.atStart && sumOf(this.#missing()) === 0) this.#end();
  }

  /** The object is in the store (again). */
  seen(key: string): void {
    this.#forget(key);
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    count(this.#heldCount, held, -1);
    if (this.#held.size === 0) this.#end();
  }

  /** These objects, which are in force, are no longer in the store. */
  vanished(gone: ReadonlyMap<string, R>): Verdict<R> {
    if (this.#loss?.atStart === false) {
      for (const [key, resource] of gone) this.#hold(key, resource);
      return { type: "held", restored: [] };
    }
    const at = this.#now();
    this.#forgetOld(at);
    for (const [key, resource] of gone) {
      this.#forget(key);
      this.#recent.set(key, { resource, at });
      count(this.#recentCount, resource, 1);
      this.#count(resource, -1);
    }
    // At the start, what is in the store is not in force anyhow.
    if (this.#loss !== undefined || !this.#isLoss(this.#recentCount)) return { type: "gone" };
    return { type: "held", restored: this.#holdRecent(gone) };
  }

  /** The first listing is in: compares it with what there was when this process last ran. */
  listed(): void {
    const { remembered } = this.#options;
    if (this.#listed) return;
    this.#listed = true;
    if (remembered === undefined) return;
    const missing = this.#missing();
    if (!this.#isLoss(missing)) return;
    this.#begin({ of: sumOf(remembered), lost: sumOf(missing), atStart: true });
  }

  /** A person says that the loss is meant. Returns the objects that go now; none if there was no loss. */
  confirm(): ReadonlyMap<string, R> {
    const gone = new Map(this.#held);
    for (const resource of gone.values()) this.#count(resource, -1);
    this.#held.clear();
    this.#heldCount = emptyPopulation();
    this.#forgetAll();
    this.#end();
    return gone;
  }

  /** Lets whoever reads the store call `confirm`: at once, or when it can. */
  requestConfirmation(): void {
    if (this.#loss === undefined) return;
    this.#requested = true;
    this.#onConfirm?.();
  }

  get isConfirmationRequested(): boolean {
    return this.#requested;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Returns what has to come back. */
  #holdRecent(gone: ReadonlyMap<string, R>): readonly R[] {
    const restored: R[] = [];
    for (const [key, { resource }] of this.#recent) {
      this.#hold(key, resource);
      this.#count(resource, 1);
      if (!gone.has(key)) restored.push(resource);
    }
    this.#forgetAll();
    this.#begin({ of: sumOf(this.#present), lost: sumOf(this.#heldCount), atStart: false });
    return restored;
  }

  #hold(key: string, resource: R): void {
    if (!this.#held.has(key)) count(this.#heldCount, resource, 1);
    this.#held.set(key, resource);
  }

  /** Compared with what there was when this process last ran. */
  #missing(): Population {
    const missing = emptyPopulation();
    const { remembered = missing } = this.#options;
    for (const group of GROUPS) {
      missing[group] = Math.max(0, remembered[group] - this.#present[group]);
    }
    return missing;
  }

  #begin(loss: Omit<Loss, "since">): void {
    this.#loss = { since: new Date(), ...loss };
    const { confirmAfterSeconds } = this.#options;
    if (confirmAfterSeconds === undefined) return;
    this.#timer = setTimeout(() => this.requestConfirmation(), confirmAfterSeconds * 1000).unref();
  }

  #end(): void {
    this.#loss = undefined;
    this.#requested = false;
    clearTimeout(this.#timer);
  }

  #isLoss(lost: Population): boolean {
    return GROUPS.some((group) => {
      const before = this.#present[group] + lost[group];
      const { most, all } = LIMITS[group];
      if (lost[group] === before) return lost[group] >= all;
      return lost[group] >= most && lost[group] * 2 > before;
    });
  }

  #count(resource: R, by: 1 | -1): void {
    count(this.#present, resource, by);
  }

  #forget(key: string): void {
    const known = this.#recent.get(key);
    if (known === undefined) return;
    this.#recent.delete(key);
    count(this.#recentCount, known.resource, -1);
  }

  #forgetAll(): void {
    for (const key of [...this.#recent.keys()]) this.#forget(key);
  }

  #forgetOld(now: number): void {
    for (const [key, { at }] of this.#recent) {
      if (now - at <= WINDOW_MILLISECONDS) return;
      this.#forget(key);
    }
  }
}

function count(
  population: { [G in LossGroup]: number },
  { kind }: { readonly kind: string },
  by: 1 | -1,
): void {
  for (const group of groupsOf(kind)) population[group] += by;
}

function groupsOf(kind: string): readonly LossGroup[] {
  switch (kind) {
    case "Node":
      return ["nodes", "configuration"];
    case "WorkloadEndpoint":
      return ["endpoints"];
    case "IPAMBlock":
    case "BlockAffinity":
    case "IPAMHandle":
      return ["ipam"];
    // What daemons tell of themselves says nothing about what people and runtimes have put there: they write it again.
    case "CalicoNodeStatus":
      return [];
    default:
      return ["configuration"];
  }
}

function emptyPopulation(): { [G in LossGroup]: number } {
  return { nodes: 0, configuration: 0, endpoints: 0, ipam: 0 };
}

/** Nodes are counted in "configuration" as well. */
function sumOf({ configuration, endpoints, ipam }: Population): number {
  return configuration + endpoints + ipam;
}
