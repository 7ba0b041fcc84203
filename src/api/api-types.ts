/**
 * What the API answers, as JSON has it: the contract between daemon, CLI and scripts. Fields are only ever added.
 * Instants are RFC 3339 in UTC, families "ipv4-unicast" and "ipv6-unicast", addresses and prefixes canonical text.
 */
export const API_VERSION = "tortie/v1";

/** One page of a list; `cursor` asks for the next one. */
export type List<Kind extends string, Item> = {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: Kind;
  readonly items: readonly Item[];
  readonly cursor?: string;
};

export type StatusReport = {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: "Status";
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly health: "ok" | "degraded" | "starting" | "stopping";
  readonly problems: readonly Problem[];
  /** Peers are asked to take other ways than through this host. */
  readonly draining?: true;
  readonly asn?: number;
  readonly routerId?: string;
  readonly datastore: DatastoreReport;
  readonly sessions: { readonly total: number; readonly established: number };
  readonly originated: number;
  readonly workloads: number;
  readonly kernel?: KernelReport;
  readonly loop: LoopReport;
};

/** Something that is not as it should be: what, why, and what to do next. */
export type Problem = {
  readonly component: string;
  readonly what: string;
  readonly cause?: string;
  readonly fix?: string;
};

export type DatastoreReport = {
  readonly type: string;
  readonly location: string;
  readonly state: "in-sync" | "syncing" | "last-known-good" | "unreachable";
  readonly detail?: string;
  /** Set while objects that vanished from the store at once stay in force, until somebody confirms. */
  readonly loss?: LossReport;
};

export type LossReport = {
  readonly since: string;
  readonly lost: number;
  readonly of: number;
  /** It happened while the daemon did not run: the state of its last run is in force. */
  readonly atStart: boolean;
};

export type LoopReport = {
  readonly lagP50Milliseconds: number;
  readonly lagP99Milliseconds: number;
  readonly lagMaxMilliseconds: number;
  /** Slices of work that took more than 10 ms. */
  readonly longSlices: number;
  readonly workBudget: number;
  /** What the BGP driver's tasks took, by kind. */
  readonly tasks: readonly TaskTimesReport[];
};

export type TaskTimesReport = {
  readonly task: string;
  readonly count: number;
  readonly milliseconds: number;
  readonly maxMilliseconds: number;
  /** Tasks of more than 5 ms. */
  readonly overLimit: number;
  /** How many took at most so long. */
  readonly buckets: readonly { readonly milliseconds: number; readonly count: number }[];
};

export type KernelReport = {
  readonly state: "starting" | "running" | "failed" | "stopped";
  readonly detail?: string;
  readonly desired: number;
  readonly installed: number;
  readonly pendingCount: number;
  readonly pending: readonly { readonly route: string; readonly reason: string }[];
  readonly unresolvedNextHops: readonly string[];
  readonly routesPerSecond: number;
  readonly lagMilliseconds: number;
  readonly interfaces: readonly InterfaceReport[];
};

export type InterfaceReport = {
  readonly name: string;
  readonly index: number;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly mtu: number;
  readonly addresses: readonly string[];
};

export type PeerReport = {
  readonly name: string;
  readonly origin: string;
  readonly address: string;
  readonly port: number;
  readonly localAddress?: string;
  readonly localAsn: number;
  readonly peerAsn: number;
  readonly type: "ibgp" | "ebgp";
  readonly routeReflectorClient: boolean;
  readonly state: string;
  readonly stateSince: string;
  readonly routerId?: string;
  readonly holdTimeSeconds?: number;
  readonly keepaliveSeconds?: number;
  readonly capabilitiesSent: readonly string[];
  readonly capabilitiesReceived: readonly string[];
  readonly families: readonly PeerFamilyReport[];
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly updatesReceived: number;
  readonly updatesSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly establishedCount: number;
  readonly lastError?: {
    readonly at: string;
    readonly text: string;
    readonly code?: number;
    readonly subcode?: number;
    readonly direction?: "sent" | "received";
  };
  readonly nextConnectAt?: string;
  /** Idle on purpose, because another session carries its families: why. */
  readonly standsBy?: string;
};

export type PeerFamilyReport = {
  readonly family: string;
  readonly negotiated: boolean;
  readonly received: number;
  readonly accepted: number;
  readonly best: number;
  readonly advertised: number;
  readonly stale: boolean;
  readonly endOfRibReceived: boolean;
  readonly endOfRibSent: boolean;
};

export type RouteTableName = "loc" | "in" | "out";

export type RouteReport = {
  readonly prefix: string;
  /** Peer name, or "local". */
  readonly peer: string;
  readonly pathId?: number;
  readonly nextHop?: string;
  readonly linkLocalNextHop?: string;
  readonly origin: "igp" | "egp" | "incomplete";
  readonly asPath: string;
  readonly localPref?: number;
  readonly med?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: string;
  readonly communities?: readonly string[];
  readonly extendedCommunities?: readonly string[];
  readonly largeCommunities?: readonly string[];
  readonly originatorId?: string;
  readonly clusterList?: readonly string[];
  readonly onlyToCustomer?: number;
  readonly unknownAttributes?: readonly { readonly code: number; readonly value: string }[];
  readonly best: boolean;
  readonly multipath: boolean;
  readonly stale: boolean;
  readonly eligible: boolean;
  readonly reason?: string;
  readonly eliminatedBy?: string;
};

/** Every path of one prefix, best first, each loser with the step that put it there. */
export type ExplainReport = {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: "Explanation";
  readonly prefix: string;
  readonly paths: readonly RouteReport[];
  readonly kernel?: string;
};

export type EventReport = {
  readonly at: string;
  readonly name: string;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly peer?: string;
  readonly fields: { readonly [field: string]: unknown };
};

/** One endpoint of this host. */
export type WorkloadReport = {
  readonly name: string;
  readonly namespace: string;
  readonly orchestrator: string;
  readonly workload: string;
  readonly endpoint: string;
  readonly interface: string;
  readonly addresses: readonly string[];
  readonly profiles: readonly string[];
  /** "ready": this host delivers to it and announces it. */
  readonly state: "ready" | "waiting" | "no-interface";
  readonly problems: readonly string[];
};

export type WorkloadList = List<"WorkloadList", WorkloadReport>;

/** What a new workload got. */
export type ConnectedWorkloadReport = {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: "ConnectedWorkload";
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  readonly hostInterface: string;
  readonly mac?: string;
  readonly mtu: number;
};

export type RemovedWorkloadReport = {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: "RemovedWorkload";
  /** False when there was no such workload: removing twice is no error. */
  readonly existed: boolean;
};

export type PeerList = List<"PeerList", PeerReport>;
export type RouteList = List<"RouteList", RouteReport>;
export type EventList = List<"EventList", EventReport>;
export type ResourceList = List<"ResourceList", unknown>;

export type Done = {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: "Done";
  readonly did: string;
};

export type StopRequest = {
  readonly mode: "restart" | "shutdown";
  readonly cleanup: boolean;
  readonly message?: string;
};

/** Body of every answer that is not 2xx. */
export type ErrorReport = { readonly error: ApiErrorDetail };

export type ApiErrorDetail = {
  readonly code:
    | "bad-request"
    | "not-found"
    | "not-permitted"
    | "method-not-allowed"
    | "not-ready"
    | "too-large"
    /** It belongs to another. */
    | "conflict"
    /** There is none left to give. */
    | "exhausted"
    /** The kernel refused. */
    | "kernel"
    | "internal";
  readonly what: string;
  readonly cause?: string;
  readonly fix?: string;
};
