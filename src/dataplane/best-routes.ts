import type { BestRouteBatch, NextHopSet } from "../../protocol/rib/best-route-batch.ts";
import { type Family, IPV4_UNICAST } from "../../protocol/types/family.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { GatewaySetDefinition, RouteDriver } from "../kernel/route-driver.ts";
import { formatRouteTarget, type RouteLeg, type RouteTarget } from "../kernel/route-target.ts";
import { metricOfLearned } from "../lib/route-priority.ts";
import { EncapsulatedRanges, encapsulationByNumber } from "./encapsulated-ranges.ts";
import type { NextHopResolver, Resolution } from "./next-hop-resolver.ts";
import type { Tunnels } from "./tunnels.ts";

/** More legs than this are not installed: a route message has to stay well below a page. */
export const MAX_ROUTE_LEGS = 64;

/**
 * Turns best routes into kernel routes. Each set of next hops has one number at the route driver, which keeps the
 * columns prefix → set; what a set means, the union of the gateways that its next hops resolve to, is told to the driver
 * once, and again when a resolution changes. So a change costs as many messages to the kernel as routes use the set,
 * and nothing per route here. A set none of whose next hops resolves means "no route". Where pools ask for tunnels, routes
 * inside them have sets of their own, one for each way of encapsulation; so have routes of an elevated priority, by their metric.
 */
export class BestRoutes {
  readonly #driver: BestRouteDriver;
  readonly #resolver: Pick<NextHopResolver, "resolution">;
  readonly #tunnels: EncapsulatedWays;
  readonly #sets = new Map<string, SharedSet>();
  readonly #families = new Map<Family, FamilyState>();
  #lastIndex = 0;

  constructor(
    driver: BestRouteDriver,
    resolver: Pick<NextHopResolver, "resolution">,
    tunnels: EncapsulatedWays = NO_TUNNELS,
  ) {
    this.#driver = driver;
    this.#resolver = resolver;
    this.#tunnels = tunnels;
  }

  /** Takes a batch; the arrays are ours now and `nextHopSets` is overwritten. */
  handle(batch: BestRouteBatch, { metric }: { readonly metric: number }): void {
    const state = this.#stateOf(batch);
    this.#learnSets(batch.newNextHopSets, state, metric);
    const { family, count, addresses, lengths, nextHopSets: gatewaySets } = batch;
    if (this.#tunnels.ranges.any(family === IPV4_UNICAST ? 4 : 6))
      this.#translateEncapsulated(batch, state);
    else translate(gatewaySets, count, state.plain);
    this.#driver.setLearnedRoutes({ family, metric, count, addresses, lengths, gatewaySets });
    if (batch.complete && !state.complete) this.#endGeneration(family, state);
  }

  /** The routes of an earlier process that nobody named may go: now, or when the table that is being listed is whole. */
  sweep(family: Family): void {
    const state = this.#families.get(family);
    if (state === undefined || state.complete) this.#driver.sweep(family);
    else state.sweepWhenComplete = true;
  }

  /** Gives the sets that use these next hops their new meaning. */
  nextHopsChanged(changed: readonly Resolution[]): void {
    const names = new Set(changed.map(({ nextHop }) => nextHop));
    this.#redefine((set) => set.nextHops.some((nextHop) => names.has(nextHop)));
  }

  /** Tunnel devices or their far ends changed: what is encapsulated gets its new meaning. */
  tunnelsChanged(): void {
    this.#redefine((set) => set.encapsulation !== 0);
  }

  #redefine(isConcerned: (set: SharedSet) => boolean): void {
    const definitions: GatewaySetDefinition[] = [];
    for (const set of this.#sets.values()) {
      if (!isConcerned(set)) continue;
      const target = this.#targetOf(set);
      const meaning = meaningOf(target);
      if (meaning === set.meaning) continue;
      set.meaning = meaning;
      const { index, metric } = set;
      definitions.push({ index, target, ...(metric !== undefined && { metric }) });
    }
    if (definitions.length > 0) this.#driver.defineGatewaySets(definitions);
  }

