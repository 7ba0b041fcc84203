import { type IpAddress, ipAddressToBytes, ipVersion } from "../../protocol/types/ip-address.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../protocol/types/prefix.ts";
import type { RouteLeg } from "../kernel/route-target.ts";
import { LongestMatchTrie } from "./longest-match-trie.ts";

/**
 * Resolves BGP next hops as the kernel would forward to them: the local table first, then the longest match of the main
 * table. It holds every route that did not itself need resolution, so that a learned route can never carry its own next
 * hop, and the state of every link, because the kernel keeps routes over a link that lost its carrier. Results are
 * shared: a next hop is resolved once a change, however many routes use it. Pure: NextHopFeed tells it of the kernel.
 * Not done: rules and tables besides these two are not consulted, and weights of a static's legs are not taken over.
 */
export class NextHopResolver {
  readonly #local = {
    4: new LongestMatchTrie<PrefixRoutes>(),
    6: new LongestMatchTrie<PrefixRoutes>(),
  };
  readonly #main = {
    4: new LongestMatchTrie<PrefixRoutes>(),
    6: new LongestMatchTrie<PrefixRoutes>(),
  };
  #links = new Map<number, LinkState>();
  #ownRoutes: readonly ResolvingRoute[] = [];
  readonly #resolutions = new Map<IpAddress, Resolution>();

  /** Adds a route; one that says the same stands only once. */
  addRoute(route: ResolvingRoute): void {
    const at = prefixKey(route.prefix);
    const trie = this.#table(route.table)[at.version];
    const others = (trie.get(at.bytes, at.length) ?? []).filter(
      (other) => !sameRoute(other, route),
    );
    // The first of equal metrics is the one that the kernel uses; later ones stand behind it.
    const routes = [...others, route].sort((a, b) => a.metric - b.metric);
    trie.set(at.bytes, at.length, routes);
  }

  /** Removes the route that says exactly this. */
  removeRoute(route: ResolvingRoute): void {
    this.#removeWhere(route, (other) => sameRoute(other, route));
  }

  /** Removes all routes of this table, prefix and metric: the kernel replaced them. */
  removeKey(route: Pick<ResolvingRoute, "table" | "prefix" | "metric">): void {
    this.#removeWhere(route, (other) => other.metric === route.metric);
  }

  /** Replaces all routes of the kernel for one IP version; our own stay. */
  setRoutes(version: 4 | 6, routes: Iterable<ResolvingRoute>): void {
    this.#local[version] = new LongestMatchTrie();
    this.#main[version] = new LongestMatchTrie();
    for (const route of routes) this.addRoute(route);
    for (const route of this.#ownRoutes)
      if (ipVersion(prefixAddress(route.prefix)) === version) this.addRoute(route);
  }

  /** The routes of ours that did not need resolution themselves: workloads, blackholes, and static routes to peers. */
  setOwnRoutes(routes: readonly ResolvingRoute[]): void {
    for (const route of this.#ownRoutes) this.removeRoute(route);
    this.#ownRoutes = routes;
    for (const route of routes) this.addRoute(route);
  }

  setLinks(links: Iterable<LinkState>): void {
    this.#links = new Map(Array.from(links, (link) => [link.index, link]));
  }

  /** What the next hop resolves to, by the last refresh. One that was never asked for is resolved now and followed. */
  resolution(nextHop: IpAddress): Resolution {
    const known = this.#resolutions.get(nextHop);
    if (known !== undefined) return known;
    const resolution = this.#resolve(nextHop);
    this.#resolutions.set(nextHop, resolution);
    return resolution;
  }

  /** Resolves every followed next hop again and gives those that changed. Next hops that nobody wants are let go. */
  refresh(isWanted: (nextHop: IpAddress) => boolean): Resolution[] {
    const changed: Resolution[] = [];
    for (const [nextHop, before] of this.#resolutions) {
      if (!isWanted(nextHop)) {
        this.#resolutions.delete(nextHop);
        continue;
      }
      const now = this.#resolve(nextHop);
      if (sameResolution(before, now)) continue;
      this.#resolutions.set(nextHop, now);
      changed.push(now);
    }
    return changed;
  }

  /** Interfaces that lead out: of followed next hops, and of default routes. */
  uplinks(): Set<number> {
    const indexes = new Set<number>();
    for (const { gateways } of this.#resolutions.values())
      for (const { interfaceIndex } of gateways) indexes.add(interfaceIndex);
    for (const size of [4, 16] as const) {
      const defaults = this.#main[size === 4 ? 4 : 6].get(new Uint8Array(size), 0) ?? [];
      for (const { interfaceIndex } of defaults.flatMap(({ legs }) => legs))
        if (interfaceIndex !== undefined) indexes.add(interfaceIndex);
    }
    return indexes;
  }

  #resolve(nextHop: IpAddress): Resolution {
    // A link-local address means nothing without its interface, and a NEXT_HOP attribute has none. RFC 2545 §3.
    if (isLinkLocal(nextHop)) return unresolved(nextHop, "link-local next hop");
    return this.#lookUp(nextHop, []);
  }

  /** `passed` are the static routes that led here: none of them may carry its own gateway. */
  #lookUp(address: IpAddress, passed: readonly ResolvingRoute[]): Resolution {
    const version = ipVersion(address);
    const bytes = ipAddressToBytes(address);
    const own = this.#local[version].longestMatch(bytes, () => true)?.[0];
    if (own !== undefined)
      return unresolved(address, own.type === "local" ? "own address" : own.type);
    const usable = (routes: PrefixRoutes) => routes.find((route) => !passed.includes(route));
    const covering = this.#main[version].longestMatch(
      bytes,
      (routes) => usable(routes) !== undefined,
    );
    const route = covering && usable(covering);
    if (route === undefined) return unresolved(address, "no route");
    if (route.type !== "unicast") return unresolved(address, `${route.type} ${route.prefix}`);
    return this.#resolveLegs(address, route, [...passed, route]);
  }

  #resolveLegs(
    address: IpAddress,
    route: ResolvingRoute,
    passed: readonly ResolvingRoute[],
  ): Resolution {
    const gateways: RouteLeg[] = [];
    let metric = route.metric;
    let reason = `${route.prefix} leads nowhere`;
    for (const leg of route.legs) {
      if (leg.interfaceIndex === undefined) {
        // A static route of ours names only its gateway: go on from there.
        const further = this.#lookUp(leg.gateway, passed);
        gateways.push(...further.gateways);
        metric = further.metric;
        reason = further.reason ?? reason;
        continue;
      }
      const { gateway = address, interfaceIndex, onLink } = leg;
      const fault = faultOf(this.#links.get(interfaceIndex));
      if (fault === undefined) gateways.push({ gateway, interfaceIndex, onLink });
      else reason = fault;
    }
    if (gateways.length === 0) return unresolved(address, reason);
    const onLink = route.legs.some((leg) => leg.gateway === undefined);
    return { nextHop: address, reachable: true, metric, onLink, gateways: distinct(gateways) };
  }

  #table(name: ResolvingRoute["table"]) {
    return name === "local" ? this.#local : this.#main;
  }

  #removeWhere(
    { table, prefix }: Pick<ResolvingRoute, "table" | "prefix">,
    gone: (other: ResolvingRoute) => boolean,
  ): void {
    const at = prefixKey(prefix);
    const trie = this.#table(table)[at.version];
    const left = (trie.get(at.bytes, at.length) ?? []).filter((other) => !gone(other));
    if (left.length === 0) trie.delete(at.bytes, at.length);
    else trie.set(at.bytes, at.length, left);
  }
}

