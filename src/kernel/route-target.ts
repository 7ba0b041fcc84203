import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { unreachable } from "../../protocol/types/never.ts";

/** Where a route leads. Equal targets are one target to the driver, whoever names them. */
export type RouteTarget =
  /** One leg, or several for ECMP. */
  | { readonly type: "gateways"; readonly legs: readonly RouteLeg[] }
  /** Straight out of an interface, scope link: a local workload. */
  | { readonly type: "interface"; readonly interfaceIndex: number }
  /** Dropped without a word: the unassigned rest of a block of our own. */
  | { readonly type: "blackhole" };

/** One next hop of a route. */
export type RouteLeg = {
  readonly gateway: IpAddress;
  readonly interfaceIndex: number;
  /** The gateway is on the link though no route says so (RTNH_F_ONLINK). */
  readonly onLink?: boolean;
  /** 1 to 256; 1 when left out. */
  readonly weight?: number;
};

/** "via 10.0.0.1 dev 3 onlink, via 10.0.0.2 dev 4 weight 2", "dev 5" or "blackhole": canonical, and for people. */
export function formatRouteTarget(target: RouteTarget): string {
  switch (target.type) {
    case "gateways":
      return target.legs.map(formatLeg).join(", ");
    case "interface":
      return `dev ${target.interfaceIndex}`;
    case "blackhole":
      return "blackhole";
    default:
      return unreachable(target);
  }
}

/** The same target with its legs in one order and each once: how often and when they were learned does not matter. */
export function canonicalTarget(target: RouteTarget): RouteTarget {
  if (target.type !== "gateways" || target.legs.length < 2) return target;
  const byText = new Map(target.legs.map((leg) => [formatLeg(leg), leg]));
  const ordered = [...byText.keys()].sort();
  return { type: "gateways", legs: ordered.flatMap((text) => byText.get(text) ?? []) };
}

function formatLeg(leg: RouteLeg): string {
  const onLink = leg.onLink ? " onlink" : "";
  const weight = (leg.weight ?? 1) === 1 ? "" : ` weight ${leg.weight}`;
  return `via ${leg.gateway} dev ${leg.interfaceIndex}${onLink}${weight}`;
}
