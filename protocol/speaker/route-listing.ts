import type { FamilyRib } from "../rib/family-rib.ts";
import type { RouteView } from "../rib/route-view.ts";
import { type Prefix, prefixAddress, prefixContains, prefixLength } from "../types/prefix.ts";
import { decodeAttributeSet } from "../wire/attribute-set.ts";
import type { SentRoute } from "./export/update-groups.ts";
import type { SpeakerContext } from "./speaker-context.ts";
import type { RoutePage, RouteQuery, RouteSnapshot } from "./speaker-snapshot.ts";

/** Most prefixes of one page. */
const MAX_PAGE = 10_000;

/** Names of peers for their indexes, and the reverse. */
export type PeerNames = {
  readonly nameOf: (peerIndex: number) => string;
  readonly indexOf: (name: string) => number | undefined;
};

/** Lists routes for status, API and tests: decoded at the moment of the question, and never on the way of a route. */
export class RouteListing {
  readonly #context: SpeakerContext;
  readonly #names: PeerNames;

  constructor(context: SpeakerContext, names: PeerNames) {
    this.#context = context;
    this.#names = names;
  }

  /** One page of the table that the query names; empty for a peer that is not configured. */
  list(query: RouteQuery): RoutePage {
    return query.table === "adj-out" ? this.#adjRibOut(query) : this.#candidates(query);
  }

  #candidates(query: RouteQuery): RoutePage {
    const wanted = query.peer === undefined ? undefined : this.#names.indexOf(query.peer);
    if (query.peer !== undefined && wanted === undefined) return { routes: [] };
    const rib = this.#context.rib.family(query.family);
    const { prefixes, next } = this.#prefixes(rib, query);
    const routes = prefixes
      .flatMap((prefix) => rib.explain(prefix))
      .filter((view) => wanted === undefined || view.peerIndex === wanted)
      .map((view) => this.#candidate(view, query.table === "adj-in"));
    return next === undefined ? { routes } : { routes, cursor: String(next) };
  }

  #prefixes(
    rib: FamilyRib,
    { prefix, cursor, limit }: RouteQuery,
  ): { readonly prefixes: readonly Prefix[]; readonly next: number | undefined } {
    if (prefix?.match === "exact") return { prefixes: [prefix.prefix], next: undefined };
    if (prefix?.match === "longest") {
      const match = longestMatch(rib, prefix.prefix);
      return { prefixes: match === undefined ? [] : [match], next: undefined };
    }
    return rib.page(positionOf(cursor), clamp(limit), prefix?.prefix);
  }

  #candidate(view: RouteView, asReceived: boolean): RouteSnapshot {
    const set = asReceived ? view.receivedSet : (view.acceptedSet ?? view.receivedSet);
    return {
      prefix: view.prefix,
      peer: this.#names.nameOf(view.peerIndex),
      ...(view.pathId !== 0 && { pathId: view.pathId }),
      attributes: decodeAttributeSet(this.#context.rib.attributeSets.octets(set)),
      best: view.best,
      multipath: view.multipath,
      stale: view.stale,
      eligible: view.eligible,
      ...(view.reason !== undefined && { reason: view.reason }),
      ...(view.eliminatedBy && { eliminatedBy: this.#names.nameOf(view.eliminatedBy.peerIndex) }),
    };
  }

  #adjRibOut({ peer, family, prefix, cursor, limit }: RouteQuery): RoutePage {
    const peerIndex = peer === undefined ? undefined : this.#names.indexOf(peer);
    if (peerIndex === undefined) return { routes: [] };
    const { groups } = this.#context;
    const member = { peerIndex, family };
    if (prefix?.match === "exact") {
      return { routes: groups.sentTo(member, prefix.prefix).map((route) => this.#sent(route)) };
    }
    const { routes, next } = groups.adjRibOut(member, positionOf(cursor), clamp(limit));
    const listed = routes.filter((route) => covers(prefix, route.prefix));
    const page = listed.map((route) => this.#sent(route));
    return next === undefined ? { routes: page } : { routes: page, cursor: String(next) };
  }

  #sent({ prefix, pathId, sourcePeer, attributeSet }: SentRoute): RouteSnapshot {
    return {
      prefix,
      peer: this.#names.nameOf(sourcePeer),
      ...(pathId !== 0 && { pathId }),
      attributes: decodeAttributeSet(this.#context.rib.attributeSets.octets(attributeSet)),
      best: true,
      multipath: false,
      stale: false,
      eligible: true,
    };
  }
}

/** The longest prefix in the table that covers the asked one; for a host prefix, the route that its packets take. */
function longestMatch(rib: FamilyRib, asked: Prefix): Prefix | undefined {
  const match = rib.longestMatch(prefixAddress(asked));
  return match !== undefined && prefixLength(match) <= prefixLength(asked) ? match : undefined;
}

function covers(asked: RouteQuery["prefix"], prefix: Prefix): boolean {
  if (asked === undefined) return true;
  return asked.match === "within"
    ? prefixContains(asked.prefix, prefix)
    : prefixContains(prefix, asked.prefix);
}

function positionOf(cursor: string | undefined): number {
  const position = Number(cursor ?? 0);
  return Number.isInteger(position) && position >= 0 ? position : 0;
}

function clamp(limit: number): number {
  return Math.min(MAX_PAGE, Math.max(1, Math.floor(limit)));
}
