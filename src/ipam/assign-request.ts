import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";

/** What an address is for; a pool says in allowedUses which of them it serves. */
export type IntendedUse = "Workload" | "Tunnel" | "LoadBalancer";

/** Who asks, for whom, and how the assignment will be found again. */
export type AssignedTo = {
  /** Name of the node that the address is for. */
  readonly host: string;
  /** Names the owner for ever: CNI's `<network>.<containerID>`, `ipip-tunnel-addr-<node>`. Release takes it. */
  readonly handle: string;
  /** Kept beside the address for people: pod, namespace, node, type, timestamp. `node` is filled in. */
  readonly attributes?: Readonly<Record<string, string>>;
};

/** As attribute `type`: the address is held without an endpoint, as libnetwork's gateways are, and is never taken for leaked. */
export const HELD_TYPE = "held";

/** Asks for addresses that IPAM chooses: all of them or none. */
export type AssignRequest = AssignedTo & {
  readonly ipv4Count?: number;
  readonly ipv6Count?: number;
  readonly intendedUse: IntendedUse;
  /** Only from these pools, by name or CIDR; the pools' selectors are then not looked at, as in Calico. */
  readonly pools?: readonly string[];
  /** Labels of the workload's namespace, for namespaceSelector; absent, the workload is in none. */
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  /** What the handle holds already counts: the same call twice gives the same addresses, also when they run at once. */
  readonly reuse?: boolean;
  /**
   * As in 2015: claims the lowest free block of the pool instead of one that the host's name picks, and never hands out the
   * pool's network address, so that a fresh 192.168.0.0/16 gives 192.168.0.1.
   */
  readonly lowestFreeBlock?: boolean;
};

/** Asks for addresses by their value: all of them or none. Selectors and assignmentMode are not looked at, as in Calico. */
export type AssignAddressesRequest = AssignedTo & {
  readonly addresses: readonly IpAddress[];
  /** If given, each pool must serve this use. */
  readonly intendedUse?: IntendedUse;
  /** An address that this handle holds already is no error. */
  readonly reuse?: boolean;
};

/** One address and to whom it belongs. */
export type Assignment = {
  readonly address: IpAddress;
  readonly block: Prefix;
  /** Name of the pool; undefined when no pool holds the address (any more). */
  readonly pool: string | undefined;
  /** Undefined for what older clients assigned without a handle. */
  readonly handle: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  /** Pass it to `release`, so that a later owner of the address loses nothing. */
  readonly sequenceNumber: bigint | undefined;
  /** The block belongs to another host than the address. */
  readonly borrowed: boolean;
};

export type AssignResult =
  /** IPv4 first, in the order of assignment. */
  | { readonly type: "assigned"; readonly assignments: readonly Assignment[] }
  /** Nothing was assigned. The message is a whole sentence for whoever asked. */
  | { readonly type: "refused"; readonly reason: RefusalReason; readonly message: string };

export type RefusalReason =
  /** No pool is enabled for this host, namespace, version and use. */
  | "noPool"
  /** A pool that was asked for by name does not exist, or does not serve the use. */
  | "unknownPool"
  /** Every address that may be had is taken. */
  | "exhausted"
  /** The host has as many blocks as it may have, and may not borrow. */
  | "blockLimit"
  /** The address belongs to someone; the message says to whom. */
  | "taken"
  /** Strict affinity: the block belongs to another host. */
  | "foreignBlock"
  /** No pool holds the address. */
  | "outsidePools"
  /** The request contradicts itself, or asks for too much at once. */
  | "invalid";
