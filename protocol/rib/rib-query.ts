import type { IpAddress } from "../types/ip-address.ts";
import type { Prefix } from "../types/prefix.ts";
import type { DecisionProcess } from "./decision-process.ts";
import { describeStep } from "./decision-step.ts";
import type { LocRib } from "./loc-rib.ts";
import type { PeerRoutes } from "./peer-routes.ts";
import { maskWords, prefixFromWords, wordsOfAddress, wordsOfPrefix } from "./prefix-words.ts";
import type { RouteOrder } from "./route-order.ts";
import type { RouteTable } from "./route-table.ts";
import type { RouteView } from "./route-view.ts";
import { describeIneligible } from "./verdict.ts";

/** One page of prefixes; `next` is where to go on, undefined at the end. */
export type PrefixPage = {
  readonly prefixes: readonly Prefix[];
  readonly next: number | undefined;
};

/** Ids looked at for one page at most, so that a page of a narrow filter cannot hold up a session. */
const MAX_SCAN = 50_000;

/** Questions of operators about one family, answered from the columns. Never on the hot path. */
export class RibQuery {
  readonly #locRib: LocRib;
  readonly #routes: RouteTable;
  readonly #decision: DecisionProcess;
  readonly #order: RouteOrder;
  readonly #peerRoutes: PeerRoutes;

  constructor(
    locRib: LocRib,
    parts: {
      readonly routes: RouteTable;
      readonly decision: DecisionProcess;
      readonly order: RouteOrder;
      readonly peerRoutes: PeerRoutes;
    },
  ) {
    this.#locRib = locRib;
    this.#routes = parts.routes;
    this.#decision = parts.decision;
    this.#order = parts.order;
    this.#peerRoutes = parts.peerRoutes;
  }

  /** All candidates, the best one first; each loser with the step and the route that eliminated it. */
  explain(prefix: Prefix): readonly RouteView[] {
    const { words, length } = wordsOfPrefix(prefix);
    if (words.length !== this.#locRib.words) return [];
    const id = this.#locRib.find(words, length);
    if (id === 0) return [];
    const routes: number[] = [];
    for (let at = this.#locRib.firstRoute(id); at !== 0; at = this.#routes.next(at)) {
      if (this.#routes.verdict(at) !== 0) routes.push(at);
    }
    const best = this.#locRib.bestRoute(id);
    return routes
      .sort((a, b) => this.#rank(a, best) - this.#rank(b, best) || a - b)
      .map((route) => this.#view(prefix, id, route, best));
  }

  longestMatch(address: IpAddress): Prefix | undefined {
    const words = wordsOfAddress(address);
    if (words.length !== this.#locRib.words) return undefined;
    for (let length = 32 * words.length; length >= 0; length--) {
      maskWords(words, length);
      const id = this.#locRib.find(words, length);
      if (id !== 0 && this.#locRib.firstRoute(id) !== 0) return prefixFromWords(words, length);
    }
    return undefined;
  }

  page(after: number, limit: number, within?: Prefix): PrefixPage {
    const cover = within === undefined ? undefined : wordsOfPrefix(within);
    const prefixes: Prefix[] = [];
    const end = Math.min(this.#locRib.end(), after + 1 + MAX_SCAN);
    let id = after + 1;
    for (; id < end && prefixes.length < limit; id++) {
      if (!this.#locRib.isUsed(id) || this.#locRib.firstRoute(id) === 0) continue;
      if (cover === undefined || this.#covers(cover, id)) prefixes.push(this.#locRib.prefix(id));
    }
    return { prefixes, next: id < this.#locRib.end() ? id - 1 : undefined };
  }

  #covers(cover: { readonly words: Uint32Array; readonly length: number }, id: number): boolean {
    if (cover.words.length !== this.#locRib.words || this.#locRib.length(id) < cover.length) {
      return false;
    }
    const words = new Uint32Array(this.#locRib.words);
    this.#locRib.read(id, words);
    maskWords(words, cover.length);
    return words.every((word, i) => word === cover.words[i]);
  }

  #rank(route: number, best: number): number {
    if (route === best) return 0;
    return this.#decision.isEligible(route) ? 1 : 2;
  }

  #view(prefix: Prefix, id: number, route: number, best: number): RouteView {
    const verdict = this.#routes.verdict(route);
    const peerIndex = this.#routes.peer(route);
    const view = {
      prefix,
      peerIndex,
      pathId: this.#routes.pathId(route),
      receivedSet: this.#routes.received(route),
      acceptedSet: verdict > 0 ? verdict : undefined,
      best: route === best,
      multipath: this.#locRib.isMultipath(route),
      stale: this.#peerRoutes.age(peerIndex, this.#routes.epoch(route)) !== 0,
      eligible: this.#decision.isEligible(route),
    };
    if (route === best) return view;
    if (verdict <= 0) return { ...view, reason: describeIneligible(-verdict) };
    if (!view.eligible) return { ...view, reason: "its next hop is unreachable (RFC 4271 §9.1.2)" };
    return { ...view, ...this.#defeat(id, route, best) };
  }

  /** Runs the comparison that the decision ran: first within the neighbouring AS, then between the winners. */
  #defeat(
    id: number,
    route: number,
    best: number,
  ): {
    readonly reason: string;
    readonly eliminatedBy?: { readonly peerIndex: number; readonly pathId: number };
  } {
    if (best === 0) return { reason: "no route is selected yet" };
    const winner = this.#decision.winnerOf(id, this.#decision.neighborAsn(route));
    const victor = winner === route ? best : winner;
    const step =
      winner === route
        ? this.#order.betweenNeighbors(route, victor)
        : this.#order.withinNeighbor(route, victor);
    return {
      reason: describeStep(step),
      eliminatedBy: {
        peerIndex: this.#routes.peer(victor),
        pathId: this.#routes.pathId(victor),
      },
    };
  }
}