  /** Every next hop that some set names. */
  nextHops(): Set<IpAddress> {
    const all = new Set<IpAddress>();
    for (const set of this.#sets.values()) for (const nextHop of set.nextHops) all.add(nextHop);
    return all;
  }

  #stateOf({ family, generation }: BestRouteBatch): FamilyState {
    const known = this.#families.get(family);
    if (known?.generation === generation) return known;
    this.#driver.beginLearnedGeneration(family);
    const state: FamilyState = {
      generation,
      complete: false,
      sweepWhenComplete: known?.sweepWhenComplete ?? false,
      sets: [],
      plain: [0],
      encapsulated: [],
      // Routes not yet listed again still stand for their old sets.
      formerIndexes: known === undefined ? [] : [...indexesOf(known), ...known.formerIndexes],
    };
    this.#families.set(family, state);
    return state;
  }

  #learnSets(sets: readonly NextHopSet[], state: FamilyState, usualMetric: number): void {
    const definitions: GatewaySetDefinition[] = [];
    for (const { id, nextHops, localPref = 0 } of sets) {
      const own = metricOfLearned(localPref, usualMetric);
      const known = { nextHops, metric: own === usualMetric ? undefined : own };
      state.sets[id] = known;
      state.plain[id] = this.#indexOf({ ...known, encapsulation: 0 }, definitions);
    }
    if (definitions.length > 0) this.#driver.defineGatewaySets(definitions);
  }

  /** The set's number at the driver; a new one is added to the definitions. */
  #indexOf(
    { nextHops, metric, encapsulation }: Pick<SharedSet, "nextHops" | "metric" | "encapsulation">,
    definitions: GatewaySetDefinition[],
  ): number {
    const key = [encapsulation, metric ?? "", ...nextHops.toSorted()].join(" ");
    const known = this.#sets.get(key);
    if (known !== undefined) return known.index;
    const target = this.#targetOf({ nextHops, encapsulation });
    const index = ++this.#lastIndex;
    this.#sets.set(key, { index, nextHops, metric, encapsulation, meaning: meaningOf(target) });
    definitions.push({ index, target, ...(metric !== undefined && { metric }) });
    return index;
  }

  /** The same as `translate` where some routes go through tunnels: the prefix counts, too. */
  #translateEncapsulated(batch: BestRouteBatch, state: FamilyState): void {
    const { family, count, addresses, lengths, nextHopSets: sets } = batch;
    const [version, words] = family === IPV4_UNICAST ? ([4, 1] as const) : ([6, 4] as const);
    const definitions: GatewaySetDefinition[] = [];
    for (let i = 0; i < count; i++) {
      const id = sets[i] as number;
      const place = { addresses, at: i * words, length: lengths[i] as number };
      const encapsulation = id === 0 ? 0 : this.#tunnels.ranges.numberOf(version, place);
      const indexes = indexesFor(state, encapsulation);
      const known = state.sets[id] ?? NO_SET;
      indexes[id] ??= this.#indexOf({ ...known, encapsulation }, definitions);
      sets[i] = indexes[id];
    }
    if (definitions.length > 0) this.#driver.defineGatewaySets(definitions);
  }

  #endGeneration(family: Family, state: FamilyState): void {
    state.complete = true;
    state.formerIndexes = [];
    this.#driver.endLearnedGeneration(family);
    this.#forgetUnusedSets();
    if (state.sweepWhenComplete) this.#driver.sweep(family);
    state.sweepWhenComplete = false;
  }

  /** Within a generation every set may come back by its number alone; between generations the unused ones can go. */
  #forgetUnusedSets(): void {
    const used = new Set<number>();
    for (const state of this.#families.values()) {
      for (const index of indexesOf(state)) used.add(index);
      for (const index of state.formerIndexes) used.add(index);
    }
    const unused: number[] = [];
    for (const [key, set] of this.#sets) {
      if (used.has(set.index)) continue;
      unused.push(set.index);
      this.#sets.delete(key);
    }
    if (unused.length > 0) this.#driver.forgetGatewaySets(unused);
  }

  #targetOf({
    nextHops,
    encapsulation,
  }: Pick<SharedSet, "nextHops" | "encapsulation">): RouteTarget | undefined {
    const way = encapsulationByNumber(encapsulation);
    const resolutions = nextHops.map((nextHop) => this.#resolver.resolution(nextHop));
    return targetOf(
      resolutions.flatMap((resolution) =>
        way === undefined ? resolution.gateways : this.#tunnels.legs(way, resolution),
      ),
    );
  }
}

