import type { BestRouteBatch } from "../../protocol/rib/best-route-batch.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { parseIpAddress } from "../../protocol/types/ip-address.ts";
import { unreachable } from "../../protocol/types/never.ts";
import type { KernelReport } from "../api/api-types.ts";
import type { HostState } from "../calc/host-state.ts";
import type { TunnelGuard } from "../calc/policy-state.ts";
import type { HostTunnels } from "../calc/tunnel-state.ts";
import { RouteWorkerClient } from "../dataplane/route-worker-client.ts";
import type {
  FromRouteWorker,
  InterfaceState,
  RouteStatus,
  RouteWorkerOptions,
} from "../dataplane/route-worker-messages.ts";
import type { EventLog } from "./event-log.ts";
import { NO_DEVICES } from "./tunnel-guard.ts";

/** What the kernel worker found at its start. */
export type KernelReady = Pick<FromRouteWorker & { readonly type: "ready" }, "preserved">;

export type KernelLinkOptions = {
  readonly worker: RouteWorkerOptions;
  readonly log: EventLog;
  /** First start only: what an earlier process left behind. */
  readonly onReady: (ready: KernelReady) => void;
  /** The worker takes best routes again, after a time when it did not. */
  readonly onAccepting: () => void;
  /** A new worker knows nothing: best routes must be listed again. */
  readonly onForgotten: () => void;
  readonly onNextHops: (message: FromRouteWorker & { readonly type: "nextHops" }) => void;
  readonly onInterfaceDown: (message: FromRouteWorker & { readonly type: "interfaceDown" }) => void;
  /** Interfaces of this host came, went or changed, or the workloads that it delivers to. */
  readonly onInterfaces: () => void;
  /** Addresses of this host changed. */
  readonly onOwnAddresses: (addresses: readonly IpAddress[]) => void;
};

/** Batches under way to the worker; while it is busy with the kernel, more would only grow old in a queue. */
const BATCHES_UNDER_WAY = 16;

const NOTHING_YET: RouteStatus = {
  desired: 0,
  installed: 0,
  pendingCount: 0,
  pending: [],
  unresolvedNextHops: [],
  routesPerSecond: 0,
  lagMilliseconds: 0,
};

/** The agent's view of the kernel worker: what it was told, what it said, and whether it lives. */
export class KernelLink {
  readonly #options: KernelLinkOptions;
  readonly #client: RouteWorkerClient;
  #state: KernelReport["state"] = "starting";
  #detail: string | undefined;
  #status = NOTHING_YET;
  #interfaces: readonly InterfaceState[] | undefined;
  #readyWorkloads: Set<string> | undefined;
  /** A new worker tells everything anew; until then its predecessor's word counts, because the routes stayed. */
  #readyWorkloadsAreOld = false;
  #wasReady = false;
  #programsLearned = true;
  #tunnels: HostTunnels | undefined;
  #routeMetric: HostState["routeMetric"] | undefined;
  #guard = NO_DEVICES;
  #batchesUnderWay = 0;