/** A route of the kernel that may resolve next hops, or a static one of ours whose leg has no interface yet. */
export type ResolvingRoute = {
  readonly table: "local" | "main";
  readonly prefix: Prefix;
  readonly metric: number;
  /** "unicast", or why nothing is forwarded: "local", "broadcast", "blackhole", "unreachable", "prohibit", "throw", … */
  readonly type: string;
  readonly legs: readonly ResolvingLeg[];
};

/** One way of a route: over an interface to a gateway or to the destination itself, or a gateway to be looked up. */
export type ResolvingLeg =
  | {
      readonly gateway: IpAddress | undefined;
      readonly interfaceIndex: number;
      readonly onLink: boolean;
    }
  | { readonly gateway: IpAddress; readonly interfaceIndex: undefined; readonly onLink: false };

/** What counts of a link: whether packets can leave over it. */
export type LinkState = {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly carrier: boolean;
};

/** The answer for one next hop: the neighbours to which packets go first. Unreachable ones have none and say why. */
export type Resolution = {
  readonly nextHop: IpAddress;
  readonly reachable: boolean;
  readonly metric: number;
  readonly onLink: boolean;
  readonly gateways: readonly RouteLeg[];
  readonly reason?: string;
};

type PrefixRoutes = readonly ResolvingRoute[];

function unresolved(nextHop: IpAddress, reason: string): Resolution {
  return { nextHop, reachable: false, metric: 0, onLink: false, gateways: [], reason };
}

function faultOf(link: LinkState | undefined): string | undefined {
  if (link === undefined) return "unknown interface";
  if (!link.up) return `${link.name} is down`;
  return link.carrier ? undefined : `${link.name} has no carrier`;
}

function prefixKey(prefix: Prefix) {
  const address = prefixAddress(prefix);
  return {
    version: ipVersion(address),
    bytes: ipAddressToBytes(address),
    length: prefixLength(prefix),
  };
}

/** fe80::/10. RFC 4291 §2.5.6. */
function isLinkLocal(address: IpAddress): boolean {
  return /^fe[89ab][0-9a-f]:/.test(address);
}

function distinct(gateways: readonly RouteLeg[]): readonly RouteLeg[] {
  if (gateways.length < 2) return gateways;
  return [...new Map(gateways.map((gateway) => [gatewayKey(gateway), gateway])).values()];
}

function gatewayKey({ gateway, interfaceIndex, onLink }: RouteLeg): string {
  return `${gateway}%${interfaceIndex}${onLink ? "!" : ""}`;
}

function sameRoute(a: ResolvingRoute, b: ResolvingRoute): boolean {
  return (
    a.metric === b.metric &&
    a.type === b.type &&
    a.legs.length === b.legs.length &&
    a.legs.every((leg, i) => sameLeg(leg, b.legs[i] as ResolvingLeg))
  );
}

function sameLeg(a: ResolvingLeg, b: ResolvingLeg): boolean {
  return a.gateway === b.gateway && a.interfaceIndex === b.interfaceIndex && a.onLink === b.onLink;
}

function sameResolution(a: Resolution, b: Resolution): boolean {
  return (
    a.reachable === b.reachable &&
    a.metric === b.metric &&
    a.onLink === b.onLink &&
    a.gateways.length === b.gateways.length &&
    a.gateways.every((gateway, i) => gatewayKey(gateway) === gatewayKey(b.gateways[i] as RouteLeg))
  );
}
