import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { PendingChange } from "../kernel/link-driver.ts";
import type { LinkTable } from "../kernel/link-table.ts";
import type { RouteDriver } from "../kernel/route-driver.ts";
import type { NextHopResolver } from "./next-hop-resolver.ts";
import { metricOf, ownResolvingRoutes, ownRoutes, staticGateways } from "./own-routes.ts";
import { type ReadyChange, ReadyWorkloads } from "./ready-workloads.ts";
import type { LocalDataplane } from "./route-worker-messages.ts";
import type { Tunnels } from "./tunnels.ts";
import type { WorkloadInterfaces } from "./workload-interfaces.ts";

/** What a LocalHost is made of: it gives routes to the driver and the resolver, and looks only at the links and tunnels. */
export type LocalHostParts = {
  readonly workloads: WorkloadInterfaces;
  readonly driver: RouteDriver;
  readonly resolver: NextHopResolver;
  readonly links: LinkTable;
  readonly tunnels: Tunnels;
};

/**
 * What this host is by itself, whatever peers say: the interfaces of its workloads, its own routes (to them, to peers, into
 * blackholes), and the sysctls that both need on them and on its uplinks. Uplinks follow from routes and routes from interfaces,
 * so whoever sees either change asks for `apply` again, until `hasOtherUplinks` is false.
 */
export class LocalHost {
  readonly #parts: LocalHostParts;
  readonly #ready = new ReadyWorkloads();
  #desired: LocalDataplane | undefined;
  #gateways: ReadonlySet<IpAddress> = new Set();
  /** The uplinks that the host was last set up for. */
  #appliedUplinks: readonly string[] = [];
  #interfacesPending: readonly PendingChange[] = [];
  #routesPending: readonly PendingChange[] = [];

  constructor(parts: LocalHostParts) {
    this.#parts = parts;
  }

  /** Whether the host was told what it should be. */
  get isKnown(): boolean {
    return this.#desired !== undefined;
  }

  /** The kernel metric of learned routes. */
  learnedMetric(family: Family): number {
    if (this.#desired === undefined) throw new Error("no metric is known yet");
    const { ipv4, ipv6 } = this.#desired.routeMetric;
    return family === IPV4_UNICAST ? ipv4 : ipv6;
  }

  /** The whole desired set. */
  setDesired(desired: LocalDataplane): void {
    this.#desired = desired;
    this.#gateways = new Set(staticGateways(desired));
    const { driver, workloads } = this.#parts;
    for (const family of [IPV4_UNICAST, IPV6_UNICAST])
      driver.setLearnedMetric(family, this.learnedMetric(family));
    workloads.setDesired(desired.workloads);
  }

  /** Interfaces of workloads first: only what is there and up can be routed to. */
  apply(): void {
    if (this.#desired === undefined) return;
    const { workloads, resolver } = this.#parts;
    const uplinks = this.#uplinks();
    this.#appliedUplinks = uplinks;
    this.#interfacesPending = workloads.apply({ uplinks });
    resolver.setOwnRoutes(ownResolvingRoutes(this.#desired, workloads.routes().reachable));
    this.#applyRoutes(this.#desired);
  }

  /** Whether a static route of this host leads over the next hop. */
  usesNextHop(nextHop: IpAddress): boolean {
    return this.#gateways.has(nextHop);
  }

  /** These next hops lead elsewhere now. */
  nextHopsChanged(nextHops: readonly IpAddress[]): void {
    const concerned = nextHops.some((nextHop) => this.#gateways.has(nextHop));
    if (this.#desired !== undefined && concerned) this.#applyRoutes(this.#desired);
  }

  /** A new next hop seldom lies behind a new interface: a full feed brings thousands, and the host is set up once. */
  hasOtherUplinks(): boolean {
    return this.#uplinks().join() !== this.#appliedUplinks.join();
  }

  /** Which workloads this host has begun or ceased to deliver to: only these may be announced. */
  takeReadyChange(): ReadyChange | undefined {
    const desired = this.#desired;
    if (desired === undefined) return undefined;
    const { workloads, driver, links } = this.#parts;
    return this.#ready.update(workloads.routes().reachable, {
      isInstalled: (prefix) => driver.isInstalled(prefix, metricOf(desired, prefix)),
      nameOf: (index) => links.byIndex(index)?.name,
    });
  }

  /** What could not be made, and why. */
  pending(): readonly PendingChange[] {
    return [...this.#interfacesPending, ...this.#routesPending];
  }

  #uplinks(): readonly string[] {
    const { resolver, links, tunnels } = this.#parts;
    const uplinks = [...resolver.uplinks()].flatMap((index) => links.byIndex(index)?.name ?? []);
    return [...new Set([...uplinks, ...tunnels.names()])].sort();
  }

  #applyRoutes(desired: LocalDataplane): void {
    const { workloads, driver, resolver } = this.#parts;
    const { reachable, pending: refused } = workloads.routes();
    const { bySource, pending } = ownRoutes(desired, reachable, resolver);
    driver.setOwnRoutes("local", bySource.local);
    driver.setOwnRoutes("static", bySource.static);
    driver.setOwnRoutes("blackhole", bySource.blackhole);
    this.#routesPending = [...refused, ...pending];
  }
}
