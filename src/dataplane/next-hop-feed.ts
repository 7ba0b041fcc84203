import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { AddressMessage } from "../kernel/netlink/address-codec.ts";
import type { KernelEvent } from "../kernel/netlink/kernel-event.ts";
import type { LinkMessage } from "../kernel/netlink/link-codec.ts";
import type { RouteMessage } from "../kernel/netlink/route-codec.ts";
import type { NextHopResolver, ResolvingLeg, ResolvingRoute } from "./next-hop-resolver.ts";
import type { InterfaceState } from "./route-worker-messages.ts";

const MAIN_TABLE = 254;
const LOCAL_TABLE = 255;

/**
 * Tells the resolver what the kernel says about routes, links and addresses: a dump first, notifications afterwards.
 * The kernel does not tell all (routes that go with an address or a link, legs of an IPv6 multipath route), so what it
 * tells about others' routes is applied at once and confirmed by the next dump.
 */
export class NextHopFeed {
  readonly #resolver: NextHopResolver;
  readonly #routeProtocol: number;
  readonly #links = new Map<number, LinkMessage>();
  readonly #addresses = new Map<number, IpAddress[]>();
  #routesAreDoubtful = false;

  /** Routes of `routeProtocol` are ours and never resolve anything here: the resolver is told of them by those who want them. */
  constructor(resolver: NextHopResolver, options: { readonly routeProtocol: number }) {
    this.#resolver = resolver;
    this.#routeProtocol = options.routeProtocol;
  }

  /** True when only a dump of the routes can say what holds now. */
  get routesAreDoubtful(): boolean {
    return this.#routesAreDoubtful;
  }

  resetRoutes(routes: Iterable<RouteMessage>): void {
    this.#routesAreDoubtful = false;
    this.#resolver.clearRoutes();
    for (const message of routes) {
      const route = this.#resolvingRoute(message);
      if (route !== undefined) this.#resolver.addRoute(route);
    }
  }

  /** Replaces what is known of links and addresses; answers the interfaces that went down unseen. */
  resetLinks(links: Iterable<LinkMessage>, addresses: Iterable<AddressMessage>): InterfaceDown[] {
    const before = [...this.#links.values()].filter(isUsable);
    const addressesBefore = new Map(this.#addresses);
    this.#links.clear();
    for (const link of links) this.#links.set(link.index, link);
    this.#addresses.clear();
    for (const address of addresses) this.#addAddress(address);
    this.#resolver.setLinks(this.#links.values());
    return before
      .filter(({ index }) => !isUsable(this.#links.get(index)))
      .map(({ index, name }) => ({ interface: name, addresses: addressesBefore.get(index) ?? [] }));
  }

  /** Takes a notification and says what it means. */
  handle(event: KernelEvent): NextHopFeedChange {
    switch (event.type) {
      case "route":
        return { resolution: this.#handleRoute(event, event.route), links: false };
      case "link":
        return this.#handleLink(event.change, event.link);
      case "address":
        return this.#handleAddress(event.change, event.address);
      default:
        return NOTHING;
    }
  }

  /** Every interface with its addresses. */
  interfaces(): InterfaceState[] {
    return [...this.#links.values()]
      .sort((a, b) => a.index - b.index)
      .map(({ name, index, up, carrier, mtu }) => ({
        name,
        index,
        up,
        carrier,
        mtu,
        addresses: this.#addresses.get(index) ?? [],
      }));
  }

  links(): readonly LinkMessage[] {
    return [...this.#links.values()];
  }

  linkName(index: number): string | undefined {
    return this.#links.get(index)?.name;
  }

  #handleRoute({ change, replaced }: KernelEvent, message: RouteMessage): boolean {
    const route = this.#resolvingRoute(message);
    if (route === undefined) return false;
    if (change === "deleted") this.#resolver.removeRoute(route);
    else {
      if (replaced) this.#resolver.removeKey(route);
      this.#resolver.addRoute(route);
    }
    this.#routesAreDoubtful = true;
    return true;
  }

  #handleLink(change: KernelEvent["change"], link: LinkMessage): NextHopFeedChange {
    const before = this.#links.get(link.index);
    if (change === "new") this.#links.set(link.index, link);
    else this.#links.delete(link.index);
    const after = this.#links.get(link.index);
    const same = before?.up === after?.up && before?.carrier === after?.carrier;
    if (same && before?.name === after?.name)
      return { resolution: false, links: before?.mtu !== after?.mtu };
    // Routes go and come with their link, and IPv4 does not say so.
    this.#routesAreDoubtful = true;
    this.#resolver.setLinks(this.#links.values());
    const addresses = this.#addresses.get(link.index) ?? [];
    if (after === undefined) this.#addresses.delete(link.index);
    if (!isUsable(before) || isUsable(after)) return { resolution: true, links: true };
    const down = { interface: before?.name ?? link.name, addresses };
    return { resolution: true, links: true, down };
  }

  #handleAddress(change: KernelEvent["change"], address: AddressMessage): NextHopFeedChange {
    if (change === "new") this.#addAddress(address);
    else {
      const left = this.#addresses.get(address.interfaceIndex) ?? [];
      this.#addresses.set(
        address.interfaceIndex,
        left.filter((other) => other !== address.address),
      );
      // Routes that prefer this address as their source go silently with it.
      this.#routesAreDoubtful = true;
    }
    return { resolution: true, links: true };
  }

  #addAddress({ interfaceIndex, address }: AddressMessage): void {
    const others = this.#addresses.get(interfaceIndex) ?? [];
    if (!others.includes(address)) this.#addresses.set(interfaceIndex, [...others, address]);
  }

  #resolvingRoute(message: RouteMessage): ResolvingRoute | undefined {
    const { table, prefix, metric, protocol, kind, legs, cloned, tos } = message;
    // A route for one type of service carries none of BGP's packets unless it is the default one.
    if (protocol === this.#routeProtocol || cloned || tos !== 0) return undefined;
    if (table !== MAIN_TABLE && table !== LOCAL_TABLE) return undefined;
    return {
      table: table === MAIN_TABLE ? "main" : "local",
      prefix,
      metric,
      type: kind,
      legs: kind === "unicast" ? legs.flatMap(resolvingLeg) : [],
    };
  }
}

/** What a notification means for others: next hops may resolve otherwise; links or addresses differ; an interface is dead. */
export type NextHopFeedChange = {
  readonly resolution: boolean;
  readonly links: boolean;
  readonly down?: InterfaceDown;
};

/** An interface over which nothing passes any more, and the addresses that it had. */
export type InterfaceDown = {
  readonly interface: string;
  readonly addresses: readonly IpAddress[];
};

const NOTHING: NextHopFeedChange = { resolution: false, links: false };

function isUsable(link: LinkMessage | undefined): boolean {
  return link?.up === true && link.carrier;
}

function resolvingLeg({
  gateway,
  interfaceIndex,
  onLink,
}: RouteMessage["legs"][number]): ResolvingLeg[] {
  return interfaceIndex === undefined ? [] : [{ gateway, interfaceIndex, onLink }];
}
