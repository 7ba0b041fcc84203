import type { Family } from "../../protocol/types/family.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";
import type { KernelEvent } from "./netlink/kernel-event.ts";
import type { NetlinkSocket } from "./netlink/netlink-socket.ts";
import type { RouteTarget } from "./route-target.ts";

/** Who wants a route. For one key (prefix, metric) the first in this order wins; the others wait behind it. */
export const ROUTE_SOURCES = ["local", "static", "blackhole", "learned"] as const;

/** The sources that hand in their whole desired set at once. */
export type OwnRouteSource = "local" | "static" | "blackhole";

/** One route of a small set. Metric 0 is the kernel's default: 0 for IPv4, 1024 for IPv6. */
export type OwnRoute = {
  readonly prefix: Prefix;
  readonly metric: number;
  readonly target: RouteTarget;
};

/**
 * Changed routes in columns, for i < count: `addresses` holds one word a route for IPv4 and four for IPv6, most
 * significant first, host byte order; `gatewaySets[i]` is a number given to defineGatewaySets, or 0 for "no route".
 */
export type LearnedRouteBatch = {
  readonly family: Family;
  readonly metric: number;
  readonly count: number;
  readonly addresses: Uint32Array;
  readonly lengths: Uint8Array;
  readonly gatewaySets: Uint32Array;
};

/** What a gateway set means from now on; undefined: its next hops do not resolve, and its routes must go. */
export type GatewaySetDefinition = {
  readonly index: number;
  readonly target: RouteTarget | undefined;
};

/** What one call of apply did. `remaining` counts routes that it did not come to. */
export type ApplyProgress = {
  readonly written: number;
  readonly failed: number;
  readonly remaining: number;
};

/** For `tortie status`. */
export type RouteDriverStatus = {
  readonly desired: number;
  readonly installed: number;
  readonly pendingCount: number;
  readonly pending: readonly { readonly route: string; readonly reason: string }[];
};

/** Brings the routes of one protocol number in one table to a desired state. */
export interface RouteDriverApi {
  /** Dumps what an earlier process left; kept until `sweep`. Call it once, first. Answers how many there are by family. */
  adopt(): { readonly ipv4: number; readonly ipv6: number };
  /** Nobody else wants the adopted routes of this family any more: they go with the next apply. */
  sweep(family: Family): void;
  /** The whole desired set of a source. */
  setOwnRoutes(source: OwnRouteSource, routes: readonly OwnRoute[]): void;
  /** Defines or redefines gateway sets; all routes that use them follow. All that changed, in one call. */
  defineGatewaySets(definitions: readonly GatewaySetDefinition[]): void;
  /** Forgets numbers that no route uses any more. */
  forgetGatewaySets(indexes: readonly number[]): void;
  setLearnedRoutes(batch: LearnedRouteBatch): void;
  /** Between begin and end the whole set of learned routes of the family is given; those not named are gone at end. */
  beginLearnedGeneration(family: Family): void;
  endLearnedGeneration(family: Family): void;
  /** Writes what differs, additions and replacements first, then deletions. Call again while `remaining` > 0. */
  apply(limit?: { readonly maxRoutes: number }): ApplyProgress;
  /** Feeds a notification. Returns true when apply has work. */
  handle(event: KernelEvent): boolean;
  /** Re-reads all our routes and repairs: after an overrun, and every AUDIT_INTERVAL_SECONDS. */
  audit(): void;
  /** Tries again what the kernel refused. Call it with back-off, and when links or addresses change. */
  retry(): void;
  status(limits: { readonly pendingLimit: number }): RouteDriverStatus;
  /** For cleanup: nothing is desired any more, adopted routes included. */
  removeAll(): void;
}

/** The kernel does not tell everything; so often all is read again. */
export const AUDIT_INTERVAL_SECONDS = 90;

/** Options of a RouteDriver. */
export type RouteDriverOptions = {
  readonly socket: NetlinkSocket;
  readonly protocol: number;
  readonly table: number;
};
