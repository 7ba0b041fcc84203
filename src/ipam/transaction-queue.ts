import { type Datastore, DatastoreError } from "../datastore/datastore.ts";
import { IpamTransaction } from "./ipam-transaction.ts";
import { KnownObjects } from "./known-objects.ts";
import { type IpamSettings, readSettings } from "./settings.ts";

export type QueueOptions = {
  readonly datastore: Datastore;
  /** As somebody follows them; undefined when they must be read. */
  readonly settings: () => IpamSettings | undefined;
  readonly now: () => number;
};

/** What a plan may use; it writes into the transaction, and what it returns is true if that is committed. */
export type Planning = {
  readonly transaction: IpamTransaction;
  readonly settings: IpamSettings;
  readonly now: number;
};

export type Plan<Result> = {
  readonly make: (planning: Planning) => Promise<Result>;
  /** A result that should not be told before it was found with nothing but what was read just now: a refusal. */
  readonly isDoubtful?: (result: Result) => boolean;
  /** Shares its transaction with no other plan, and is made of nothing but what is read for it. */
  readonly isAlone?: true;
};

/** As often as Calico's client. */
const MOST_TRIES = 100;
/** Plans that share a transaction; it may hold 64 writes, and most plans need one and a share of another. */
const MOST_TOGETHER = 48;

/**
 * Carries plans out, one transaction after another. Plans that come while one is on its way wait and then go together: a
 * host that starts a hundred workloads asks etcd a few times, not a hundred. Each is planned on what those before it in the
 * transaction have left. If someone else was quicker, all of it is read and planned anew.
 */
export class TransactionQueue {
  readonly #options: QueueOptions;
  readonly #known = new KnownObjects();
  #waiting: Job[] = [];
  #busy = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  async run<Result>(plan: Plan<Result>): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({
      tries: 0,
      alone: plan.isAlone === true,
      make: async (planning) => {
        const result = await plan.make(planning);
        const doubtful = plan.isDoubtful?.(result) === true;
        return { doubtful, settle: () => resolve(result) };
      },
      fail: reject,
    });
    void this.#work();
    return promise;
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const jobs = this.#next();
      try {
        await this.#carryOut(jobs);
      } catch (error) {
        this.#known.clear();
        for (const job of jobs) job.fail(error);
      }
    }
    this.#busy = false;
  }

  /** One that must be alone, or as many others as may go together. */
  #next(): readonly Job[] {
    const [first] = this.#waiting;
    const count = first?.alone ? 1 : this.#waiting.findIndex(({ alone }) => alone);
    const jobs = this.#waiting.slice(0, Math.min(count < 0 ? MOST_TOGETHER : count, MOST_TOGETHER));
    this.#waiting = this.#waiting.slice(jobs.length);
    return jobs;
  }

  async #carryOut(jobs: readonly Job[]): Promise<void> {
    const { datastore } = this.#options;
    const fresh = jobs.some(({ tries, alone }) => tries > 0 || alone);
    const transaction = new IpamTransaction({ datastore, known: this.#known, fresh });
    // A pool that was made a moment ago may not have been followed yet, and what is doubted is asked of the store.
    const followed = fresh ? undefined : this.#options.settings();
    const settings = followed ?? (await readSettings(datastore));
    const planning = { transaction, settings, now: this.#options.now() };
    const planned: Planned[] = [];
    const again: Job[] = [];
    for (const job of jobs) {
      const isFirst = planned.length === 0;
      const made = await this.#plan(job, planning, { isFirst, isFollowed: followed !== undefined });
      if (made === undefined) again.push({ ...job, alone: true });
      else planned.push(made);
    }
    const written = await transaction.commit();
    // Not before: whoever is told of an error must not be served afterwards.
    for (const job of again.toReversed()) this.#again(job);
    if (written) for (const { settle } of planned) settle();
    else for (const { job } of planned.toReversed()) this.#again({ ...job, tries: job.tries + 1 });
  }

  /** Undefined for a plan that must be made again, alone: it does not fit, or rests on what may not be so. */
  async #plan(
    job: Job,
    planning: Planning,
    { isFirst, isFollowed }: { readonly isFirst: boolean; readonly isFollowed: boolean },
  ): Promise<Planned | undefined> {
    const { transaction } = planning;
    const before = transaction.save();
    const { doubtful, settle } = await job.make(planning);
    const isGuessed = transaction.guessed || isFollowed || !isFirst;
    if (!(doubtful && isGuessed) && (isFirst || transaction.fits)) return { job, settle };
    transaction.restore(before);
    return undefined;
  }

  /** To the front: it has waited. */
  #again(job: Job): void {
    if (job.tries < MOST_TRIES) this.#waiting.unshift(job);
    else job.fail(new DatastoreError("IPAM's objects are written by others all the time"));
  }
}

type Job = {
  readonly tries: number;
  readonly alone: boolean;
  readonly make: (
    planning: Planning,
  ) => Promise<{ readonly doubtful: boolean; readonly settle: () => void }>;
  readonly fail: (error: unknown) => void;
};

type Planned = { readonly job: Job; readonly settle: () => void };
