import { type Contender, resolveCollision } from "../session/collision.ts";
import { negotiate } from "../session/negotiate.ts";
import { addSeconds } from "../types/instant.ts";
import type { OpenMessage } from "../wire/message.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import { readOn } from "./message-reader.ts";
import type { Peer } from "./peer.ts";
import type { PeerSession } from "./peer-session.ts";

/** DelayOpenTime of a second connection while the first is confirmed or up. RFC 4271 §8.1.1. */
export const OPEN_DELAY_SECONDS = 5;
/** A live peer sends its OPEN at once; a connection on which it does not come is not worth waiting for. */
const WAIT_FOR_OPEN_SECONDS = 2;
/**
 * Nor is one on which no KEEPALIVE answers ours. But the peer may wait itself, for the OPEN that we delay on this connection, and its
 * wait must be over long before this one: at the same time each end would close the connection that the other has chosen.
 */
const WAIT_FOR_KEEPALIVE_SECONDS = 5;

/**
 * The peer's OPEN has come. Whether the connection lives is decided before the session answers with a KEEPALIVE, because
 * after that the peer may take it for Established. RFC 4271 §6.8.
 */
export function receiveOpen(peer: Peer, session: PeerSession, open: OpenMessage): void {
  const other = peer.sessions.otherThan(session);
  // A second OPEN, or a bad one, is a crime whatever other connections there are.
  const decides =
    session.state.name !== "OpenConfirm" &&
    session.state.name !== "Established" &&
    !(negotiate(open, peer.sessionConfig()) instanceof ProtocolError);
  if (other === undefined || !decides) {
    peer.step(session, { type: "openReceived", open });
    return;
  }
  const { localAsn, peerAsn } = peer.config;
  const verdict = resolveCollision(contender(session), contender(other), {
    local: { routerId: peer.routerId, asn: localAsn },
    remote: { routerId: open.routerId, asn: peerAsn },
    now: peer.now,
  });
  if (verdict === "waits") {
    const seconds =
      other.state.name === "OpenConfirm" ? WAIT_FOR_KEEPALIVE_SECONDS : WAIT_FOR_OPEN_SECONDS;
    session.hold(open, addSeconds(peer.now, seconds));
    peer.deadlineMoved();
    return;
  }
  if (verdict === "loses") {
    peer.step(session, { type: "openCollisionDump" });
    return;
  }
  peer.step(
    other,
    verdict === "wins"
      ? { type: "openCollisionDump" }
      : { type: "tcpFailed", reason: "the peer opened a new connection" },
  );
  peer.step(session, { type: "openReceived", open });
}

/** Something happened to a session: an OPEN that waited for it may be decided now. */
export function decideHeld(peer: Peer): void {
  for (const session of peer.sessions.all()) {
    const other = peer.sessions.otherThan(session);
    const held = session.held();
    if (held === undefined) continue;
    const late = held.until <= peer.now;
    if (other !== undefined && waitsOn(other) && !late) continue;
    session.release();
    // The other one had its time; as if it had never answered.
    if (other !== undefined && waitsOn(other)) peer.step(other, { type: "openCollisionDump" });
    receiveOpen(peer, session, held.open);
    const { connection } = session;
    if (connection !== undefined) readOn(peer, session, connection, held.rest());
  }
}

/** Nothing is known yet of this one that could end a wait. */
function waitsOn({ state }: PeerSession): boolean {
  return state.name === "OpenSent" || state.name === "OpenConfirm";
}

function contender(session: PeerSession): Contender {
  const { state, openedAs, connection } = session;
  return {
    state,
    direction: connection?.direction,
    hasOpen: session.held() !== undefined,
    openedAs,
  };
}
