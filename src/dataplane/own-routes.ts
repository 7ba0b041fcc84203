import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { ipVersion } from "../../protocol/types/ip-address.ts";
import { type Prefix, prefixAddress } from "../../protocol/types/prefix.ts";
import type { PendingChange } from "../kernel/link-driver.ts";
import type { OwnRoute, OwnRouteSource } from "../kernel/route-driver.ts";
import { targetOf } from "./best-routes.ts";
import type { NextHopResolver, ResolvingRoute } from "./next-hop-resolver.ts";
import type { LocalDataplane } from "./route-worker-messages.ts";
import type { WorkloadRoute } from "./workload-interfaces.ts";

/** This host's own routes, as the driver wants them, and what cannot be installed yet. */
export type OwnRoutes = {
  readonly bySource: { readonly [source in OwnRouteSource]: readonly OwnRoute[] };
  readonly pending: readonly PendingChange[];
};

/**
 * Routes to local workloads, blackholes for the blocks of this host, and static routes to peers. All have the metric of
 * learned routes, so that for one prefix they are one key of the kernel, and the driver's order of sources decides:
 * a learned route never stands beside a local one.
 */
export function ownRoutes(
  local: LocalDataplane,
  reachable: readonly WorkloadRoute[],
  resolver: NextHopResolver,
): OwnRoutes {
  const metricFor = (prefix: Prefix) => metricOf(local, prefix);
  const pending: PendingChange[] = [];
  const toPeers: OwnRoute[] = [];
  for (const { prefix, gateway } of local.staticRoutes) {
    const { gateways, reason } = resolver.resolution(gateway);
    const target = targetOf(gateways);
    if (target !== undefined) toPeers.push({ prefix, metric: metricFor(prefix), target });
    else pending.push({ what: `${prefix} via ${gateway}`, reason: reason ?? "unresolved" });
  }
  const workloads = reachable.map(({ prefix, interfaceIndex }) => ({
    prefix,
    metric: metricFor(prefix),
    target: { type: "interface" as const, interfaceIndex },
  }));
  const blackholes = local.blackholes.map((prefix) => ({
    prefix,
    metric: metricFor(prefix),
    target: { type: "blackhole" as const },
  }));
  return { bySource: { local: workloads, static: toPeers, blackhole: blackholes }, pending };
}

/** The same routes for the resolver: none of them needed a learned route to be resolved. */
export function ownResolvingRoutes(
  local: LocalDataplane,
  reachable: readonly WorkloadRoute[],
): ResolvingRoute[] {
  const table = "main";
  const workloads = reachable.map(({ prefix, interfaceIndex }) => {
    const legs = [{ gateway: undefined, interfaceIndex, onLink: false }];
    return { table, prefix, metric: metricOf(local, prefix), type: "unicast", legs } as const;
  });
  const blackholes = local.blackholes.map(
    (prefix) =>
      ({ table, prefix, metric: metricOf(local, prefix), type: "blackhole", legs: [] }) as const,
  );
  const toPeers = local.staticRoutes.map(({ prefix, gateway }) => {
    const legs = [{ gateway, interfaceIndex: undefined, onLink: false as const }];
    return { table, prefix, metric: metricOf(local, prefix), type: "unicast", legs } as const;
  });
  // In the driver's order of precedence, which the resolver keeps between equal metrics.
  return [...workloads, ...toPeers, ...blackholes];
}

/** The gateways of static routes, which are next hops like any other. */
export function staticGateways(local: LocalDataplane): IpAddress[] {
  return local.staticRoutes.map(({ gateway }) => gateway);
}

/** The kernel metric of learned routes of the prefix's family. */
export function metricOf({ routeMetric }: LocalDataplane, prefix: Prefix): number {
  return ipVersion(prefixAddress(prefix)) === 4 ? routeMetric.ipv4 : routeMetric.ipv6;
}
