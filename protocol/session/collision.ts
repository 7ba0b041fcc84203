import type { Asn } from "../types/asn.ts";
import { addSeconds, type Instant } from "../types/instant.ts";
import type { RouterId } from "../types/router-id.ts";
import type { Established, SessionState } from "./session-state.ts";

/** One end of a pair of connections between the same two speakers. */
export type CollisionSide = { readonly routerId: RouterId; readonly asn: Asn };

/** One of two connections to the same peer. */
export type Contender = {
  readonly state: SessionState;
  readonly direction: "incoming" | "outgoing" | undefined;
  /** Whether the peer's OPEN has come and waits for a decision. */
  readonly hasOpen: boolean;
  /** Order within the peer: which connection was opened first. */
  readonly openedAs: number;
};

/**
 * What becomes of a connection whose OPEN has come while there is another one: it lives and the other is dumped, it is
 * dumped itself, it takes the place of a session that a restart ended, or it waits until more is known of the other.
 */
export type CollisionVerdict = "wins" | "loses" | "replaces" | "waits";

/** The two ends, and the time. */
export type CollisionContext = {
  readonly local: CollisionSide;
  readonly remote: CollisionSide;
  readonly now: Instant;
};

/** Longer than a connection waits to be accepted by a busy process; shorter than a host that lost power needs to boot. */
const YOUNG_SECONDS = 5;

/**
 * Resolves a collision. RFC 4271 §6.8, with one rule above it: once the peer has our KEEPALIVE on a connection, it may
 * take that one for Established, and to end it then would cost all its routes (with graceful restart: on its second
 * loss in a row, RFC 4724 §4.2). So no KEEPALIVE is sent before the choice is made, and a connection that has ours is
 * left to the peer: either it becomes Established, or the peer, which sees the same collision, ends it.
 */
export function resolveCollision(
  fresh: Contender,
  other: Contender,
  { local, remote, now }: CollisionContext,
): CollisionVerdict {
  const { name } = other.state;
  if (name === "Idle" || name === "Connect" || name === "Active") return "wins";
  if (name === "Established") return againstEstablished(other.state, now);
  // A peer opens a second connection only after it has given up the first.
  if (fresh.direction === other.direction) {
    return fresh.openedAs > other.openedAs ? "wins" : "loses";
  }
  if (name === "OpenSent" && !other.hasOpen) return "waits";
  if (fresh.direction !== survivor(local, remote)) return "loses";
  return name === "OpenConfirm" ? "waits" : "wins";
}

/**
 * RFC 4724 §5: a peer that opens a new connection has restarted, and its old connection is dead even if nobody has told
 * us. But a session so young is not: the peer dialled before it was up, and the connection waited to be accepted.
 */
function againstEstablished(
  { parameters, establishedAt }: Established,
  now: Instant,
): CollisionVerdict {
  const young = now < addSeconds(establishedAt, YOUNG_SECONDS);
  return parameters.gracefulRestart !== undefined && !young ? "replaces" : "loses";
}

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
