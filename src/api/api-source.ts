import type { RoutePage, RouteQuery } from "../../protocol/speaker/speaker-snapshot.ts";
import type { Resource } from "../resources/resource.ts";
import type { Workloads } from "../workload/workloads.ts";
import type {
  EventReport,
  KernelReport,
  PeerReport,
  StatusReport,
  StopRequest,
} from "./api-types.ts";
import type { IpamAuditReport, IpamRepairReport } from "./ipam-audit-report.ts";
import type { RulesReport } from "./rules-report.ts";
import type { TunnelsReport, TunnelTestReport } from "./tunnel-report.ts";

/** What the API shows and sets going: the daemon behind it, or a fake in tests. Nothing that it returns holds a secret. */
export type ApiSource = {
  readonly status: () => StatusReport;
  readonly peers: () => readonly PeerReport[];
  readonly routes: (query: RouteQuery) => RoutePage;
  /** Resources of a kind as written, without keys. */
  readonly resources: (kind: string) => readonly Resource[];
  readonly kernel: () => KernelReport | undefined;
  readonly events: (query: EventQuery) => readonly EventReport[];
  /** Throws ApiError "not-ready" before the datastore was read. */
  readonly workloads: () => Workloads;
  readonly tunnels: () => TunnelsReport;
  readonly rules: () => RulesReport;
  /** What the audit has found. */
  readonly ipam: () => IpamAuditReport;
  readonly repairIpam: () => Promise<IpamRepairReport>;
  /** Tries the ways to the far ends of tunnels, or to one node's. */
  readonly testTunnels: (what: { readonly node: string | undefined }) => Promise<TunnelTestReport>;
  /** OpenMetrics text. */
  readonly metrics: () => string;
  readonly resetPeer: (peer: string, message: string | undefined) => void;
  readonly refreshPeer: (peer: string, direction: "in" | "out" | "both") => void;
  /** Lets the objects go that vanished from the datastore, on every host. Throws ApiError "conflict" when none have. */
  readonly confirmLoss: () => Promise<{ readonly lost: number; readonly of: number }>;
  /** Asks peers to take other ways than through this host, or no longer. RFC 8326. */
  readonly drain: (on: boolean) => void;
  /** Begins to stop; the answer goes out meanwhile. */
  readonly stop: (request: StopRequest) => void;
};

export type EventQuery = { readonly limit: number; readonly peer?: string };
