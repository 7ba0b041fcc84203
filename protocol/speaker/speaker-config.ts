import type { Policy } from "../policy/policy.ts";
import type { DecisionConfig } from "../rib/decision-config.ts";
import type { Asn } from "../types/asn.ts";
import type { Community, LargeCommunity } from "../types/community.ts";
import type { Family } from "../types/family.ts";
import type { IpAddress } from "../types/ip-address.ts";
import type { Prefix } from "../types/prefix.ts";
import type { RouterId } from "../types/router-id.ts";
import type { AddPathMode, BgpRole } from "../wire/capability.ts";

/** Everything that a Speaker should be, as computed from the cluster's resources. Plain data: it can be cloned. */
export type SpeakerConfig = {
  readonly asn: Asn;
  readonly routerId: RouterId;
  /** Present on a route reflector. RFC 4456 §7. */
  readonly clusterId?: RouterId;
  /** Our own addresses: never accepted as a next hop, and prefixes that cover only one of them are refused. */
  readonly ownAddresses: readonly IpAddress[];
  /** /32s and /128s of local workloads: accepted from a peer only where they have moved there. */
  readonly localWorkloads: readonly Prefix[];
  /**
   * LOCAL_PREF that local workloads have. A route to one of them with a greater one, from an iBGP peer, says that the workload is
   * there now, and is accepted; absent: none ever is.
   */
  readonly workloadLocalPref?: { readonly ipv4: number; readonly ipv6: number };
  /** Node addresses of the cluster: refused from route-reflector clients unless `acceptNodeAddresses`. */
  readonly nodeAddresses: readonly IpAddress[];
  readonly decision: DecisionConfig;
  /** We start with our own routes found in the kernel: R and F bits are set. RFC 4724 §4.1. */
  readonly gracefulRestart?: RestartingConfig;
  readonly hostName?: string;
  readonly peers: readonly PeerConfig[];
};

/** Selection and sweep wait for End-of-RIB of these peers (by name), at most `selectionDeferralSeconds` (default 10). */
export type RestartingConfig = {
  readonly preservedFamilies: readonly Family[];
  readonly waitForPeers: readonly string[];
  readonly selectionDeferralSeconds: number;
};

/** One peering. `name` is its stable key ("Mesh_10_0_0_2"); what a change of each field does is in peer-change.ts. */
export type PeerConfig = {
  readonly name: string;
  /** Shown in status: where the peering came from. */
  readonly origin: "mesh" | "node" | "global" | "reverse" | "localWorkload";
  readonly address: IpAddress;
  readonly port: number;
  readonly localAddress?: IpAddress;
  /** For a link-local peer address, and for SO_BINDTODEVICE. */
  readonly interface?: string;
  readonly localAsn: Asn;
  readonly peerAsn: Asn;
  readonly adminDown?: { readonly message: string };
  readonly passive: boolean;
  readonly holdTimeSeconds: number;
  readonly minHoldTimeSeconds: number;
  readonly keepaliveSeconds?: number;
  readonly connectRetrySeconds: number;
  readonly idleHoldSeconds: { readonly initial: number; readonly max: number };
  readonly delayOpenSeconds: number;
  /** RFC 9687; undefined takes the greater of 8 minutes and twice the hold time. */
  readonly sendHoldSeconds?: number;
  readonly families: readonly PeerFamilyConfig[];
  readonly extendedMessage: boolean;
  readonly routeReflectorClient: boolean;
  readonly nextHopMode: "auto" | "self" | "keep";
  /** Our next hop towards this peer, by family ("self"); absent: the session's local address. */
  readonly nextHopSelf?: { readonly ipv4?: IpAddress; readonly ipv6?: IpAddress };
  readonly allowOwnAsn: number;
  readonly enforceFirstAsn: boolean;
  readonly role?: BgpRole;
  readonly roleStrict?: boolean;
  /** Tell this eBGP peer what was learned over iBGP; without it, only a route reflector does. */
  readonly exportLearned: boolean;
  readonly acceptDefaultRoute: boolean;
  readonly acceptNodeAddresses: boolean;
  readonly gracefulRestart?: { readonly restartTimeSeconds: number };
  readonly importPolicy: Policy;
  readonly exportPolicy: Policy;
  /** Minimum route advertisement interval, RFC 4271 §9.2.1.1; 0 sends at once. */
  readonly advertisementIntervalSeconds: number;
  /**
   * The address of another peering of the same neighbour. This one is idle while that one is up and carries the families of this
   * one (standby-peers.ts).
   */
  readonly standbyFor?: IpAddress;
  /** TCP_MD5SIG key. Never leaves for API, logs, journal or errors. RFC 2385. */
  readonly password?: string;
  /** GTSM: the most hops away that the peer may be. RFC 5082. */
  readonly ttlSecurityHops?: number;
};

export type PeerFamilyConfig = {
  readonly family: Family;
  readonly addPath?: AddPathMode;
  readonly extendedNextHop?: boolean;
  readonly maxPrefixes?: {
    readonly limit: number;
    readonly warnPercent: number;
    readonly restartAfterSeconds?: number;
  };
};

/** A route that this host originates. The next hop is ours towards every peer. */
export type Origination = {
  readonly prefix: Prefix;
  readonly kind: "workload" | "block" | "prefix";
  /** Over which this host delivers it, for filters that ask. */
  readonly interface?: string;
  readonly localPref?: number;
  readonly med?: number;
  readonly communities?: readonly (Community | LargeCommunity)[];
};
