import { ipAddressToBytes, ipVersion } from "../../../protocol/types/ip-address.ts";
import { unreachable } from "../../../protocol/types/never.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../../protocol/types/prefix.ts";
import type { OwnRoute, OwnRouteSource } from "../route-driver.ts";
import type { FamilyRoutes } from "./family-routes.ts";
import type { RouteColumns } from "./route-columns.ts";

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
  /** The rows that each source wants; a wanted row is never freed. */
  readonly #rows = new Map<OwnRouteSource, ReadonlyMap<number, number>>();

  constructor(routes: FamilyRoutes) {
    this.#routes = routes;
  }

  /** Takes the wishes of this family out of the set; the rows of those that differ are queued. */
  set(source: OwnRouteSource, wishes: readonly OwnRoute[]): void {
    const { columns } = this.#routes;
    const wanted = this.#rowsOf(wishes);
    for (const row of this.#rows.get(source)?.keys() ?? []) {
      if (!wanted.has(row)) this.#assign(source, row, 0);
    }
    for (const [row, target] of wanted) {
      if (ownColumn(columns, source)[row] !== target) this.#assign(source, row, target);
    }
    this.#rows.set(source, wanted);
  }

  #assign(source: OwnRouteSource, row: number, target: number): void {
    ownColumn(this.#routes.columns, source)[row] = target;
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

function ownColumn(columns: RouteColumns, source: OwnRouteSource): Uint32Array {
  switch (source) {
    case "local":
      return columns.local;
    case "static":
      return columns.fixed;
    case "blackhole":
      return columns.blackhole;
    default:
      return unreachable(source);
  }
}
