import type { Origination } from "../../protocol/speaker/speaker-config.ts";
import type { HostState } from "../calc/host-state.ts";
import { drained } from "./drain.ts";
import type { EventLog } from "./event-log.ts";
import type { HostStateSource } from "./host-follower.ts";
import { presentOriginations } from "./present-originations.ts";

type HostRoutes = Pick<HostState, "originations" | "workloads">;

export type HostOriginationsOptions = {
  readonly log: EventLog;
  /** Interfaces of workloads whose routes are in the kernel; undefined while nobody knows. */
  readonly ready: () => ReadonlySet<string> | undefined;
  /** Interfaces whose workloads are on their way out. */
  readonly withdrawn: () => ReadonlySet<string>;
  /** Takes all of them each time. */
  readonly tell: (routes: readonly Origination[]) => void;
};

/**
 * What this host announces of its own: what it should be, less what it cannot deliver to now, in the words of a host that is in
 * service or of one that leaves it. Before both the host's state and the kernel's first report are known, nothing is said.
 */
export class HostOriginations {
  readonly #options: HostOriginationsOptions;
  #host: HostRoutes | undefined;
  #source: HostStateSource = "datastore";
  #draining = false;
  /** Originations that wait for their interface. */
  #absent = 0;

  constructor(options: HostOriginationsOptions) {
    this.#options = options;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Asks peers to take other ways than through this host, or no longer. RFC 8326. */
  drain({ on }: { readonly on: boolean }): void {
    this.#options.log.log("info", "operator.drain", { on });
    this.#draining = on;
    this.update();
  }

  setHost(host: HostRoutes, source: HostStateSource): void {
    this.#host = host;
    this.#source = source;
    this.update();
  }

  /** The kernel, or the workloads on their way out, changed. */
  update(): void {
    const ready = this.#options.ready();
    if (this.#host === undefined || ready === undefined) return;
    const withdrawn = this.#options.withdrawn();
    const staying = new Set([...ready].filter((name) => !withdrawn.has(name)));
    const routes = presentOriginations(this.#host, staying, this.#source);
    this.#noteAbsent(this.#host.originations.length - routes.length);
    this.#options.tell(this.#draining ? drained(routes) : routes);
  }

  #noteAbsent(count: number): void {
    if (count !== this.#absent) this.#options.log.log("info", "workloads.absent", { count });
    this.#absent = count;
  }
}
