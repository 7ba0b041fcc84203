import { Worker } from "node:worker_threads";
import type { BestRouteBatch } from "../../protocol/rib/best-route-batch.ts";
import type { Family } from "../../protocol/types/family.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type {
  FromRouteWorker,
  LocalDataplane,
  RouteWorkerOptions,
  ToRouteWorker,
} from "./route-worker-messages.ts";

/** Where the worker's entry stands: beside this file, as source or as bundle. The one place that knows. */
export const ROUTE_WORKER_URL = new URL(
  import.meta.url.endsWith(".ts") ? "./route-worker.ts" : "./route-worker.js",
  import.meta.url,
);

const FIRST_RESTART_MILLISECONDS = 100;
const LONGEST_RESTART_MILLISECONDS = 10_000;
/** A worker that ran this long had a good start: the next crash is restarted quickly again. */
const GOOD_START_MILLISECONDS = 30_000;

/** How a RouteWorkerClient is made. */
export type RouteWorkerClientOptions = {
  readonly worker: RouteWorkerOptions;
  /** Every message of the worker, in order. */
  readonly onMessage: (message: FromRouteWorker) => void;
  /**
   * The worker died of a bug, and a new one is started after `restartMilliseconds`. Kernel routes stay; what was posted
   * last is repeated to the new worker, except best routes: begin a new generation of each family at its `ready`.
   */
  readonly onCrash: (crash: RouteWorkerCrash) => void;
  readonly url?: URL;
};

/** What is known about a worker that ended by itself. */
export type RouteWorkerCrash = { readonly error: Error; readonly restartMilliseconds: number };

/**
 * The main thread's end of the kernel worker: starts it, posts desired state, hands on what it reports, and starts it
 * again when it dies. Whole desired sets are remembered here, because a fresh worker knows nothing.
 */
export class RouteWorkerClient {
  readonly #options: RouteWorkerClientOptions;
  #worker: Worker | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #restartMilliseconds = FIRST_RESTART_MILLISECONDS;
  #local: LocalDataplane | undefined;
  #tunnels: (ToRouteWorker & { readonly type: "tunnels" }) | undefined;
  #tracked: ReadonlySet<IpAddress> = new Set();
  /** Families swept once; after a restart they are swept again as soon as a whole generation went over. */
  readonly #swept = new Set<Family>();
  readonly #sweepAgain = new Set<Family>();
  /** The last generation that each family's batches had, and the one that died with a worker. */
  readonly #generation = new Map<Family, number>();
  readonly #deadGeneration = new Map<Family, number>();
  #stopping = false;
  #stopped: Promise<void> | undefined;
  #resolveStopped: (() => void) | undefined;

  constructor(options: RouteWorkerClientOptions) {
    this.#options = options;
    this.#start();
  }

  /** Posts desired state; a batch's arrays are transferred and must not be used afterwards. Posts to a dead worker are remembered or superseded, never queued. */
  post(
    message: Exclude<ToRouteWorker, { readonly type: "start" | "stop" | "trackNextHops" }>,
  ): void {
    if (message.type === "local") this.#local = message.local;
    if (message.type === "tunnels") this.#tunnels = message;
    if (message.type === "sweep") this.#swept.add(message.family);
    if (message.type !== "bestRoutes") this.#worker?.postMessage(message);
    else this.#postBatch(message.batch);
  }

  /** Sets all next hops to follow. The worker hears the difference: a feed brings dozens to the thousands that are there. */
  trackNextHops(nextHops: readonly IpAddress[]): void {
    const before = this.#tracked;
    const now = new Set(nextHops);
    this.#tracked = now;
    this.#worker?.postMessage({
      type: "trackNextHops",
      added: nextHops.filter((nextHop) => !before.has(nextHop)),
      removed: [...before].filter((nextHop) => !now.has(nextHop)),
    } satisfies ToRouteWorker);
  }

  /** Ends the worker for good; resolves when it has said its last word. Routes stay unless `cleanup`. */
  stop({ cleanup }: { readonly cleanup: boolean }): Promise<void> {
    if (this.#stopped !== undefined) return this.#stopped;
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    this.#stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
    // A cleanup is owed even when the worker is just dead.
    if (this.#worker === undefined && cleanup) this.#start();
    if (this.#worker === undefined) this.#resolveStopped?.();
    else this.#worker.postMessage({ type: "stop", cleanup } satisfies ToRouteWorker);
    return this.#stopped;
  }

  #start(): void {
    const worker = new Worker(this.#options.url ?? ROUTE_WORKER_URL, { name: "route-worker" });
    this.#worker = worker;
    const startedAt = performance.now();
    let error: Error | undefined;
    worker.on("message", (message: FromRouteWorker) => this.#options.onMessage(message));
    worker.on("error", (cause: Error) => {
      error = cause;
    });
    worker.on("exit", (code) => {
      this.#worker = undefined;
      if (performance.now() - startedAt > GOOD_START_MILLISECONDS)
        this.#restartMilliseconds = FIRST_RESTART_MILLISECONDS;
      this.#ended(error ?? new Error(`the route worker exited with ${code}`), code);
    });
    this.#repeat();
  }

  #repeat(): void {
    const repeated: (ToRouteWorker | undefined)[] = [
      { type: "start", options: this.#options.worker },
      this.#tunnels,
      this.#local && { type: "local", local: this.#local },
      { type: "trackNextHops", added: [...this.#tracked], removed: [] },
    ];
    for (const message of repeated) if (message) this.#worker?.postMessage(message);
  }

  #postBatch(batch: BestRouteBatch): void {
    this.#generation.set(batch.family, batch.generation);
    // The rest of a generation that began with the dead worker is not a whole table: taken for one, it would empty the kernel.
    if (this.#deadGeneration.get(batch.family) === batch.generation) return;
    this.#worker?.postMessage({ type: "bestRoutes", batch } satisfies ToRouteWorker, [
      ...new Set([batch.addresses.buffer, batch.lengths.buffer, batch.nextHopSets.buffer]),
    ]);
    if (!batch.complete || !this.#sweepAgain.delete(batch.family)) return;
    this.#worker?.postMessage({ type: "sweep", family: batch.family } satisfies ToRouteWorker);
  }

  #ended(error: Error, code: number): void {
    if (this.#stopping) {
      if (code !== 0)
        this.#options.onCrash({ error, restartMilliseconds: Number.POSITIVE_INFINITY });
      this.#resolveStopped?.();
      return;
    }
    const restartMilliseconds = this.#restartMilliseconds;
    this.#restartMilliseconds = Math.min(2 * restartMilliseconds, LONGEST_RESTART_MILLISECONDS);
    for (const family of this.#swept) this.#sweepAgain.add(family);
    for (const [family, generation] of this.#generation)
      this.#deadGeneration.set(family, generation);
    this.#restartTimer = setTimeout(() => this.#start(), restartMilliseconds);
    this.#options.onCrash({ error, restartMilliseconds });
  }
}
