import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { LinkTable } from "../kernel/link-table.ts";
import type { KernelEvent } from "../kernel/netlink/kernel-event.ts";
import type { LinkMessage } from "../kernel/netlink/link-codec.ts";
import { MESSAGE, TABLE } from "../kernel/netlink/netlink-constants.ts";
import type { NetlinkSocket } from "../kernel/netlink/netlink-socket.ts";
import { type RouteMessage, readRoute, writeRouteDump } from "../kernel/netlink/route-codec.ts";
import type { NextHopResolver, ResolvingLeg, ResolvingRoute } from "./next-hop-resolver.ts";

const MESSAGE_HEADER_OCTETS = 16;
/** Where rtm_protocol stands in struct rtmsg. */
const PROTOCOL_OFFSET = 5;

/**
 * Tells the resolver what the kernel says about routes and links: a dump first, notifications afterwards. The kernel
 * does not tell all (routes that go with an address or a link, legs of an IPv6 multipath route), so what it tells about
 * others' routes is applied at once and confirmed by the next dump.
 */
export class NextHopFeed {
  readonly #resolver: NextHopResolver;
  readonly #links: LinkTable;
  readonly #routeProtocol: number;
  #routesAreDoubtful = false;

  /** Routes of `routeProtocol` are ours and never resolve anything here: the resolver is told of them by those who want them. */
  constructor(options: {
    readonly resolver: NextHopResolver;
    readonly links: LinkTable;
    readonly routeProtocol: number;
  }) {
    this.#resolver = options.resolver;
    this.#links = options.links;
    this.#routeProtocol = options.routeProtocol;
  }

  /** True when only a dump of the routes can say what holds now. */
  get routesAreDoubtful(): boolean {
    return this.#routesAreDoubtful;
  }

  /** Reads the routes of all others anew. Ours may be a million: they are passed over by one octet of their header. */
  loadRoutes(socket: NetlinkSocket): void {
    for (const version of [4, 6] as const) {
      let routes: ResolvingRoute[] = [];
      socket.dump("dump of routes", {
        type: MESSAGE.getRoute,
        write: (writer) => writeRouteDump(writer, { version }),
        restart: () => {
          routes = [];
        },
        visit: (datagram) => {
          for (const message of this.#othersRoutes(datagram)) {
            const route = this.#resolvingRoute(message);
            if (route !== undefined) routes.push(route);
          }
        },
      });
      this.#resolver.setRoutes(version, routes);
    }
    this.#routesAreDoubtful = false;
  }

  /** Reads links and addresses anew; answers the interfaces that went down unseen. */
  loadLinks(socket: NetlinkSocket): InterfaceDown[] {
    const before = [...this.#links.links()].filter(isUsable).map((link) => this.#down(link));
    this.#links.load(socket);
    this.#resolver.setLinks(this.#links.links());
    return before.filter(({ interface: name }) => !isUsable(this.#links.byName(name)));
  }

  /** Takes a notification, also for the table of links, and says what it means. */
  handle(event: KernelEvent): NextHopFeedChange {
    switch (event.type) {
      case "route":
        return { resolution: this.#handleRoute(event, event.route), links: false };
      case "link":
        return this.#handleLink(event, event.link);
      case "address":
        this.#links.handle(event);
        // Routes that prefer an address as their source go with it, and silently.
        if (event.change === "deleted") this.#routesAreDoubtful = true;
        return { resolution: true, links: true };
      default:
        return NOTHING;
    }
  }

  /** Walks a datagram of a dump by its length fields: a message of ours costs two reads. */
  #othersRoutes(datagram: Buffer): RouteMessage[] {
    const routes: RouteMessage[] = [];
    let at = 0;
    while (at + MESSAGE_HEADER_OCTETS + PROTOCOL_OFFSET < datagram.length) {
      const length = datagram.readUInt32LE(at);
      const payload = at + MESSAGE_HEADER_OCTETS;
      if (datagram[payload + PROTOCOL_OFFSET] !== this.#routeProtocol) {
        const route = readRoute(datagram.subarray(payload, at + length));
        if (route !== undefined) routes.push(route);
      }
      at += Math.max(MESSAGE_HEADER_OCTETS, (length + 3) & ~3);
    }
    return routes;
  }

  #handleRoute({ change, replaced }: KernelEvent, message: RouteMessage): boolean {
    const route =
      message.protocol === this.#routeProtocol ? undefined : this.#resolvingRoute(message);
    if (route === undefined) return false;
    if (change === "deleted") this.#resolver.removeRoute(route);
    else {
      if (replaced) this.#resolver.removeKey(route);
      this.#resolver.addRoute(route);
    }
    this.#routesAreDoubtful = true;
    return true;
  }

  #handleLink(event: KernelEvent, { index }: LinkMessage): NextHopFeedChange {
    const before = this.#links.byIndex(index);
    const down = before && this.#down(before);
    this.#links.handle(event);
    const after = this.#links.byIndex(index);
    if (
      before?.name === after?.name &&
      before?.up === after?.up &&
      before?.carrier === after?.carrier
    ) {
      return { resolution: false, links: true };
    }
    // Routes go and come with their link, and IPv4 does not say so.
    this.#routesAreDoubtful = true;
    this.#resolver.setLinks(this.#links.links());
    const died = isUsable(before) && !isUsable(after);
    return { resolution: true, links: true, ...(died && down ? { down } : {}) };
  }

  #down({ index, name }: LinkMessage): InterfaceDown {
    return {
      interface: name,
      addresses: this.#links.addressesOf(index).map(({ address }) => address),
    };
  }

  #resolvingRoute(message: RouteMessage): ResolvingRoute | undefined {
    const { table, prefix, metric, kind, legs, cloned, tos } = message;
    // A route for one type of service says nothing about ordinary packets.
    if (cloned || tos !== 0 || (table !== TABLE.main && table !== TABLE.local)) return undefined;
    return {
      table: table === TABLE.main ? "main" : "local",
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
