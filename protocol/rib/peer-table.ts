import type { IpAddress } from "../types/ip-address.ts";

/** What the decision process must know of a peer. Index 0 is this host itself, the source of originations. */
export type PeerFacts = {
  readonly type: "ebgp" | "ibgp";
  readonly routeReflectorClient: boolean;
  /** The BGP Identifier of the peer's OPEN. */
  readonly routerId: number;
  readonly address: IpAddress;
};
