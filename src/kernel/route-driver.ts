/*
 * The routes of one protocol number in one table, brought to a desired state (section 5 of the design). Synchronous and
 * without timers: its owner feeds wishes and notifications, calls apply() when there is work, retry() with back-off and
 * audit() every AUDIT_INTERVAL_SECONDS. One row a key (prefix, metric); we set no TOS, and routes that have one are none
 * of ours. No nexthop objects: the kernel flushes them, and all routes that use them, with their link and without a word
 * (ADR 27). The rows live in routes/family-routes.ts, the
 * reading of the kernel in routes/route-audit.ts.
 */
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { ipVersion } from "../../protocol/types/ip-address.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../protocol/types/prefix.ts";
import type { KernelEvent } from "./netlink/kernel-event.ts";
import type { LinkMessage } from "./netlink/link-codec.ts";
import type { RouteMessage } from "./netlink/route-codec.ts";
import type { RouteTarget } from "./route-target.ts";
import { FamilyRoutes } from "./routes/family-routes.ts";
import { kernelMetric, OwnWishes, prefixWords } from "./routes/own-wishes.ts";
import { RouteAudit } from "./routes/route-audit.ts";
import { NO_ROW, ROW } from "./routes/route-columns.ts";
import type { RouteSocket } from "./routes/route-socket.ts";

/** The sources of the host's own routes, which hand in their whole desired set at once. */
export type OwnRouteSource = "local" | "static" | "blackhole";

/** One route of a small set. Metric 0 is the kernel's default: 0 for IPv4, 1024 for IPv6. */
export type OwnRoute = {
  readonly prefix: Prefix;
  readonly metric: number;
  readonly target: RouteTarget;
};

/**
 * Changed routes in columns, for i < count: `addresses` holds one word a route for IPv4 and four for IPv6, most
 * significant first, host byte order; `gatewaySets[i]` is a number given to defineGatewaySets, or 0 for "no route".
 */
export type LearnedRouteBatch = {
  readonly family: Family;
  readonly metric: number;
  readonly count: number;
  readonly addresses: Uint32Array;
  readonly lengths: Uint8Array;
  readonly gatewaySets: Uint32Array;
};

/** What a gateway set means from now on; undefined: its next hops do not resolve, and its routes must go. */
export type GatewaySetDefinition = {
  readonly index: number;
  readonly target: RouteTarget | undefined;
  /** Its routes have this metric instead of the usual one; the same in every definition of a number. */
  readonly metric?: number;
};

/** What one call of apply did. `remaining` counts routes that it did not come to. */
export type ApplyProgress = {
  readonly written: number;
  readonly failed: number;
  readonly remaining: number;
};

/** For `tortie status`. */
export type RouteDriverStatus = {
  readonly desired: number;
  readonly installed: number;
  readonly pendingCount: number;
  readonly pending: readonly { readonly route: string; readonly reason: string }[];
};

/** Options of a RouteDriver. */
export type RouteDriverOptions = {
  readonly socket: RouteSocket;
  readonly protocol: number;
  readonly table: number;
};

/** The kernel does not tell everything; so often all is read again. */
export const AUDIT_INTERVAL_SECONDS = 90;

/** Brings the routes of one protocol number in one table to a desired state. */
export class RouteDriver {
  readonly #ipv4: RoutesOfFamily;
  readonly #ipv6: RoutesOfFamily;
  readonly #protocol: number;
  readonly #table: number;
  /** Interfaces whose routes must be read again, with the word whether they still exist. */
  readonly #changedInterfaces = new Map<number, { readonly exists: boolean }>();
  readonly #linkStates = new Map<number, string>();
  readonly #key = new Uint32Array(4);

  constructor(options: RouteDriverOptions) {
    this.#protocol = options.protocol;
    this.#table = options.table;
    this.#ipv4 = routesOfFamily(4, options);
    this.#ipv6 = routesOfFamily(6, options);
  }

