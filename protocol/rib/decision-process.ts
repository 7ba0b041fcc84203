/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Chooses the best route of a prefix and its multipath companions from the routes of its chain. RFC 4271 §9.1.
 *
 * Invariants: after `decide`, the chain holds no withdrawn route, ROUTE_CHANGED is clear on all of it, `best` names an
 * eligible route or 0, and ROUTE_MULTIPATH stands on exactly the routes that share the traffic (none when there is only
 * one). The result depends on the present routes alone, never on the order in which they came.
 */
import { CHANGE_ANY, CHANGE_BEST, CHANGE_MULTIPATH } from "./change-log.ts";
import { LAST_STEP_BEFORE_MULTIPATH } from "./decision-step.ts";
import type { PrefixTable } from "./prefix-table.ts";
import type { OrderTables, RouteOrder } from "./route-order.ts";
import { ROUTE_CHANGED, ROUTE_MULTIPATH, type RouteTable } from "./route-table.ts";

/** Told which routes leave, before their rows are freed. */
export type RouteBurial = { routeGone(route: number): void };

export class DecisionProcess {
  readonly #prefixes: PrefixTable;
  readonly #routes: RouteTable;
  readonly #tables: OrderTables;
  readonly #order: RouteOrder;
  readonly #burial: RouteBurial;
  /** Winner of each neighbouring AS of the prefix at hand; reused. */
  readonly #winners: number[] = [];
  /** Eligible routes of the prefix at hand, each with the place of its winner; reused. */
  readonly #eligible: number[] = [];
  readonly #winnerOf: number[] = [];
  readonly #companions: number[] = [];

  constructor(
    tables: { readonly prefixes: PrefixTable; readonly routes: RouteTable } & OrderTables,
    order: RouteOrder,
    burial: RouteBurial,
  ) {
    this.#prefixes = tables.prefixes;
    this.#routes = tables.routes;
    this.#tables = tables;
    this.#order = order;
    this.#burial = burial;
  }

  /** Decides anew and returns what changed, as bits of the change log; 0 for nothing. */
  decide(prefix: number): number {
    const routes = this.#routes;
    const oldBest = this.#prefixes.best(prefix);
    const head = this.#prefixes.head(prefix);
    if (head !== 0 && routes.next(head) === 0) {
      return routes.verdict(head) !== 0
        ? this.#decideSingle(prefix, head, oldBest)
        : this.#decideNone(prefix, head, oldBest);
    }
    const removed = this.#unlinkWithdrawn(prefix);
    const best = this.#choose(prefix);
    return this.#record(prefix, oldBest, best, removed);
  }

  /** True when the route may be chosen: accepted by import, and its next hop resolves. RFC 4271 §9.1.2. */
  isEligible(route: number): boolean {
    const set = this.#routes.verdict(route);
    return set > 0 && this.#tables.nextHops.isReachable(this.#tables.sets.nextHop(set));
  }

  /** The winner among the eligible routes with this neighbouring AS; 0 when there is none. */
  winnerOf(prefix: number, neighborAsn: number): number {
    let winner = 0;
    for (let route = this.#prefixes.head(prefix); route !== 0; route = this.#routes.next(route)) {
      if (!this.isEligible(route) || this.neighborAsn(route) !== neighborAsn) continue;
      if (winner === 0 || this.#order.withinNeighbor(route, winner) < 0) winner = route;
    }
    return winner;
  }

  neighborAsn(route: number): number {
    return this.#tables.sets.neighborAsn(this.#routes.verdict(route));
  }

  /** The common case: one route, so nothing to compare. */
  #decideSingle(prefix: number, route: number, oldBest: number): number {
    const routes = this.#routes;
    const changed = routes.hasFlag(route, ROUTE_CHANGED);
    const wasMultipath = routes.hasFlag(route, ROUTE_MULTIPATH);
    routes.lowerFlag(route, ROUTE_CHANGED | ROUTE_MULTIPATH);
    const best = this.isEligible(route) ? route : 0;
    this.#prefixes.setBest(prefix, best);
    let bits = changed ? CHANGE_ANY : 0;
    if (best !== oldBest) bits |= CHANGE_BEST | CHANGE_ANY;
    else if (changed && best !== 0) bits |= CHANGE_BEST;
    return wasMultipath ? bits | CHANGE_MULTIPATH : bits;
  }

