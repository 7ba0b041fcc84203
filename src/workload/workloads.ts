import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type {
  ConnectedWorkload,
  WorkloadEndpoint,
  WorkloadIdentity,
  WorkloadRequest,
} from "./workload-request.ts";

/**
 * The workloads of this host, for every front door: CNI, docker, libnetwork, the command line. Acts on one identity run
 * one after another, acts on different ones side by side. All may be repeated.
 */
export type Workloads = {
  /**
   * Connects one interface: addresses, veth pair, resource, host route, announcement. Resolves when this host delivers to it.
   * For an identity that is connected already: what was given before, when the request still fits; else it is connected anew.
   * Rejects with WorkloadError after undoing what was done.
   */
  readonly add: (request: WorkloadRequest) => Promise<ConnectedWorkload>;
  /**
   * Withdraws, removes and releases. Of what is gone already nothing is said; answers whether there was something. With
   * `keepAddresses` the addresses stay assigned under the handle (a container that is stopped).
   */
  readonly remove: (
    identity: WorkloadIdentity & { readonly containerId?: string; readonly handle?: string },
    options?: { readonly keepAddresses?: boolean },
  ) => Promise<{ readonly existed: boolean }>;
  /**
   * What is wrong with a connected workload, in words; empty when all is well. With `inside`, its own end is looked at, too,
   * which shall have these addresses.
   */
  readonly check: (
    identity: WorkloadIdentity,
    inside?: {
      readonly netns: string;
      readonly interfaceName: string;
      readonly addresses?: readonly IpAddress[];
    },
  ) => Promise<readonly string[]>;
  /** Every endpoint of this host. */
  readonly list: () => Promise<readonly ListedWorkload[]>;
  /** Removes this orchestrator's workloads that `isValid` does not know; answers those that went. */
  readonly gc: (options: {
    readonly orchestrators: readonly string[];
    readonly isValid: (endpoint: WorkloadEndpoint) => boolean;
  }) => Promise<readonly WorkloadEndpoint[]>;
};

/** One row of the list. */
export type ListedWorkload = {
  readonly endpoint: WorkloadEndpoint;
  readonly state: "ready" | "waiting" | "no-interface";
  /** "its MTU is 1500 where 1480 fits", "192.168.0.1 belongs to …": empty when all is well. */
  readonly problems: readonly string[];
};
