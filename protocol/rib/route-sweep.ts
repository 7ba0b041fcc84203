import type { PeerRoutes } from "./peer-routes.ts";
import type { RouteTable } from "./route-table.ts";

/** What a sweep does to the routes that it finds. */
export type SweepActions = {
  withdraw(route: number): void;
  rejudge(route: number, judge: SweepJudge): void;
  /** Decide again: everything, or only when the route's next hop changed. */
  reconsider(route: number, scope: RescanScope): void;
};

export type SweepJudge = (words: Uint32Array, length: number, receivedSet: number) => number;
export type RescanScope = "changedNextHops" | "everything";

/** Rows that cost as much to look at as one prefix costs to decide. */
const ROWS_PER_UNIT = 16;

/**
 * Long work over all routes of a family, in slices: removing stale routes, judging a peer's routes again, looking for
 * next hops that changed. All jobs share one circular pass over the route table, so a thousand peers that go down
 * together cost one pass; a job that comes in between makes the pass go round once more from where it is.
 */
export class RouteSweep {
  readonly #routes: RouteTable;
  readonly #peerRoutes: PeerRoutes;
  /** By peer: the newest epoch whose routes go; -1 for none. */
  readonly #limits: number[] = [];
  readonly #judges = new Map<number, SweepJudge>();
  #rescan: RescanScope | undefined;
  #position = 1;
  /** The pass is over when it comes here again after the end of the table. */
  #stop = 1;
  #wrapped = true;

  constructor(routes: RouteTable, peerRoutes: PeerRoutes) {
    this.#routes = routes;
    this.#peerRoutes = peerRoutes;
  }

  /** Routes of the peer that are stale now will go. */
  removeStale(peer: number): void {
    while (this.#limits.length <= peer) this.#limits.push(-1);
    this.#limits[peer] = (this.#peerRoutes.epoch(peer) - 1) & 0xff;
    this.#goRound();
  }

  /** Epochs count modulo 256: a peer that restarts that often within one pass must wait for the pass. */
  isOverdue(peer: number): boolean {
    const limit = this.#limits[peer] ?? -1;
    return limit >= 0 && this.#peerRoutes.age(peer, limit) > 200;
  }

  rejudge(peer: number, judge: SweepJudge): void {
    this.#judges.set(peer, judge);
    this.#goRound();
  }

  rescan(scope: RescanScope): void {
    if (this.#rescan !== "everything") this.#rescan = scope;
    this.#goRound();
  }

  isPending(): boolean {
    return !this.#wrapped || this.#position < this.#stop;
  }

  isRescanning(): boolean {
    return this.#rescan !== undefined;
  }

  /** Goes on with the pass; returns what is left of the budget. */
  work(budget: number, actions: SweepActions): number {
    if (!this.isPending()) return budget;
    let units = budget * ROWS_PER_UNIT;
    while (units > 0 && this.isPending()) {
      if (this.#position >= this.#routes.end()) {
        // A table that shrank meanwhile may end before the place where the pass began.
        if (this.#wrapped) this.#stop = 1;
        this.#position = 1;
        this.#wrapped = true;
        continue;
      }
      units -= this.#visit(this.#position, actions) ? ROWS_PER_UNIT : 1;
      this.#position++;
    }
    if (!this.isPending()) this.#finish();
    return Math.max(0, Math.floor(units / ROWS_PER_UNIT));
  }

  /** True when something was done to the route. */
  #visit(route: number, actions: SweepActions): boolean {
    const routes = this.#routes;
    if (routes.prefix(route) === 0 || routes.verdict(route) === 0) return false;
    const peer = routes.peer(route);
    if (this.#mustGo(peer, routes.epoch(route))) {
      actions.withdraw(route);
      return true;
    }
    const judge = this.#judges.get(peer);
    if (judge !== undefined) actions.rejudge(route, judge);
    if (this.#rescan !== undefined) actions.reconsider(route, this.#rescan);
    return judge !== undefined;
  }

  #mustGo(peer: number, epoch: number): boolean {
    const limit = this.#limits[peer];
    if (limit === undefined || limit < 0) return false;
    return this.#peerRoutes.age(peer, epoch) >= this.#peerRoutes.age(peer, limit);
  }

  #goRound(): void {
    this.#stop = this.#position;
    this.#wrapped = false;
  }

  #finish(): void {
    this.#limits.fill(-1);
    this.#judges.clear();
    this.#rescan = undefined;
  }
}