  /** Dumps what an earlier process left; kept until `sweep`. Call it once, first. Answers how many there are by family. */
  adopt(): { readonly ipv4: number; readonly ipv6: number } {
    return { ipv4: this.#ipv4.audit.all(), ipv6: this.#ipv6.audit.all() };
  }

  /** Nobody else wants the adopted routes of this family any more: they go with the next apply. */
  sweep(family: Family): void {
    const { routes } = this.#of(family);
    const { columns } = routes;
    routes.swept = true;
    for (let row = 0; row < columns.end; row++) {
      if (((columns.state[row] as number) & ROW.adopted) === 0) continue;
      columns.state[row] = (columns.state[row] as number) & ~ROW.adopted;
      routes.enqueue(row);
    }
  }

  /** The whole desired set of a source. */
  setOwnRoutes(source: OwnRouteSource, wishes: readonly OwnRoute[]): void {
    this.#ipv4.own.set(source, wishes);
    this.#ipv6.own.set(source, wishes);
  }

  /**
   * Defines or redefines gateway sets; all routes that use them follow. All that changed, in one call. Both families
   * share the numbers; a number may be used anew only after forgetGatewaySets.
   */
  defineGatewaySets(definitions: readonly GatewaySetDefinition[]): void {
    this.#ipv4.routes.defineGatewaySets(definitions);
    this.#ipv6.routes.defineGatewaySets(definitions);
  }

  /** Forgets numbers that no route uses any more. */
  forgetGatewaySets(indexes: readonly number[]): void {
    this.#ipv4.routes.forgetGatewaySets(indexes);
    this.#ipv6.routes.forgetGatewaySets(indexes);
  }

  /** Changes of learned routes. */
  setLearnedRoutes(batch: LearnedRouteBatch): void {
    const { routes } = this.#of(batch.family);
    const { columns } = routes;
    const metric = kernelMetric(routes.version, batch.metric);
    for (let i = 0; i < batch.count; i++) {
      const length = batch.lengths[i] as number;
      const set = batch.gatewaySets[i] as number;
      const own = set === 0 ? metric : (routes.metricOf(set) ?? metric);
      const row = columns.findOrAdd(batch.addresses, i * columns.words, length, own);
      if (set !== 0) routes.learnedMetrics.note(own);
      if (routes.learnedMetrics.mayDifferFrom(own))
        this.#leaveOthers(routes, { batch, at: i, metric: own });
      columns.state[row] = (columns.state[row] as number) & ~ROW.oldGeneration;
      if (columns.learned[row] === set && set !== 0) continue;
      columns.learned[row] = set;
      routes.wishChanged(row);
    }
  }

  /** The learned routes of the family that have none of their own have this metric from now on: each is added anew before the old one goes. */
  setLearnedMetric(family: Family, metric: number): void {
    const { routes } = this.#of(family);
    const { columns } = routes;
    const usual = kernelMetric(routes.version, metric);
    // Rows that this adds lie beyond the end, or have the new metric already.
    for (let row = 0, { end } = columns; row < end; row++) {
      const set = columns.learned[row] as number;
      const wanted = set === 0 ? usual : (routes.metricOf(set) ?? usual);
      if (set === 0 || columns.metric[row] === wanted) continue;
      routes.learnedMetrics.note(wanted);
      const start = row * columns.words;
      this.#key.set(columns.address.subarray(start, start + columns.words));
      const length = columns.length[row] as number;
      const moved = columns.findOrAdd(this.#key, 0, length, wanted);
      const generation = (columns.state[row] as number) & ROW.oldGeneration;
      columns.state[moved] = (columns.state[moved] as number) | generation;
      columns.learned[moved] = set;
      columns.learned[row] = 0;
      routes.wishChanged(moved);
      routes.wishChanged(row);
    }
  }

  /** A learned route has one metric at a time: where it stood with another, it goes when the new one is there. */
  #leaveOthers(
    routes: FamilyRoutes,
    {
      batch,
      at,
      metric,
    }: { readonly batch: LearnedRouteBatch; readonly at: number; readonly metric: number },
  ): void {
    const { columns } = routes;
    for (const other of routes.learnedMetrics) {
      if (other === metric) continue;
      const length = batch.lengths[at] as number;
      const row = columns.find(batch.addresses, at * columns.words, length, other);
      if (row === NO_ROW || columns.learned[row] === 0) continue;
      columns.learned[row] = 0;
      columns.state[row] = (columns.state[row] as number) & ~ROW.oldGeneration;
      routes.wishChanged(row);
    }
  }

  /** Between begin and end the whole set of learned routes of the family is given; those not named are gone at end. */
  beginLearnedGeneration(family: Family): void {
    const { columns } = this.#of(family).routes;
    for (let row = 0; row < columns.end; row++) {
      if (columns.learned[row] === 0) continue;
      columns.state[row] = (columns.state[row] as number) | ROW.oldGeneration;
    }
  }

  endLearnedGeneration(family: Family): void {
    const { routes } = this.#of(family);
    const { columns } = routes;
    for (let row = 0; row < columns.end; row++) {
      if (((columns.state[row] as number) & ROW.oldGeneration) === 0) continue;
      columns.state[row] = (columns.state[row] as number) & ~ROW.oldGeneration;
      columns.learned[row] = 0;
      routes.wishChanged(row);
    }
  }

  /** Reads what must be read again, then writes what differs. Call again while `remaining` > 0. */
  apply(
    limit: { readonly maxRoutes: number } = { maxRoutes: Number.POSITIVE_INFINITY },
  ): ApplyProgress {
    const families = [this.#ipv4, this.#ipv6];
    for (const { audit } of families) {
      for (const [index, state] of this.#changedInterfaces) audit.interface(index, state);
    }
    this.#changedInterfaces.clear();
    let written = 0;
    let failed = 0;
    let remaining = 0;
    for (const { routes, audit } of families) {
      if (routes.auditNeeded) audit.all();
      const result = routes.write(limit.maxRoutes - written);
      if (routes.ownersUnknown) audit.findOwners();
      written += result.written;
      failed += result.failed;
      remaining += routes.queued + (routes.auditNeeded || routes.ownersUnknown ? 1 : 0);
    }
    return { written, failed, remaining };
  }

  /** Feeds a notification. Returns true when apply has work. */
  handle(event: KernelEvent): boolean {
    if (event.type === "route") this.#handleRoute(event, event.route);
    else if (event.type === "link") this.#handleLink(event.change, event.link);
    else if (event.type === "address") {
      if (event.change === "new") this.retry();
      else this.#changedInterfaces.set(event.address.interfaceIndex, { exists: true });
    }
    return this.hasWork;
  }

  get hasWork(): boolean {
    return (
      this.#changedInterfaces.size > 0 || this.#ipv4.routes.hasWork || this.#ipv6.routes.hasWork
    );
  }

  /** Re-reads all our routes at the next apply, and repairs: after an overrun, and every AUDIT_INTERVAL_SECONDS. */
  audit(): void {
    this.#ipv4.routes.auditNeeded = true;
    this.#ipv6.routes.auditNeeded = true;
    this.retry();
  }

  /** Tries again what the kernel refused. Call it with back-off; links that come up and new addresses do it too. */
  retry(): void {
    this.#ipv4.routes.retry();
    this.#ipv6.routes.retry();
  }

  /** Whether the kernel has what is wanted at this key; what waits, was refused or belongs to another is not there. */
  isInstalled(prefix: Prefix, metric: number): boolean {
    const { routes } = ipVersion(prefixAddress(prefix)) === 4 ? this.#ipv4 : this.#ipv6;
    const key = { length: prefixLength(prefix), metric: kernelMetric(routes.version, metric) };
    const row = routes.columns.find(prefixWords(prefix), 0, key.length, key.metric);
    return row !== NO_ROW && routes.wanted(row) !== 0 && routes.pendingReason(row) === undefined;
  }

  status({ pendingLimit }: { readonly pendingLimit: number }): RouteDriverStatus {
    let desired = 0;
    let installed = 0;
    let pendingCount = 0;
    const pending: { readonly route: string; readonly reason: string }[] = [];
    for (const { routes } of [this.#ipv4, this.#ipv6]) {
      const { columns } = routes;
      for (let row = 0; row < columns.end; row++) {
        if (!columns.isLive(row) || !routes.isDesired(row)) continue;
        desired++;
        const reason = routes.pendingReason(row);
        if (reason === undefined) installed++;
        else {
          pendingCount++;
          // Only the sample is put into words: a hundred thousand may be pending.
          if (pending.length >= pendingLimit) continue;
          pending.push({ route: `${routes.prefixOf(row)} metric ${columns.metric[row]}`, reason });
        }
      }
    }
    return { desired, installed, pendingCount, pending };
  }

  /** For cleanup: nothing is desired any more, adopted routes included. */
  removeAll(): void {
    for (const source of ["local", "static", "blackhole"] as const) this.setOwnRoutes(source, []);
    for (const family of [IPV4_UNICAST, IPV6_UNICAST]) {
      this.beginLearnedGeneration(family);
      this.endLearnedGeneration(family);
      this.sweep(family);
    }
  }

  #of(family: Family): RoutesOfFamily {
    return family === IPV6_UNICAST ? this.#ipv6 : this.#ipv4;
  }

  #handleRoute(event: KernelEvent, route: RouteMessage): void {
    if (route.table !== this.#table || route.cloned || route.tos !== 0) return;
    const { routes } = ipVersion(prefixAddress(route.prefix)) === 4 ? this.#ipv4 : this.#ipv6;
    const length = prefixLength(route.prefix);
    const row = routes.columns.find(prefixWords(route.prefix), 0, length, route.metric);
    if (route.protocol === this.#protocol) this.#handleOwnRoute({ routes, row, event, route });
    else if (row !== NO_ROW) handleAnothersRoute({ routes, row, event, route });
  }

  /** Somebody else touched a route that bears our number. */
  #handleOwnRoute({ routes, row, event, route }: RouteChange): void {
    // The kernel tells of a single sibling that came or went, not of what is there now.
    const believed = row === NO_ROW ? 0 : (routes.columns.actual[row] as number);
    const siblings = believed !== 0 && routes.targets.get(believed).multipath;
    if (routes.version === 6 && (siblings || route.legs.length > 1)) routes.auditNeeded = true;
    else if (event.change === "deleted") {
      if (row !== NO_ROW) routes.observed(row, 0);
    } else {
      const length = prefixLength(route.prefix);
      const key = prefixWords(route.prefix);
      const at = routes.columns.findOrAdd(key, 0, length, route.metric);
      if (row === NO_ROW && !routes.swept) {
        routes.columns.state[at] = (routes.columns.state[at] as number) | ROW.adopted;
      }
      routes.observed(at, routes.targets.internMessage(route));
    }
  }

  /** A link that goes takes routes along without a word, and so does one that loses its last address. */
  #handleLink(change: "new" | "deleted", link: LinkMessage): void {
    if (change === "deleted") {
      this.#linkStates.delete(link.index);
      this.#changedInterfaces.set(link.index, { exists: false });
      return;
    }
    const state = `${link.up} ${link.carrier}`;
    const before = this.#linkStates.get(link.index);
    if (before === state) return;
    this.#linkStates.set(link.index, state);
    this.#changedInterfaces.set(link.index, { exists: true });
    if (link.up) this.retry();
  }
}

type RoutesOfFamily = {
  readonly routes: FamilyRoutes;
  readonly audit: RouteAudit;
  readonly own: OwnWishes;
};

function routesOfFamily(version: 4 | 6, options: RouteDriverOptions): RoutesOfFamily {
  const routes = new FamilyRoutes({ ...options, version });
  const audit = new RouteAudit({ ...options, family: routes });
  return { routes, audit, own: new OwnWishes(routes) };
}

type RouteChange = {
  readonly routes: FamilyRoutes;
  readonly row: number;
  readonly event: KernelEvent;
  readonly route: RouteMessage;
};

/** Another one's route came or went at a key of ours, in the place of ours or beside it. */
function handleAnothersRoute({ routes, row, event, route }: RouteChange): void {
  if (event.change === "deleted") {
    routes.allow(row);
    return;
  }
  // We may have written since then: the next apply looks who is there now.
  if (routes.columns.actual[row] !== 0) routes.ownersUnknown = true;
  if (event.replaced) routes.observed(row, 0);
  routes.refuse(row, route);
}
