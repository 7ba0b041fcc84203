import { Worker } from "node:worker_threads";
import type { IpAddress } from "../../../protocol/types/ip-address.ts";
import type { TunnelPolicy } from "../../calc/policy-state.ts";
import type { HostRules } from "./render-tables.ts";
import type { FromRulesWorker, RulesWorkerOptions, ToRulesWorker } from "./rules-messages.ts";

/** Where the worker's entry stands: beside this file, as source or as bundle. The one place that knows. */
const RULES_WORKER_URL = new URL(
  import.meta.url.endsWith(".ts") ? "./rules-worker.ts" : "./rules-worker.js",
  import.meta.url,
);

const FIRST_RESTART_MILLISECONDS = 100;
const LONGEST_RESTART_MILLISECONDS = 10_000;

export type RulesWorkerClientOptions = {
  readonly worker: RulesWorkerOptions;
  readonly onMessage: (message: FromRulesWorker) => void;
  /** The worker died of a bug and a new one is started; the rules in the kernel stay. */
  readonly onCrash: (error: Error) => void;
};

/** The main thread's end of the rules worker: starts it, tells it the rules, and starts it again when it dies. */
export class RulesWorkerClient {
  readonly #options: RulesWorkerClientOptions;
  #worker: Worker | undefined;
  #rules: (ToRulesWorker & { readonly type: "rules" }) | undefined;
  #tunnels: (ToRulesWorker & { readonly type: "tunnels" }) | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #restartMilliseconds = FIRST_RESTART_MILLISECONDS;
  #stopped: PromiseWithResolvers<void> | undefined;

  constructor(options: RulesWorkerClientOptions) {
    this.#options = options;
    this.#start();
  }

  /** What shall be in force from now on. */
  enforce(rules: HostRules, addresses: readonly IpAddress[]): void {
    this.#rules = { type: "rules", rules, addresses };
    this.#post(this.#rules);
  }

  /** What is known of tunnels while it is not known what shall be in force. */
  guardTunnels(tunnels: TunnelPolicy): void {
    this.#tunnels = { type: "tunnels", tunnels };
    this.#post(this.#tunnels);
  }

  /** Ends the worker for good; resolves when it has said its last word. The rules stay unless `cleanup`. */
  stop({ cleanup }: { readonly cleanup: boolean }): Promise<void> {
    if (this.#stopped !== undefined) return this.#stopped.promise;
    this.#stopped = Promise.withResolvers<void>();
    clearTimeout(this.#restartTimer);
    // A cleanup is owed even when the worker is just dead.
    if (this.#worker === undefined && cleanup) this.#start();
    if (this.#worker === undefined) this.#stopped.resolve();
    else this.#post({ type: "stop", cleanup });
    return this.#stopped.promise;
  }

  #start(): void {
    const worker = new Worker(RULES_WORKER_URL, { name: "rules-worker" });
    this.#worker = worker;
    let cause: Error | undefined;
    worker.on("message", (message: FromRulesWorker) => this.#options.onMessage(message));
    worker.on("error", (error: Error) => {
      cause = error;
    });
    worker.on("exit", (code) => {
      this.#worker = undefined;
      this.#ended(
        cause ?? (code === 0 ? undefined : new Error(`the rules worker exited: ${code}`)),
      );
    });
    this.#post({ type: "start", options: this.#options.worker });
    if (this.#rules !== undefined) this.#post(this.#rules);
    else if (this.#tunnels !== undefined) this.#post(this.#tunnels);
  }

  #post(message: ToRulesWorker): void {
    this.#worker?.postMessage(message);
  }

  #ended(error: Error | undefined): void {
    if (error !== undefined) this.#options.onCrash(error);
    if (this.#stopped !== undefined) {
      this.#stopped.resolve();
      return;
    }
    this.#restartTimer = setTimeout(() => this.#start(), this.#restartMilliseconds);
    this.#restartMilliseconds = Math.min(
      2 * this.#restartMilliseconds,
      LONGEST_RESTART_MILLISECONDS,
    );
  }
}