/** What is asked of the tunnels here. */
export type EncapsulatedWays = Pick<Tunnels, "ranges" | "legs">;

const NO_TUNNELS: EncapsulatedWays = {
  ranges: new EncapsulatedRanges([]),
  legs: (_way, { gateways }) => gateways,
};

/** The part of the route driver that learned routes need. */
export type BestRouteDriver = Pick<
  RouteDriver,
  | "defineGatewaySets"
  | "forgetGatewaySets"
  | "setLearnedRoutes"
  | "beginLearnedGeneration"
  | "endLearnedGeneration"
  | "sweep"
>;

/** The route over all these gateways, each once; undefined when there are none. */
export function targetOf(gateways: readonly RouteLeg[]): RouteTarget | undefined {
  if (gateways.length === 0) return undefined;
  const distinct = new Map(
    gateways.map((leg) => [meaningOf({ type: "gateways", legs: [leg] }), leg]),
  );
  const legs = [...distinct.keys()].sort().map((key) => distinct.get(key) as RouteLeg);
  return { type: "gateways", legs: legs.slice(0, MAX_ROUTE_LEGS) };
}

type SharedSet = KnownSet & {
  readonly index: number;
  /** By encapsulationByNumber; 0 for none. */
  readonly encapsulation: number;
  /** The target as text, "" for none: what the driver was told last. */
  meaning: string;
};

type KnownSet = {
  readonly nextHops: readonly IpAddress[];
  /** The metric that a priority of their own gives these routes; undefined for the usual one. */
  readonly metric: number | undefined;
};

const NO_SET: KnownSet = { nextHops: [], metric: undefined };

type FamilyState = {
  readonly generation: number;
  complete: boolean;
  sweepWhenComplete: boolean;
  /** What sets are made of, by their number within this generation. */
  readonly sets: KnownSet[];
  /** Number of a set within this generation → number at the driver, for routes that go as they are. */
  readonly plain: number[];
  /** The same for each way of encapsulation. */
  readonly encapsulated: (number | undefined)[][];
  formerIndexes: readonly number[];
};

/** Number of a set within this generation → number at the driver, for one way of encapsulation. */
function indexesFor(
  { plain, encapsulated }: FamilyState,
  encapsulation: number,
): (number | undefined)[] {
  if (encapsulation === 0) return plain;
  const indexes = encapsulated[encapsulation] ?? [];
  encapsulated[encapsulation] = indexes;
  return indexes;
}

/** All numbers at the driver that this generation has used. */
function* indexesOf({ plain, encapsulated }: FamilyState): Iterable<number> {
  yield* plain;
  for (const indexes of encapsulated)
    for (const index of indexes ?? []) if (index !== undefined) yield index;
}

function meaningOf(target: RouteTarget | undefined): string {
  return target === undefined ? "" : formatRouteTarget(target);
}

function translate(sets: Uint32Array, count: number, indexes: readonly number[]): void {
  for (let i = 0; i < count; i++) {
    const index = indexes[sets[i] as number];
    if (index === undefined) throw new Error(`next-hop set ${sets[i]} was never described`);
    sets[i] = index;
  }
}