  constructor(options: KernelLinkOptions) {
    this.#options = options;
    this.#client = new RouteWorkerClient({
      worker: options.worker,
      onMessage: (message) => this.#onMessage(message),
      onCrash: ({ error, restartMilliseconds }) => {
        this.#state = "failed";
        this.#detail = error.message;
        options.log.log("error", "kernel.crashed", {
          error: error.stack ?? error.message,
          restartMilliseconds,
        });
      },
    });
  }

  installLocal(host: HostState): void {
    const { workloads, blackholes, staticRoutes, routeMetric } = host;
    const local = { workloads, blackholes, staticRoutes, routeMetric };
    this.#installTunnels(host.tunnels);
    this.#client.post({ type: "local", local });
    this.#notePriorities(host.routeMetric);
    this.#programLearned(host.programsLearnedRoutes);
  }

  /** With another usual metric, other priorities are elevated ones: all routes are told again. */
  #notePriorities(metric: HostState["routeMetric"]): void {
    const before = this.#routeMetric;
    this.#routeMetric = metric;
    if (before === undefined || (before.ipv4 === metric.ipv4 && before.ipv6 === metric.ipv6))
      return;
    if (this.#wasReady && this.#programsLearned) this.#options.onForgotten();
  }

  /** False while enough batches are under way, and on a host that keeps learned routes out of its kernel. */
  get acceptsBestRoutes(): boolean {
    return this.#programsLearned && this.#batchesUnderWay < BATCHES_UNDER_WAY;
  }

  /** With other ranges, routes that were told of before may go another way now: all are told again, and replaced in place. */
  #installTunnels(tunnels: HostTunnels): void {
    const before = this.#tunnels;
    if (before === tunnels) return;
    this.#tunnels = tunnels;
    this.#client.post({ type: "tunnels", tunnels, guard: this.#guard });
    const sameRanges = before === undefined || before.pools === tunnels.pools;
    if (!sameRanges && this.#wasReady && this.#programsLearned) this.#options.onForgotten();
  }

  /** The packets of these tunnels are filtered: their devices may be made. */
  allowTunnels(guard: TunnelGuard): void {
    this.#guard = guard;
    if (this.#tunnels) this.#client.post({ type: "tunnels", tunnels: this.#tunnels, guard });
  }

  /** An empty table takes the place of what is there; afterwards nothing more is sent until it is wanted again. */
  #programLearned(wanted: boolean): void {
    if (this.#programsLearned === wanted) return;
    this.#programsLearned = wanted;
    if (wanted) {
      this.#options.onForgotten();
      this.#options.onAccepting();
    } else {
      for (const family of [IPV4_UNICAST, IPV6_UNICAST]) this.#postBatch(emptyTable(family));
    }
  }

  /** Also when it is not accepting: before a sweep, all that is wanted must have been said. */
  installBestRoutes(batch: BestRouteBatch): void {
    if (this.#programsLearned) this.#postBatch(batch);
  }

  #postBatch(batch: BestRouteBatch): void {
    this.#batchesUnderWay++;
    this.#client.post({ type: "bestRoutes", batch });
  }

  /** What the kernel has; undefined before the worker's first report. */
  get interfaces(): readonly InterfaceState[] | undefined {
    return this.#interfaces;
  }

  /** Interfaces of workloads whose routes are in the kernel; undefined before the worker's first word. */
  get readyWorkloads(): ReadonlySet<string> | undefined {
    return this.#readyWorkloads;
  }

  trackNextHops(nextHops: readonly IpAddress[]): void {
    this.#client.trackNextHops(nextHops);
  }

  sweep(family: Family): void {
    this.#client.post({ type: "sweep", family });
  }

  stop(options: { readonly cleanup: boolean }): Promise<void> {
    return this.#client.stop(options);
  }

  report(): KernelReport {
    return {
      state: this.#state,
      ...(this.#detail !== undefined && { detail: this.#detail }),
      ...this.#status,
      interfaces: this.#interfaces ?? [],
    };
  }

  #onMessage(message: FromRouteWorker): void {
    switch (message.type) {
      case "ready":
        this.#onReady(message);
        break;
      case "nextHops":
        this.#options.onNextHops(message);
        break;
      case "workloads":
        this.#onWorkloads(message);
        break;
      case "links":
        this.#interfaces = message.interfaces;
        this.#options.onOwnAddresses(addressesOf(message.interfaces));
        this.#options.onInterfaces();
        break;
      case "interfaceDown":
        this.#options.onInterfaceDown(message);
        break;
      case "progress":
        this.#status = message.status;
        break;
      case "bestRoutesTaken":
        this.#batchesUnderWay--;
        if (this.#batchesUnderWay === BATCHES_UNDER_WAY - 1) this.#options.onAccepting();
        break;
      case "log":
        this.#options.log.log(message.level, message.name, message.fields);
        break;
      case "stopped":
        this.#state = "stopped";
        break;
      default:
        unreachable(message);
    }
  }

  #onWorkloads({ ready, lost }: FromRouteWorker & { readonly type: "workloads" }): void {
    const known = this.#readyWorkloadsAreOld ? undefined : this.#readyWorkloads;
    this.#readyWorkloadsAreOld = false;
    const now = new Set([...(known ?? []), ...ready]);
    for (const name of lost) now.delete(name);
    this.#readyWorkloads = now;
    this.#options.onInterfaces();
  }

  #onReady({ preserved, ownAddresses }: FromRouteWorker & { readonly type: "ready" }): void {
    this.#state = "running";
    this.#detail = undefined;
    this.#batchesUnderWay = 0;
    this.#readyWorkloadsAreOld = true;
    this.#options.onOwnAddresses(ownAddresses);
    if (!this.#wasReady) this.#options.onReady({ preserved });
    else if (this.#programsLearned) this.#options.onForgotten();
    this.#wasReady = true;
  }
}

/** A whole table without a route: a generation that no reader of the change log ever gives. */
function emptyTable(family: Family): BestRouteBatch {
  return {
    family,
    generation: -1,
    complete: true,
    count: 0,
    addresses: new Uint32Array(0),
    lengths: new Uint8Array(0),
    nextHopSets: new Uint32Array(0),
    newNextHopSets: [],
  };
}

/** Addresses may come with their prefix length. */
function addressesOf(interfaces: readonly InterfaceState[]): IpAddress[] {
  return interfaces.flatMap(({ addresses }) =>
    addresses.flatMap((text) => parseIpAddress(text.replace(/\/.*$/, "")) ?? []),
  );
}