  /** A peer's table goes: mostly its routes were the only ones. */
  #decideNone(prefix: number, route: number, oldBest: number): number {
    const bits = this.#routes.hasFlag(route, ROUTE_MULTIPATH)
      ? CHANGE_ANY | CHANGE_MULTIPATH
      : CHANGE_ANY;
    this.#prefixes.setHead(prefix, 0);
    this.#prefixes.setBest(prefix, 0);
    this.#burial.routeGone(route);
    this.#routes.free(route);
    return oldBest === 0 ? bits : bits | CHANGE_BEST;
  }

  #unlinkWithdrawn(prefix: number): number {
    const routes = this.#routes;
    let bits = 0;
    let previous = 0;
    for (let route = this.#prefixes.head(prefix); route !== 0; ) {
      const next = routes.next(route);
      if (routes.verdict(route) === 0) {
        if (previous === 0) this.#prefixes.setHead(prefix, next);
        else routes.setNext(previous, next);
        bits |= routes.hasFlag(route, ROUTE_MULTIPATH) ? CHANGE_ANY | CHANGE_MULTIPATH : CHANGE_ANY;
        this.#burial.routeGone(route);
        routes.free(route);
      } else previous = route;
      route = next;
    }
    return bits;
  }

  #choose(prefix: number): number {
    const winners = this.#winners;
    winners.length = 0;
    this.#eligible.length = 0;
    this.#winnerOf.length = 0;
    for (let route = this.#prefixes.head(prefix); route !== 0; route = this.#routes.next(route)) {
      if (!this.isEligible(route)) continue;
      const at = this.#winnerIndex(this.neighborAsn(route));
      this.#eligible.push(route);
      this.#winnerOf.push(at);
      if (at === winners.length) winners.push(route);
      else if (this.#order.withinNeighbor(route, winners[at] as number) < 0) winners[at] = route;
    }
    let best = 0;
    for (const winner of winners) {
      if (best === 0 || this.#order.betweenNeighbors(winner, best) < 0) best = winner;
    }
    return best;
  }

  #winnerIndex(neighborAsn: number): number {
    const winners = this.#winners;
    for (let i = 0; i < winners.length; i++) {
      if (this.neighborAsn(winners[i] as number) === neighborAsn) return i;
    }
    return winners.length;
  }

  /** Writes the result and finds what changed. */
  #record(prefix: number, oldBest: number, best: number, removed: number): number {
    const routes = this.#routes;
    this.#prefixes.setBest(prefix, best);
    this.#chooseCompanions(best);
    let bits = removed;
    if (best !== oldBest) bits |= CHANGE_BEST | CHANGE_ANY;
    for (let route = this.#prefixes.head(prefix); route !== 0; route = routes.next(route)) {
      const changed = routes.hasFlag(route, ROUTE_CHANGED);
      if (changed) bits |= route === best ? CHANGE_ANY | CHANGE_BEST : CHANGE_ANY;
      const isCompanion = this.#companions.includes(route);
      if (isCompanion !== routes.hasFlag(route, ROUTE_MULTIPATH)) bits |= CHANGE_MULTIPATH;
      else if (isCompanion && changed) bits |= CHANGE_MULTIPATH;
      routes.lowerFlag(route, ROUTE_CHANGED | ROUTE_MULTIPATH);
      if (isCompanion) routes.raiseFlag(route, ROUTE_MULTIPATH);
    }
    return bits;
  }

  /**
   * A companion ties with the winner of its neighbouring AS, and that winner with the best route, up to the last step before
   * the cut. When there are more than `maxPaths`, the first ones in the order of the remaining steps stay.
   */
  #chooseCompanions(best: number): void {
    const companions = this.#companions;
    const maxPaths = this.#order.maxPaths();
    companions.length = 0;
    if (best === 0 || maxPaths < 2 || this.#eligible.length < 2) return;
    for (let i = 0; i < this.#eligible.length; i++) {
      const route = this.#eligible[i] as number;
      // Cheap and necessary; what follows is sufficient.
      if (!isTie(this.#order.betweenNeighbors(best, route))) continue;
      const winner = this.#winners[this.#winnerOf[i] as number] as number;
      if (!isTie(this.#order.withinNeighbor(winner, route))) continue;
      if (isTie(this.#order.betweenNeighbors(best, winner))) companions.push(route);
    }
    if (companions.length === 1) companions.length = 0;
    if (companions.length <= maxPaths) return;
    companions.sort((a, b) => this.#order.betweenNeighbors(a, b));
    companions.length = maxPaths;
  }
}

/** A comparison that went beyond the cut, or found one and the same route. */
function isTie(step: number): boolean {
  return step === 0 || Math.abs(step) > LAST_STEP_BEFORE_MULTIPATH;
}
