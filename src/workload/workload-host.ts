import type { WorkloadEndpoint } from "./workload-request.ts";

/**
 * What the workloads need of the host that they run on: the daemon, or a fake in tests. The host follows the datastore; a
 * workload's route is in its kernel before its address is announced, and leaves after it was withdrawn.
 */
export type WorkloadHost = {
  readonly nodeName: string;
  /** Of a new workload on this host, as uplinks and pools are now. */
  readonly mtu: () => number;
  /** IP versions that the cluster has an enabled pool of. */
  readonly poolVersions: () => ReadonlySet<4 | 6>;
  /** This host's endpoints, as last heard from the datastore. */
  readonly endpoints: () => readonly WorkloadEndpoint[];
  /** Resolves when this host delivers to the endpoint and announces it, or when that will not happen. */
  readonly delivered: (endpoint: WorkloadEndpoint) => Promise<Delivery>;
  /** Announces nothing of this interface any more; resolves when peers have been told. */
  readonly withdraw: (hostInterface: string) => Promise<void>;
  /** Takes a withdrawal back. */
  readonly announceAgain: (hostInterface: string) => void;
  /** What is known of the endpoint now. */
  readonly stateOf: (endpoint: WorkloadEndpoint) => EndpointState;
  readonly log: (name: string, fields: { readonly [field: string]: unknown }) => void;
};

export type Delivery =
  | { readonly type: "delivered" }
  /** In words: another endpoint has the address, the kernel refuses the route, or it takes too long. */
  | { readonly type: "failed"; readonly conflict: boolean; readonly message: string };

export type EndpointState = {
  readonly state: "ready" | "waiting" | "no-interface";
  readonly problems: readonly string[];
};
