import { join } from "node:path";
import type { BestRouteBatch } from "../../protocol/rib/best-route-batch.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { unreachable } from "../../protocol/types/never.ts";
import type { PendingChange } from "../kernel/link-driver.ts";
import { LinkTable } from "../kernel/link-table.ts";
import { enterNetworkNamespace } from "../kernel/native/network-namespace.ts";
import type { KernelEvent } from "../kernel/netlink/kernel-event.ts";
import { GROUP } from "../kernel/netlink/netlink-constants.ts";
import { NetlinkMonitor } from "../kernel/netlink/netlink-monitor.ts";
import { NetlinkSocket } from "../kernel/netlink/netlink-socket.ts";
import { AUDIT_INTERVAL_SECONDS, RouteDriver } from "../kernel/route-driver.ts";
import { SysctlDriver } from "../kernel/sysctl-driver.ts";
import { BestRoutes } from "./best-routes.ts";
import { LocalHost } from "./local-host.ts";
import { NextHopFeed } from "./next-hop-feed.ts";
import { NextHopResolver } from "./next-hop-resolver.ts";
import { ProgressReport, type RouteSpeed } from "./progress-report.ts";
import { RetryTimer } from "./retry-timer.ts";
import type {
  FromRouteWorker,
  LocalDataplane,
  RouteStatus,
  RouteWorkerOptions,
  ToRouteWorker,
} from "./route-worker-messages.ts";
import { TimeShare } from "./time-share.ts";
import { Tunnels } from "./tunnels.ts";
import { WorkerReports } from "./worker-reports.ts";
import { WorkloadInterfaces } from "./workload-interfaces.ts";

/** So many routes are written before messages and notifications get their turn: some 20 ms. */
const SLICE_ROUTES = 4_000;
const PENDING_SAMPLE = 20;
const UNRESOLVED_SAMPLE = 100;
/** Confirming dumps may take this part of the thread's time: with a million routes one takes a second. */
const DUMP_TIME_SHARE = 0.1;

const MONITORED_GROUPS = [
  GROUP.link,
  GROUP.ipv4Address,
  GROUP.ipv6Address,
  GROUP.ipv4Route,
  GROUP.ipv6Route,
];

/** What has to be looked at again before routes are written. */
type Aspect = "tunnels" | "local" | "resolution" | "links";

/**
 * The whole dataplane of one host, as the worker thread runs it: messages in, messages out. Desired state comes from the
 * main thread, actual state from the kernel; either only marks what is dirty, and one loop (#slice) does in slices what
 * follows from it, in the order: what is there, what this host wants, what next hops resolve to, what differs.
 */
export class Dataplane {
  readonly #send: (message: FromRouteWorker) => void;
  /** Writes routes only; its own doings come back to nobody. */
  readonly #routeSocket: NetlinkSocket;
  readonly #hostSocket: NetlinkSocket;
  readonly #monitor: NetlinkMonitor;
  readonly #links = new LinkTable();
  readonly #resolver = new NextHopResolver();
  readonly #feed: NextHopFeed;
  readonly #driver: RouteDriver;
  readonly #reports: WorkerReports;
  readonly #bestRoutes: BestRoutes;
  readonly #workloads: WorkloadInterfaces;
  readonly #tunnels: Tunnels;
  readonly #local: LocalHost;
  readonly #progress = new ProgressReport((speed) => this.#report(speed));
  readonly #auditTimer: NodeJS.Timeout;

