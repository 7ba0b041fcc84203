import type {
  Origination,
  PeerConfig,
  SpeakerConfig,
} from "../../protocol/speaker/speaker-config.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";
import type { HostNat } from "./nat-state.ts";
import type { HostPolicy } from "./policy-state.ts";
import type { HostTunnels } from "./tunnel-state.ts";

/** What this host should be, computed from the cluster's resources and nothing else. Plain data: it can be cloned and compared. */
export type HostState = {
  readonly nodeName: string;
  /** The parts of SpeakerConfig that come from resources; the agent adds what it knows of the restart. */
  readonly speaker: Omit<SpeakerConfig, "gracefulRestart" | "peers"> & {
    readonly peers: readonly PeerConfig[];
  };
  readonly listen: { readonly port: number; readonly addresses: readonly IpAddress[] | "any" };
  readonly originations: readonly Origination[];
  readonly workloads: readonly WorkloadState[];
  /** Blocks that this host owns: blackhole routes, so that unassigned addresses do not loop. */
  readonly blackholes: readonly Prefix[];
  /** Static host routes to peers (BGPPeer reachableBy). */
  readonly staticRoutes: readonly { readonly prefix: Prefix; readonly gateway: IpAddress }[];
  /** False on a reflector that does not forward: learned routes stay out of the kernel (programClusterRoutes: Disabled). */
  readonly programsLearnedRoutes: boolean;
  /** Kernel metric of learned routes, by family. */
  readonly routeMetric: { readonly ipv4: number; readonly ipv6: number };
  /** Devices that carry packets between nodes, and the learned routes that go through them. */
  readonly tunnels: HostTunnels;
  /** Who may talk to this host's workloads. */
  readonly policy: HostPolicy;
  readonly nat: HostNat;
  readonly problems: readonly HostStateProblem[];
};

/** One local workload: its host-side interface, and the addresses behind it. */
export type WorkloadState = {
  readonly name: string;
  readonly interface: string;
  readonly addresses: readonly IpAddress[];
  /** Addresses that its interface has for the BGP sessions of this workload. */
  readonly peeringAddresses?: readonly IpAddress[];
};

/** A resource that asks for something impossible; the rest goes on. */
export type HostStateProblem = { readonly resource: string; readonly message: string };
