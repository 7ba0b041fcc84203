import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { LinkTable } from "../kernel/link-table.ts";
import type { LinkMessage } from "../kernel/netlink/link-codec.ts";
import { SCOPE } from "../kernel/netlink/netlink-constants.ts";
import { formatRouteTarget } from "../kernel/route-target.ts";
import { isTunnelOfOurs } from "../kernel/tunnel-driver.ts";
import type { InterfaceDown } from "./next-hop-feed.ts";
import type { NextHopResolver, Resolution } from "./next-hop-resolver.ts";
import type { FromRouteWorker, InterfaceState } from "./route-worker-messages.ts";

/** Puts what the worker knows into messages for the main thread. */
export class WorkerReports {
  readonly #send: (message: FromRouteWorker) => void;
  readonly #links: LinkTable;
  readonly #resolver: NextHopResolver;

  constructor(options: {
    readonly send: (message: FromRouteWorker) => void;
    readonly links: LinkTable;
    readonly resolver: NextHopResolver;
  }) {
    this.#send = options.send;
    this.#links = options.links;
    this.#resolver = options.resolver;
  }

  nextHops(nextHops: readonly IpAddress[]): void {
    const states = nextHops.map((nextHop) => {
      const { reachable, metric, onLink, gateways } = this.#resolver.resolution(nextHop);
      const name = this.#interfaceOf(gateways);
      return {
        nextHop,
        reachable,
        metric,
        onLink,
        ...(name !== undefined && { interface: name }),
      };
    });
    if (states.length > 0) this.#send({ type: "nextHops", nextHops: states });
  }

  /** The interface that all gateways share. */
  #interfaceOf(gateways: Resolution["gateways"]): string | undefined {
    const indexes = new Set(gateways.map(({ interfaceIndex }) => interfaceIndex));
    const [index] = indexes;
    return indexes.size === 1 && index !== undefined ? this.#links.byIndex(index)?.name : undefined;
  }

  links(): void {
    const interfaces = Array.from(this.#links.links(), (link): InterfaceState => {
      const { name, index, up, carrier, mtu } = link;
      const addresses = this.#links.addressesOf(index).map(({ address }) => address);
      const tunnel = isTunnelOfOurs(link) ? tunnelOf(link) : undefined;
      return { name, index, up, carrier, mtu, addresses, ...(tunnel && { tunnel }) };
    });
    this.#send({ type: "links", interfaces });
  }

  interfaceDown(down: InterfaceDown): void {
    this.#send({ type: "interfaceDown", ...down });
  }

  /** Says of each next hop that changed where it leads now, or why nowhere. */
  resolutions(changed: readonly Resolution[]): void {
    for (const { nextHop, reachable, gateways, reason } of changed) {
      if (!reachable) this.log("warn", "nexthop.unreachable", { nextHop, reason });
      else {
        const via = gateways.map((leg) => formatRouteTarget({ type: "gateways", legs: [leg] }));
        this.log("info", "nexthop.reachable", { nextHop, via });
      }
    }
  }

  log(level: "debug" | "info" | "warn" | "error", name: string, fields: object): void {
    this.#send({ type: "log", level, name, fields: { ...fields } });
  }

  /** What a peer may not name as its next hop; loopback addresses are martians anyway. */
  ownAddresses(): IpAddress[] {
    const ours = Array.from(this.#links.addresses()).filter(({ scope }) => scope !== SCOPE.host);
    return [...new Set(ours.map(({ address }) => address))];
  }
}

function tunnelOf({ vxlan }: LinkMessage): InterfaceState["tunnel"] {
  return vxlan === undefined ? { type: "ipip" } : { type: "vxlan", port: vxlan.port };
}
