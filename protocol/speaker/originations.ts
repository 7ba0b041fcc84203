import type { Rib } from "../rib/rib.ts";
import type { Community, LargeCommunity } from "../types/community.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../types/family.ts";
import { type Prefix, prefixAddress, prefixFamily, prefixLength } from "../types/prefix.ts";
import { encodeAttributeSet } from "../wire/attribute-set.ts";
import { wordsOf } from "./host-set.ts";
import { sameContent } from "./peer-change.ts";
import type { Origination } from "./speaker-config.ts";

/** The peer index of this host itself. */
const LOCAL = 0;

/** What this host originates: a desired set whose differences go into the RIB as routes of our own. RFC 4271 §9.2.1.2. */
export class Originations {
  readonly #rib: Rib;
  #routes: ReadonlyMap<Prefix, Origination> = new Map();

  constructor(rib: Rib) {
    this.#rib = rib;
  }

  get size(): number {
    return this.#routes.size;
  }

  /** Replaces the whole set; answers the families in which something changed. Of two with one prefix the last counts. */
  replace(routes: readonly Origination[]): ReadonlySet<Family> {
    const desired = new Map(routes.map((route) => [route.prefix, route] as const));
    const touched = new Set<Family>();
    for (const [prefix] of this.#routes) {
      if (desired.has(prefix)) continue;
      this.#rib
        .family(prefixFamily(prefix))
        .withdraw(LOCAL, wordsOf(prefixAddress(prefix)), prefixLength(prefix), 0);
      touched.add(prefixFamily(prefix));
    }
    for (const [prefix, route] of desired) {
      if (sameContent(this.#routes.get(prefix), route)) continue;
      this.#announce(route);
      touched.add(prefixFamily(prefix));
    }
    this.#routes = desired;
    this.#rib.interfaces.setOwn(desired.values());
    return touched;
  }

  #announce(route: Origination): void {
    const { prefix } = route;
    const octets = originatedSet(route);
    const set = this.#rib.attributeSets.intern(octets, 0, octets.length);
    this.#rib
      .family(prefixFamily(prefix))
      .announce(LOCAL, wordsOf(prefixAddress(prefix)), prefixLength(prefix), 0, set, set);
  }
}

/** The canonical attribute set of a route of our own. */
export function originatedSet({ localPref, med, communities = [] }: Origination): Uint8Array {
  return encodeAttributeSet({
    // Ours towards each peer: the export side fills it in.
    nextHop: undefined,
    origin: "igp",
    asPath: [],
    ...(med !== undefined && { med }),
    ...(localPref !== undefined && { localPref }),
    ...listed("communities", communities.filter(isStandard)),
    ...listed("largeCommunities", communities.filter(isLarge)),
  });
}

/** The families that a Speaker routes. */
export const ROUTED_FAMILIES: readonly Family[] = [IPV4_UNICAST, IPV6_UNICAST];

function isStandard(community: Community | LargeCommunity): community is Community {
  return typeof community === "number";
}

function isLarge(community: Community | LargeCommunity): community is LargeCommunity {
  return typeof community === "string";
}

function listed<Name extends string, Item>(
  name: Name,
  items: readonly Item[],
): { readonly [name in Name]?: readonly Item[] } {
  return items.length === 0
    ? {}
    : ({ [name]: items } as unknown as { readonly [name in Name]: readonly Item[] });
}
