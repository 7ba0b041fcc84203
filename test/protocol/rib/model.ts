import type { DecisionConfig } from "../../../protocol/rib/decision-config.ts";
import type { PeerFacts } from "../../../protocol/rib/peer-table.ts";
import { WELL_KNOWN } from "../../../protocol/types/community.ts";
import { compareIpAddress, type IpAddress } from "../../../protocol/types/ip-address.ts";
import type { Prefix } from "../../../protocol/types/prefix.ts";
import type { AttributeSet } from "../../../protocol/wire/attribute-set.ts";

/**
 * The RIB as slow, obvious objects: the oracle for the columns. It decides from scratch at every question and shares no
 * code with protocol/rib.
 */
export type ModelRoute = {
  readonly prefix: Prefix;
  readonly peer: number;
  readonly pathId: number;
  readonly received: AttributeSet;
  /** Undefined when import refused it. */
  readonly accepted: AttributeSet | undefined;
  stale: boolean;
};

export class ModelRib {
  readonly peers = new Map<number, PeerFacts>();
  readonly nextHops = new Map<IpAddress, { reachable: boolean; metric: number }>();
  config: DecisionConfig;
  #routes: ModelRoute[] = [];

  constructor(config: DecisionConfig) {
    this.config = config;
  }

  announce(route: Omit<ModelRoute, "stale">): void {
    this.withdraw(route.peer, route.prefix, route.pathId);
    this.#routes.push({ ...route, stale: false });
  }

  withdraw(peer: number, prefix: Prefix, pathId: number): void {
    this.#remove((r) => r.peer === peer && r.prefix === prefix && r.pathId === pathId);
  }

  markStale(peer: number): void {
    this.sweepStale(peer);
    for (const route of this.#routes) if (route.peer === peer) route.stale = true;
  }

  sweepStale(peer: number): void {
    this.#remove((route) => route.peer === peer && route.stale);
  }

  removePeer(peer: number): void {
    this.#remove((route) => route.peer === peer);
  }

  rejudge(peer: number, judge: (route: ModelRoute) => AttributeSet | undefined): void {
    this.#routes = this.#routes.map((route) =>
      route.peer === peer ? { ...route, accepted: judge(route) } : route,
    );
  }

  prefixes(): readonly Prefix[] {
    return [...new Set(this.#routes.map((route) => route.prefix))].sort();
  }

  routes(prefix?: Prefix): readonly ModelRoute[] {
    return this.#routes.filter((route) => prefix === undefined || route.prefix === prefix);
  }

  counts(peer: number): { received: number; accepted: number; best: number } {
    const mine = this.#routes.filter((route) => route.peer === peer);
    return {
      received: mine.length,
      accepted: mine.filter((route) => route.accepted !== undefined).length,
      best: mine.filter((route) => this.best(route.prefix) === route).length,
    };
  }

  eligible(prefix: Prefix): readonly ModelRoute[] {
    return this.routes(prefix).filter(({ accepted }) => {
      if (accepted === undefined) return false;
      if (accepted.nextHop === undefined) return true;
      return this.nextHops.get(accepted.nextHop)?.reachable === true;
    });
  }

  best(prefix: Prefix): ModelRoute | undefined {
    return least(this.#winners(prefix), (a, b) => this.#between(a, b));
  }

  multipath(prefix: Prefix): readonly ModelRoute[] {
    const best = this.best(prefix);
    if (best === undefined || this.config.maxPaths < 2) return [];
    const winners = this.#winners(prefix);
    const tied = this.eligible(prefix).filter((route) => {
      const winner = winners.find((w) => neighborAsn(w) === neighborAsn(route)) as ModelRoute;
      const within = this.#compare(this.#firstKeys(winner, true), this.#firstKeys(route, true));
      const med = this.config.alwaysCompareMed;
      return (
        within === 0 &&
        this.#compare(this.#firstKeys(best, med), this.#firstKeys(winner, med)) === 0
      );
    });
    if (tied.length < 2) return [];
    return tied.sort((a, b) => this.#between(a, b)).slice(0, this.config.maxPaths);
  }

  #winners(prefix: Prefix): readonly ModelRoute[] {
    const groups = Map.groupBy(this.eligible(prefix), neighborAsn);
    return [...groups.values()].map(
      (group) => least(group, (a, b) => this.#within(a, b)) as ModelRoute,
    );
  }

  #within(a: ModelRoute, b: ModelRoute): number {
    return (
      this.#compare(
        [...this.#firstKeys(a, true), ...this.#lastKeys(a)],
        [...this.#firstKeys(b, true), ...this.#lastKeys(b)],
      ) || this.#lastResort(a, b)
    );
  }

  #between(a: ModelRoute, b: ModelRoute): number {
    const med = this.config.alwaysCompareMed;
    return (
      this.#compare(
        [...this.#firstKeys(a, med), ...this.#lastKeys(a)],
        [...this.#firstKeys(b, med), ...this.#lastKeys(b)],
      ) || this.#lastResort(a, b)
    );
  }

  #lastResort(a: ModelRoute, b: ModelRoute): number {
    const [left, right] = [this.peers.get(a.peer)?.address, this.peers.get(b.peer)?.address];
    const address =
      left && right ? compareIpAddress(left, right) : (left ? 1 : 0) - (right ? 1 : 0);
    return address || a.pathId - b.pathId || a.peer - b.peer;
  }

  #compare(a: readonly number[], b: readonly number[]): number {
    const at = a.findIndex((key, i) => key !== b[i]);
    return at < 0 ? 0 : (a[at] as number) - (b[at] as number);
  }

  /** Smaller is better; up to the IGP metric. */
  #firstKeys(route: ModelRoute, withMed: boolean): readonly number[] {
    const set = route.accepted as AttributeSet;
    const missing = this.config.missingMedIsWorst ? 2 ** 32 - 1 : 0;
    return [
      set.communities?.includes(WELL_KNOWN.llgrStale) ? 1 : 0,
      -(set.localPref ?? 100),
      route.peer === 0 ? 0 : 1,
      pathLength(set),
      ["igp", "egp", "incomplete"].indexOf(set.origin),
      withMed ? (set.med ?? missing) : 0,
      this.peers.get(route.peer)?.type === "ebgp" ? 0 : 1,
      set.nextHop === undefined ? 0 : (this.nextHops.get(set.nextHop)?.metric ?? 0),
    ];
  }

  #lastKeys(route: ModelRoute): readonly number[] {
    const set = route.accepted as AttributeSet;
    const routerId = set.originatorId ?? this.peers.get(route.peer)?.routerId ?? 0;
    return [this.config.compareRouterId ? routerId : 0, set.clusterList?.length ?? 0];
  }

  #remove(condition: (route: ModelRoute) => boolean): void {
    this.#routes = this.#routes.filter((route) => !condition(route));
  }
}

function pathLength(set: AttributeSet): number {
  return set.asPath.reduce((sum, { type, asns }) => {
    if (type === "sequence") return sum + asns.length;
    return type === "set" ? sum + 1 : sum;
  }, 0);
}

function neighborAsn(route: ModelRoute): number {
  const first = route.accepted?.asPath.find(({ type }) => type === "sequence" || type === "set");
  return first?.type === "sequence" ? (first.asns[0] ?? 0) : 0;
}

function least<T>(items: readonly T[], compare: (a: T, b: T) => number): T | undefined {
  return items.toSorted(compare)[0];
}
