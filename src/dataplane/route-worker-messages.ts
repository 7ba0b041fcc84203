import type { BestRouteBatch } from "../../protocol/rib/best-route-batch.ts";
import type { NextHopState } from "../../protocol/speaker/speaker-io.ts";
import type { Family } from "../../protocol/types/family.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";
import type { TunnelGuard } from "../calc/policy-state.ts";
import type { HostTunnels } from "../calc/tunnel-state.ts";

/**
 * The kernel worker owns every netlink socket of the daemon: the route driver, links and addresses, and the resolver of
 * next hops. It is told desired state and reports what is. All of it can be cloned.
 */
export type ToRouteWorker =
  | { readonly type: "start"; readonly options: RouteWorkerOptions }
  | { readonly type: "bestRoutes"; readonly batch: BestRouteBatch }
  /** The whole desired set of this host's own routes and interfaces. */
  | { readonly type: "local"; readonly local: LocalDataplane }
  /** Before the routes that go through them; `guard` says whose packets are filtered, so that their device may be made. */
  | { readonly type: "tunnels"; readonly tunnels: HostTunnels; readonly guard: TunnelGuard }
  | {
      readonly type: "trackNextHops";
      readonly added: readonly IpAddress[];
      readonly removed: readonly IpAddress[];
    }
  /** Stale routes of the family, left by an earlier process and wanted by nobody, may go now. */
  | { readonly type: "sweep"; readonly family: Family }
  /** `cleanup` removes everything of ours and restores sysctls; otherwise routes stay. */
  | { readonly type: "stop"; readonly cleanup: boolean };

export type RouteWorkerOptions = {
  /** Path of a network namespace to enter first, for tests that run in one process. */
  readonly networkNamespace?: string;
  readonly routeProtocol: number;
  readonly table: number;
  /** Whether spare time is spent on compiling what will be needed. */
  readonly rehearsal: boolean;
  /** Where old sysctl values are kept for cleanup. */
  readonly stateDirectory: string;
};

export type LocalDataplane = {
  readonly workloads: readonly {
    readonly interface: string;
    readonly addresses: readonly IpAddress[];
    /** The host's own on this interface, for BGP sessions of the workload. */
    readonly peeringAddresses?: readonly IpAddress[];
  }[];
  readonly blackholes: readonly Prefix[];
  readonly staticRoutes: readonly { readonly prefix: Prefix; readonly gateway: IpAddress }[];
  readonly routeMetric: { readonly ipv4: number; readonly ipv6: number };
};

export type FromRouteWorker =
  /** First message: what an earlier process left behind. `preserved` families get the F bit. RFC 4724 §4.1. */
  | {
      readonly type: "ready";
      readonly preserved: readonly Family[];
      readonly ownAddresses: readonly IpAddress[];
    }
  | { readonly type: "nextHops"; readonly nextHops: readonly NextHopState[] }
  /** Interfaces of workloads that this host delivers to from now on, and those that it does not any more; the first says all. */
  | {
      readonly type: "workloads";
      readonly ready: readonly string[];
      readonly lost: readonly string[];
    }
  | { readonly type: "links"; readonly interfaces: readonly InterfaceState[] }
  | {
      readonly type: "interfaceDown";
      readonly interface: string;
      readonly addresses: readonly IpAddress[];
    }
  | { readonly type: "progress"; readonly status: RouteStatus }
  /** One batch of best routes was taken over: the sender may post another one. */
  | { readonly type: "bestRoutesTaken" }
  | {
      readonly type: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly name: string;
      readonly fields: { readonly [field: string]: unknown };
    }
  | { readonly type: "stopped" };

export type InterfaceState = {
  readonly name: string;
  readonly index: number;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly mtu: number;
  readonly addresses: readonly string[];
  /** A tunnel device of ours, and what it takes. */
  readonly tunnel?: { readonly type: "ipip" } | { readonly type: "vxlan"; readonly port: number };
};

/** Shown by `tortie status`. `pending` are routes that the kernel has not taken, each with the kernel's reason. */
export type RouteStatus = {
  readonly desired: number;
  readonly installed: number;
  readonly pendingCount: number;
  readonly pending: readonly { readonly route: string; readonly reason: string }[];
  readonly unresolvedNextHops: readonly IpAddress[];
  readonly routesPerSecond: number;
  readonly lagMilliseconds: number;
};
