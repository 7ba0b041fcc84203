import { ipAddressToBytes, ipVersion } from "../../../protocol/types/ip-address.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../../protocol/types/prefix.ts";
import type { OwnRoute, OwnRouteSource } from "../route-driver.ts";
import type { FamilyRoutes } from "./family-routes.ts";

/** Who wants a route of this host's own. For one key (prefix, metric) the first in this order wins, and all win over learned ones. */
const OWN_ROUTE_SOURCES = ["local", "static", "blackhole"] as const;

/** IP6_RT_PRIO_USER: what the kernel makes of metric 0. */
const IPV6_DEFAULT_METRIC = 1024;

/** The metric that a route of the family gets when this one is asked for. */
export function kernelMetric(version: 4 | 6, metric: number): number {
  return version === 6 ? metric || IPV6_DEFAULT_METRIC : metric;
}

/** The address of a prefix as the columns hold it: one word or four, in the host's order. */
export function prefixWords(prefix: Prefix): Uint32Array {
  const octets = Buffer.from(ipAddressToBytes(prefixAddress(prefix)));
  return Uint32Array.from({ length: octets.length / 4 }, (_, i) => octets.readUInt32BE(4 * i));
}

/** The whole desired sets of the host's own sources, in one family. They are small: no walk over all rows here. */
export class OwnWishes {
  readonly #routes: FamilyRoutes;

  constructor(routes: FamilyRoutes) {
    this.#routes = routes;
  }

  /** Takes the wishes of this family out of the set; the rows of those that differ are queued. */
  set(source: OwnRouteSource, wishes: readonly OwnRoute[]): void {
    const { ownTargets } = this.#routes;
    const before = ownTargets.get(source) ?? NOTHING;
    const wanted = this.#rowsOf(wishes);
    ownTargets.set(source, wanted);
    for (const row of before.keys()) if (!wanted.has(row)) this.#changed(row);
    for (const [row, target] of wanted) if (before.get(row) !== target) this.#changed(row);
  }

  /** A wanted row is never freed, so its number still means the same key. */
  #changed(row: number): void {
    const { ownTargets, columns } = this.#routes;
    const strongest = OWN_ROUTE_SOURCES.find((source) => ownTargets.get(source)?.has(row));
    columns.own[row] = strongest === undefined ? 0 : (ownTargets.get(strongest)?.get(row) ?? 0);
    this.#routes.wishChanged(row);
  }

  /** Rows and targets. A target that the family cannot express (IPv6 over an IPv4 gateway) is no wish. */
  #rowsOf(wishes: readonly OwnRoute[]): Map<number, number> {
    const { version, columns, targets } = this.#routes;
    const rows = new Map<number, number>();
    for (const { prefix, metric, target } of wishes) {
      if (ipVersion(prefixAddress(prefix)) !== version) continue;
      const id = targets.intern(target);
      if (id === 0) continue;
      const length = prefixLength(prefix);
      const row = columns.findOrAdd(prefixWords(prefix), 0, length, kernelMetric(version, metric));
      rows.set(row, id);
    }
    return rows;
  }
}

const NOTHING: ReadonlyMap<number, number> = new Map();
