import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";

/** The tunnels of this host and which learned routes go through them. Plain data. */
export type HostTunnels = {
  readonly pools: readonly TunnelPool[];
  /** The subnets in which this host itself is: a next hop there needs no tunnel where a pool says CrossSubnet. */
  readonly ownSubnets: readonly Prefix[];
  readonly devices: readonly TunnelDevice[];
};

/** IP-in-IP (RFC 2003), and VXLAN (RFC 7348) over each IP version. */
export type TunnelType = "ipip" | "vxlan" | "vxlanV6";

/** Learned routes inside `cidr` leave through the tunnel. */
export type TunnelPool = {
  readonly cidr: Prefix;
  readonly tunnel: TunnelType;
  /** Only towards next hops in other subnets than this host's. */
  readonly crossSubnet: boolean;
};

/** One tunnel device with all its far ends. */
export type TunnelDevice = {
  readonly name: string;
  readonly tunnel: TunnelType;
  /** The address that encapsulated packets come from. */
  readonly local: IpAddress;
  /** The address of the device itself, once IPAM has given one. */
  readonly address?: IpAddress;
  /** Undefined: what the interface of `local` carries, less the encapsulation. */
  readonly mtu?: number;
  /** Absent for IP-in-IP. */
  readonly vxlan?: { readonly vni: number; readonly port: number; readonly macAddress: string };
  readonly remotes: readonly TunnelRemote[];
};

/** A node that is ready to take encapsulated packets: it has said so by the address of its own device. */
export type TunnelRemote = {
  readonly node: string;
  /** The BGP next hops that mean this node. */
  readonly nextHops: readonly IpAddress[];
  /** Where encapsulated packets are sent. */
  readonly underlay: IpAddress;
  /** The address of its device. */
  readonly address: IpAddress;
  /** Of its device; absent for IP-in-IP. */
  readonly macAddress?: string;
};
