import type { Family } from "../types/family.ts";

/**
 * What one direction of a session must know to read or write its messages: the result of the negotiation, seen by the
 * side that decodes (or encodes). Decoding without a session uses `DEFAULT_WIRE_CONTEXT`.
 */
export type WireContext = {
  /** AS numbers in AS_PATH and AGGREGATOR have four octets. RFC 6793. */
  readonly fourOctetAsn: boolean;
  /** Families whose NLRI carry a path identifier in this direction. RFC 7911. */
  readonly addPath: ReadonlySet<Family>;
  /** Messages may have up to 65,535 octets instead of 4,096. RFC 8654. */
  readonly extendedMessage: boolean;
  /** Families whose NLRI may have an IPv6 next hop. RFC 8950. */
  readonly extendedNextHop: ReadonlySet<Family>;
  /** Whether the peer is in our AS, another AS, or (without a session) not known: decides on LOCAL_PREF and others, RFC 7606 §7. */
  readonly peerType: "internal" | "external" | "unknown";
};

export const DEFAULT_WIRE_CONTEXT: WireContext = {
  fourOctetAsn: true,
  addPath: new Set(),
  extendedMessage: false,
  extendedNextHop: new Set(),
  peerType: "unknown",
};