  /** What came before the first `local`: without it neither precedence nor metric is known. */
  readonly #early: ToRouteWorker[] = [];
  readonly #tracked = new Set<IpAddress>();
  readonly #dirty = new Set<Aspect>();
  #tunnelsPending: readonly PendingChange[] = [];
  #work: NodeJS.Immediate | undefined;
  readonly #retry = new RetryTimer(() => {
    this.#driver.retry();
    this.#lookAgainAt("tunnels", "local");
  });
  readonly #dumps = new TimeShare(DUMP_TIME_SHARE, () => this.#wake());

  constructor(options: RouteWorkerOptions, send: (message: FromRouteWorker) => void) {
    this.#send = send;
    if (options.networkNamespace !== undefined) enterNetworkNamespace(options.networkNamespace);
    const { routeProtocol, table } = options;
    this.#reports = new WorkerReports({ send, links: this.#links, resolver: this.#resolver });
    this.#routeSocket = new NetlinkSocket();
    this.#hostSocket = new NetlinkSocket();
    this.#feed = new NextHopFeed({ resolver: this.#resolver, links: this.#links, routeProtocol });
    this.#driver = new RouteDriver({ socket: this.#routeSocket, protocol: routeProtocol, table });
    this.#tunnels = new Tunnels({ socket: this.#hostSocket, links: this.#links });
    this.#bestRoutes = new BestRoutes(this.#driver, this.#resolver, this.#tunnels);
    this.#workloads = new WorkloadInterfaces({
      socket: this.#hostSocket,
      links: this.#links,
      protocol: routeProtocol,
      sysctls: new SysctlDriver({ stateFile: join(options.stateDirectory, "sysctls.json") }),
    });
    this.#local = new LocalHost({
      ...{ workloads: this.#workloads, tunnels: this.#tunnels, links: this.#links },
      ...{ driver: this.#driver, resolver: this.#resolver },
    });
    // Listening begins before the first dump, so that nothing falls between them.
    this.#monitor = new NetlinkMonitor({
      groups: MONITORED_GROUPS,
      ignorePortIds: [this.#routeSocket.portId],
      onEvent: (event) => this.#handleKernelEvent(event),
      onOverrun: () => this.#audit("overrun"),
      onError: (error) => {
        throw error;
      },
    });
    this.#auditTimer = setInterval(() => this.#audit("interval"), AUDIT_INTERVAL_SECONDS * 1000);
    this.#adopt();
  }

  /** Work that was begun waits for its next slice. */
  get isBusy(): boolean {
    return this.#work !== undefined;
  }

  handle(message: ToRouteWorker): void {
    const needsLocal = message.type === "bestRoutes" || message.type === "sweep";
    if (needsLocal && !this.#local.isKnown) {
      this.#early.push(message);
      return;
    }
    switch (message.type) {
      case "start":
        throw new Error("the dataplane is started once");
      case "bestRoutes":
        this.#handleBestRoutes(message.batch);
        break;
      case "local":
        this.#handleLocal(message.local);
        break;
      case "tunnels":
        this.#tunnels.setDesired(message.tunnels, message.guard);
        this.#lookAgainAt("tunnels");
        break;
      case "trackNextHops":
        this.#track(message.added, message.removed);
        break;
      case "sweep":
        this.#sweep(message.family);
        break;
      case "stop":
        this.#stop(message.cleanup);
        break;
      default:
        unreachable(message);
    }
  }

  #adopt(): void {
    const found = this.#driver.adopt();
    this.#feed.loadLinks(this.#hostSocket);
    this.#feed.loadRoutes(this.#hostSocket);
    const preserved: Family[] = [];
    if (found.ipv4 > 0) preserved.push(IPV4_UNICAST);
    if (found.ipv6 > 0) preserved.push(IPV6_UNICAST);
    this.#reports.log("info", "routes.adopted", found);
    this.#send({ type: "ready", preserved, ownAddresses: this.#reports.ownAddresses() });
    this.#reports.links();
  }

  #handleBestRoutes(batch: BestRouteBatch): void {
    this.#bestRoutes.handle(batch, { metric: this.#local.learnedMetric(batch.family) });
    this.#wake();
  }

  #handleLocal(local: LocalDataplane): void {
    this.#local.setDesired(local);
    for (const message of this.#early.splice(0)) this.handle(message);
    this.#lookAgainAt("local", "resolution");
  }

  #sweep(family: Family): void {
    this.#bestRoutes.sweep(family);
    this.#workloads.sweep();
    this.#tunnels.sweep();
    this.#lookAgainAt("local");
  }

  /** Devices first; what goes through them knows them by the numbers that links have. */
  #applyTunnels(): void {
    this.#tunnelsPending = this.#tunnels.apply();
    // Our own devices are news from the kernel like any other, but a route may need them before that comes.
    this.#feed.loadLinks(this.#hostSocket);
    this.#bestRoutes.tunnelsChanged();
    this.#dirty.add("local");
  }

  /** Next hops that are new get their first answer now, whatever it is. */
  #track(added: readonly IpAddress[], removed: readonly IpAddress[]): void {
    for (const nextHop of added) this.#tracked.add(nextHop);
    for (const nextHop of removed) this.#tracked.delete(nextHop);
    // What came before counts: a static route of ours resolves its peer from the first answer on.
    if (this.#dirty.delete("local")) this.#applyLocal();
    if (this.#dirty.delete("resolution")) this.#refreshNextHops();
    this.#reports.nextHops(added);
    this.#followUplinks();
    this.#wake();
  }

  #handleKernelEvent(event: KernelEvent): void {
    const change = this.#feed.handle(event);
    if (change.down !== undefined) this.#reports.interfaceDown(change.down);
    if (change.resolution) this.#dirty.add("resolution");
    if (change.links) {
      this.#dirty.add("links").add("local");
      this.#driver.retry();
    }
    if (this.#tunnels.isConcernedBy(event)) this.#dirty.add("tunnels");
    const driverHasWork = this.#driver.handle(event);
    if (change.resolution || change.links || driverHasWork) this.#wake();
  }

  #audit(reason: "interval" | "overrun"): void {
    this.#reports.log(reason === "overrun" ? "warn" : "debug", "kernel.audit", { reason });
    for (const down of this.#feed.loadLinks(this.#hostSocket)) this.#reports.interfaceDown(down);
    this.#feed.loadRoutes(this.#hostSocket);
    this.#driver.audit();
    this.#workloads.audit();
    this.#tunnels.audit();
    this.#lookAgainAt("tunnels", "local", "resolution", "links");
  }

  #lookAgainAt(...aspects: readonly Aspect[]): void {
    for (const aspect of aspects) this.#dirty.add(aspect);
    this.#wake();
  }

  #wake(): void {
    this.#progress.workArrived();
    this.#work ??= setImmediate(() => {
      this.#work = undefined;
      this.#slice();
    });
  }

  #slice(): void {
    if (this.#feed.routesAreDoubtful) this.#confirmRoutes();
    if (this.#dirty.delete("tunnels")) this.#applyTunnels();
    if (this.#dirty.delete("local")) this.#applyLocal();
    if (this.#dirty.delete("resolution")) this.#refreshNextHops();
    if (this.#dirty.delete("links")) this.#reports.links();
    const progress = this.#driver.apply({ maxRoutes: SLICE_ROUTES });
    this.#progress.applied(progress);
    if (progress.remaining > 0) this.#wake();
    const ready = this.#local.takeReadyChange();
    if (ready !== undefined) this.#send({ type: "workloads", ...ready });
  }

  /** Others' routes are read again, soon but not all the time. */
  #confirmRoutes(): void {
    const confirmed = this.#dumps.run(() => this.#feed.loadRoutes(this.#hostSocket));
    if (confirmed) this.#dirty.add("resolution");
  }

  #applyLocal(): void {
    this.#local.apply();
    this.#dirty.add("resolution");
  }

  #followUplinks(): void {
    if (this.#local.hasOtherUplinks()) this.#dirty.add("local");
  }

  #refreshNextHops(): void {
    // What routes use is followed as well, so this is seldom asked for.
    let used: ReadonlySet<IpAddress> | undefined;
    const isUsed = (nextHop: IpAddress) => {
      used ??= this.#bestRoutes.nextHops();
      return used.has(nextHop);
    };
    const changed = this.#resolver.refresh(
      (nextHop) =>
        this.#tracked.has(nextHop) || this.#local.usesNextHop(nextHop) || isUsed(nextHop),
    );
    if (changed.length === 0) return;
    this.#followUplinks();
    this.#wake();
    this.#bestRoutes.nextHopsChanged(changed);
    this.#reports.resolutions(changed);
    const names = changed.map(({ nextHop }) => nextHop);
    this.#reports.nextHops(names.filter((nextHop) => this.#tracked.has(nextHop)));
    this.#local.nextHopsChanged(names);
  }

  #report(speed: RouteSpeed): void {
    const status = this.#status(speed);
    this.#send({ type: "progress", status });
    if (status.pendingCount > 0) this.#retry.schedule();
    else this.#retry.succeeded();
  }

  #stop(cleanup: boolean): void {
    clearInterval(this.#auditTimer);
    this.#retry.stop();
    this.#dumps.stop();
    this.#progress.stop();
    clearImmediate(this.#work);
    this.#monitor.close();
    if (cleanup) this.#cleanUp();
    this.#routeSocket.close();
    this.#hostSocket.close();
    this.#send({ type: "stopped" });
  }

  #cleanUp(): void {
    this.#driver.removeAll();
    while (this.#driver.apply().remaining > 0);
    this.#links.load(this.#hostSocket);
    const left = [...this.#tunnels.cleanUp(), ...this.#workloads.cleanUp()];
    const { pending } = this.#driver.status({ pendingLimit: PENDING_SAMPLE });
    for (const { what, reason } of left)
      this.#reports.log("error", "cleanup.failed", { what, reason });
    for (const { route, reason } of pending)
      this.#reports.log("error", "cleanup.failed", { what: route, reason });
  }

  #status(speed: RouteSpeed): RouteStatus {
    const routes = this.#driver.status({ pendingLimit: PENDING_SAMPLE });
    const others = [...this.#tunnelsPending, ...this.#local.pending()].map(({ what, reason }) => ({
      route: what,
      reason,
    }));
    const followed = new Set([...this.#tracked, ...this.#bestRoutes.nextHops()]);
    const unresolved = [...followed].filter((one) => !this.#resolver.resolution(one).reachable);
    return {
      desired: routes.desired,
      installed: routes.installed,
      pendingCount: routes.pendingCount + others.length,
      pending: [...others, ...routes.pending].slice(0, PENDING_SAMPLE),
      unresolvedNextHops: unresolved.slice(0, UNRESOLVED_SAMPLE),
      ...speed,
    };
  }
}
