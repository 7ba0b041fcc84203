import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";
import type { PortRange } from "./policy-state.ts";

/** The translations that this host makes. Plain data. */
export type HostNat = {
  readonly outgoing: NatOutgoing;
  readonly hostPorts: readonly HostPort[];
  /** What leaves by them, of this IP version, from another address of this host gets the device's own. */
  readonly tunnelDevices: readonly { readonly name: string; readonly version: 4 | 6 }[];
};

/** From a pool with natOutgoing to whatever is exempt by no pool: the source becomes this host's. */
export type NatOutgoing = {
  readonly sources: readonly Prefix[];
  /** Destinations that see the true source: all pools, and the nodes' addresses where so configured. */
  readonly exempt: readonly Prefix[];
  /** The source to use instead of the address of the interface that the packet leaves by. */
  readonly addresses: { readonly ipv4?: IpAddress; readonly ipv6?: IpAddress };
  readonly ports?: PortRange;
  /** Only what leaves by an interface of this name; a final "*" stands for any end. */
  readonly outputInterface?: string;
};

/** What arrives at a port of the host goes to a workload of it. */
export type HostPort = {
  readonly protocol: number;
  /** One address of the host; without it any of them. */
  readonly hostAddress?: IpAddress;
  readonly hostPort: number;
  readonly address: IpAddress;
  readonly port: number;
};
