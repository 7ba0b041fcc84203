import type { Asn } from "../types/asn.ts";
import type { RouterId } from "../types/router-id.ts";

/** One end of a pair of connections between the same two speakers. */
export type CollisionSide = { readonly routerId: RouterId; readonly asn: Asn };

/**
 * Chooses the connection that survives a collision: the one that the speaker with the higher BGP Identifier opened, and
 * with equal identifiers (two ASes) the one of the higher AS. RFC 4271 §6.8, RFC 6286 §2.3.
 */
export function survivor(local: CollisionSide, remote: CollisionSide): "incoming" | "outgoing" {
  if (local.routerId !== remote.routerId) {
    return local.routerId > remote.routerId ? "outgoing" : "incoming";
  }
  return local.asn > remote.asn ? "outgoing" : "incoming";
}
