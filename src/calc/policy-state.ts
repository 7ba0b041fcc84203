import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";

/** Who may talk to this host's workloads, and they to whom: policy as computed, before it is rendered. Plain data. */
export type HostPolicy = {
  /** Interfaces with such names that belong to no endpoint are dropped from and to. */
  readonly interfacePrefixes: readonly string[];
  /** What workloads may say to the host itself once their own rules have allowed it. */
  readonly endpointToHost: "drop" | "accept";
  readonly endpoints: readonly EndpointPolicy[];
  /** What workloads that are BGP peers of this host may say to it in any case. */
  readonly bgpSessions: WorkloadSessions;
  /** The profiles that those endpoints name and that exist. */
  readonly profiles: readonly ProfilePolicy[];
  /** The sets that rules refer to. */
  readonly sets: readonly AddressSet[];
  readonly tunnels: TunnelPolicy;
};

/** Encapsulated packets count as the cluster's own, so only its nodes may send them. */
export type TunnelPolicy = TunnelGuard & {
  /** Addresses of nodes, and others that are configured. */
  readonly nodes: readonly Prefix[];
  /** Workloads may encapsulate by themselves. */
  readonly fromWorkloads: { readonly ipip: boolean; readonly vxlan: boolean };
};

/** Which encapsulated packets are looked at: those of the pools, and those that a device which is there would take. */
export type TunnelGuard = {
  readonly ipip: boolean;
  /** UDP ports. */
  readonly vxlanPorts: readonly number[];
};

/** One interface of this host behind which a workload lives. Profiles decide in their order; where none does: drop. */
export type EndpointPolicy = {
  readonly interface: string;
  readonly name: string;
  readonly profiles: readonly string[];
};

/** The interfaces whose workloads may open connections to a port of this host, and at which of its addresses. */
export type WorkloadSessions = {
  readonly port: number;
  readonly from: readonly {
    readonly interface: string;
    readonly addresses: readonly IpAddress[];
  }[];
};

export type ProfilePolicy = {
  readonly name: string;
  readonly ingress: readonly PolicyRule[];
  readonly egress: readonly PolicyRule[];
};

/** One rule; all that is present must match. */
export type PolicyRule = {
  readonly action: "allow" | "deny" | "log" | "pass";
  readonly ipVersion?: 4 | 6;
  /** IANA's number. */
  readonly protocol?: number;
  readonly notProtocol?: number;
  readonly icmp?: IcmpMatch;
  readonly notIcmp?: IcmpMatch;
  readonly source: RuleSide;
  readonly destination: RuleSide;
};

export type IcmpMatch = { readonly type: number; readonly code?: number };

/** What a rule says of one end of a packet's way. Sets are named by the id of their selector. */
export type RuleSide = {
  readonly nets?: readonly Prefix[];
  readonly notNets?: readonly Prefix[];
  readonly set?: string;
  readonly notSet?: string;
  readonly ports?: readonly PortRange[];
  readonly notPorts?: readonly PortRange[];
};

export type PortRange = { readonly first: number; readonly last: number };

/** The addresses of what a selector selects. */
export type AddressSet = { readonly id: string; readonly members: readonly Prefix[] };
