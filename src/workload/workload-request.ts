import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { ResourceOf } from "../resources/schemas.ts";

/** A workload's endpoint as it is stored: one interface with its addresses. */
export type WorkloadEndpoint = ResourceOf<"WorkloadEndpoint">;

/**
 * Names one interface of one workload on this host, for ever: the same identity always has the same resource, the same
 * host side and the same IPAM handle, so that every act can be repeated.
 */
export type WorkloadIdentity = {
  /** Who runs it: "cni", "k8s", "docker", "libnetwork", "tortie". */
  readonly orchestrator: string;
  /** Unique within orchestrator and namespace on this host: a container's id, a pod's name, a name that a person gave. */
  readonly workload: string;
  /** Which of its interfaces: "eth0". */
  readonly endpoint: string;
  /** Namespace of the resource; "default" when left out. */
  readonly namespace?: string;
};

/** How the interface comes to be. */
export type WorkloadAttachment =
  /** A veth pair, one end in the network namespace at `netns` ("/run/netns/blue", "/proc/4711/ns/net"), set up whole there. */
  | { readonly type: "namespace"; readonly netns: string; readonly interfaceName: string }
  /** A veth pair with both ends on the host; somebody else (libnetwork) moves `peerName` and sets it up. */
  | { readonly type: "pair"; readonly peerName: string }
  /** A tap or NIC that stays in the host's namespace and belongs to somebody else. */
  | { readonly type: "host"; readonly interfaceName: string };

/** Where the addresses come from. */
export type AddressRequest =
  /** So many from our IPAM; `lowest` takes the pool's lowest free block in place of one that the host's name picks. */
  | {
      readonly from: "auto";
      /** Left out: one of each version that the cluster has a pool of. */
      readonly ipv4?: number;
      readonly ipv6?: number;
      /** CIDRs of pools, in place of all that the host may use. */
      readonly pools?: readonly string[];
      readonly lowest?: boolean;
    }
  /** These, claimed in our IPAM. */
  | { readonly from: "claim"; readonly addresses: readonly IpAddress[] }
  /** These, assigned by whoever asks: neither claimed nor released here. */
  | { readonly from: "elsewhere"; readonly addresses: readonly IpAddress[] };

/** A port of the workload, and the host's port that leads to it. */
export type WorkloadPort = NonNullable<WorkloadEndpoint["spec"]["ports"]>[number];

/** All that is needed to connect one interface. */
export type WorkloadRequest = WorkloadIdentity & {
  /** The incarnation: a removal that names another one leaves this one alone. */
  readonly containerId?: string;
  readonly pod?: string;
  readonly attachment: WorkloadAttachment;
  readonly addresses: AddressRequest;
  /** In place of the IPAM handle that follows from the identity. */
  readonly handle?: string;
  readonly profiles?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ports?: readonly WorkloadPort[];
  /** Of the workload's end. */
  readonly mac?: string;
  /** In place of the one that follows from uplinks and pools. */
  readonly mtu?: number;
};

/** A connected workload, as its front door tells it. */
export type ConnectedWorkload = {
  readonly endpoint: WorkloadEndpoint;
  readonly addresses: readonly IpAddress[];
  /** 169.254.1.1 or fe80::1, one for each family that the workload has. */
  readonly gateways: readonly IpAddress[];
  /** The host's end; for `host`, the interface itself. */
  readonly hostInterface: string;
  /** Of the workload's end; absent where it has no Ethernet, or is not ours. */
  readonly mac?: string;
  readonly mtu: number;
};

/** Why a workload is not connected, removed or checked. */
export type WorkloadErrorCode =
  /** The request says something impossible: the same again will fail again. */
  | "invalid"
  /** The address or the interface belongs to another workload. */
  | "taken"
  /** IPAM has none left for us. */
  | "no-address"
  /** There is no such network namespace, or no such interface. */
  | "not-found"
  /** The datastore cannot be reached, or the daemon is only starting: try again. */
  | "unavailable"
  /** The kernel refused. */
  | "kernel";

/** What the surroundings or the caller did wrong; everything done before was undone. */
export class WorkloadError extends Error {
  readonly code: WorkloadErrorCode;

  constructor(code: WorkloadErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "WorkloadError";
    this.code = code;
  }
}
