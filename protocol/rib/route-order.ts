/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * The two total orders of the decision process. A comparison by pairs that looks at MULTI_EXIT_DISC only between routes of
 * one neighbouring AS is not transitive (RFC 3345), so there are two: `withinNeighbor` for routes of one neighbouring AS,
 * with MED, and `betweenNeighbors` for the winners of these groups, without it (unless always-compare). Each is
 * lexicographic over keys of the single route, hence antisymmetric, transitive and total.
 *
 * Both return the number of the step that decided (decision-step.ts): negative when `a` is better, positive when `b` is,
 * 0 only for one and the same route.
 */
import { SET_HAS_MED, SET_HAS_ORIGINATOR, SET_LLGR_STALE } from "./attribute-set-facts.ts";
import type { AttributeSetTable } from "./attribute-set-table.ts";
import type { DecisionConfig } from "./decision-config.ts";
import { STEP } from "./decision-step.ts";
import type { NextHopTable } from "./next-hop-table.ts";
import { LOCAL_PEER, type PeerTable } from "./peer-table.ts";
import type { RouteTable } from "./route-table.ts";

/** What all orders of one Rib read. */
export type OrderTables = {
  readonly sets: AttributeSetTable;
  readonly nextHops: NextHopTable;
  readonly peers: PeerTable;
};

export class RouteOrder {
  readonly #routes: RouteTable;
  readonly #sets: AttributeSetTable;
  readonly #nextHops: NextHopTable;
  readonly #peers: PeerTable;
  #config: DecisionConfig;

  constructor(routes: RouteTable, tables: OrderTables, config: DecisionConfig) {
    this.#routes = routes;
    this.#sets = tables.sets;
    this.#nextHops = tables.nextHops;
    this.#peers = tables.peers;
    this.#config = config;
  }

  configure(config: DecisionConfig): void {
    this.#config = config;
  }

  maxPaths(): number {
    return this.#config.maxPaths;
  }

  withinNeighbor(a: number, b: number): number {
    return this.#compare(a, b, true);
  }

  betweenNeighbors(a: number, b: number): number {
    return this.#compare(a, b, this.#config.alwaysCompareMed);
  }

  #compare(a: number, b: number, withMed: boolean): number {
    if (a === b) return 0;
    const setA = this.#routes.verdict(a);
    const setB = this.#routes.verdict(b);
    const peerA = this.#routes.peer(a);
    const peerB = this.#routes.peer(b);
    const preference = setA === setB ? 0 : this.#comparePreference(setA, setB);
    if (preference !== 0) return preference;
    const local = this.#compareLocal(peerA, peerB);
    if (local !== 0) return local;
    const path = setA === setB ? 0 : this.#comparePath(setA, setB, withMed);
    if (path !== 0) return path;
    return this.#compareTail(a, b, setA, setB, peerA, peerB);
  }

  #comparePreference(setA: number, setB: number): number {
    const sets = this.#sets;
    const staleA = sets.hasFlag(setA, SET_LLGR_STALE);
    if (staleA !== sets.hasFlag(setB, SET_LLGR_STALE)) {
      return staleA ? STEP.llgrStale : -STEP.llgrStale;
    }
    return signed(sets.localPref(setB) - sets.localPref(setA), STEP.localPref);
  }

  #comparePath(setA: number, setB: number, withMed: boolean): number {
    const sets = this.#sets;
    const length = sets.asPathLength(setA) - sets.asPathLength(setB);
    if (length !== 0) return signed(length, STEP.asPathLength);
    const origin = sets.origin(setA) - sets.origin(setB);
    if (origin !== 0) return signed(origin, STEP.origin);
    return withMed ? signed(this.#med(setA) - this.#med(setB), STEP.med) : 0;
  }

  #compareLocal(peerA: number, peerB: number): number {
    if ((peerA === LOCAL_PEER) === (peerB === LOCAL_PEER)) return 0;
    return peerA === LOCAL_PEER ? -STEP.locallyOriginated : STEP.locallyOriginated;
  }

  /** A missing MED is the best or the worst one, as configured. RFC 4271 §9.1.2.2 c says the lowest. */
  #med(set: number): number {
    if (this.#sets.hasFlag(set, SET_HAS_MED)) return this.#sets.med(set);
    return this.#config.missingMedIsWorst ? 0xffff_ffff : 0;
  }

  #compareTail(
    a: number,
    b: number,
    setA: number,
    setB: number,
    peerA: number,
    peerB: number,
  ): number {
    const externalA = this.#peers.isExternal(peerA);
    if (externalA !== this.#peers.isExternal(peerB)) {
      return externalA ? -STEP.externalOverInternal : STEP.externalOverInternal;
    }
    const metric = this.#metric(setA) - this.#metric(setB);
    if (metric !== 0) return signed(metric, STEP.igpMetric);
    if (this.#config.compareRouterId) {
      const routerId = this.#routerId(setA, peerA) - this.#routerId(setB, peerB);
      if (routerId !== 0) return signed(routerId, STEP.routerId);
    }
    const clusters = this.#sets.clusterListLength(setA) - this.#sets.clusterListLength(setB);
    if (clusters !== 0) return signed(clusters, STEP.clusterListLength);
    const address = this.#peers.addressRank(peerA) - this.#peers.addressRank(peerB);
    if (address !== 0) return signed(address, STEP.peerAddress);
    const pathId = this.#routes.pathId(a) - this.#routes.pathId(b);
    if (pathId !== 0) return signed(pathId, STEP.pathId);
    return signed(peerA - peerB, STEP.peerIndex);
  }

  #metric(set: number): number {
    return this.#nextHops.metric(this.#sets.nextHop(set));
  }

  /** ORIGINATOR_ID, where present, stands for the router id. RFC 4456 §9. */
  #routerId(set: number, peer: number): number {
    return this.#sets.hasFlag(set, SET_HAS_ORIGINATOR)
      ? this.#sets.originatorId(set)
      : this.#peers.routerId(peer);
  }
}

function signed(difference: number, step: number): number {
  return difference < 0 ? -step : difference > 0 ? step : 0;
}
