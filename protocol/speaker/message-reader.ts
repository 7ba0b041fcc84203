import { decodeMessage } from "../wire/decode-message.ts";
import { MessageType } from "../wire/header.ts";
import type { Message } from "../wire/message.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../wire/wire-context.ts";
import type { Connection } from "./connection.ts";
import type { Peer } from "./peer.ts";
import type { PeerSession } from "./peer-session.ts";

/**
 * Reads what a connection received: UPDATEs of an established session go straight into the RIB, everything else becomes
 * a message and an event. A crime ends the session with its NOTIFICATION. RFC 4271 §6.
 */
export function readMessages(peer: Peer, connection: Connection, bytes: Uint8Array): void {
  const session = peer.sessions.withConnection(connection.id);
  if (session === undefined) return;
  peer.wire.counters.bytesReceived += bytes.length;
  readOn(peer, session, connection, bytes);
}

/** Reads until the octets are used up, the connection ends, or an OPEN has to wait for the decision on another connection. */
export function readOn(
  peer: Peer,
  session: PeerSession,
  connection: Connection,
  bytes: Uint8Array,
): void {
  const held = session.held();
  if (held !== undefined) {
    held.keep(bytes);
    return;
  }
  connection.frames.push(bytes);
  // An End-of-RIB or a refresh moves deadlines of routes.
  peer.deadlineMoved();
  const updates = peer.wire.counters.updatesReceived;
  try {
    while (session.connection === connection && connection.frames.next(limitsOf(session))) {
      readOne(peer, session, connection);
      const stopped = session.held();
      if (stopped !== undefined) {
        stopped.keep(connection.frames.takeRest());
        return;
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    peer.step(session, { type: "messageError", part: partOf(error), error });
    return;
  }
  // One step for the whole batch: the hold timer does not care for the number of UPDATEs.
  const heardUpdates = peer.wire.counters.updatesReceived > updates;
  if (heardUpdates && session.state.name === "Established") {
    session.heard();
    peer.step(session, { type: "updateReceived" });
  }
}

function readOne(peer: Peer, session: PeerSession, { frames }: Connection): void {
  const { bytes, start, end } = frames;
  const { counters } = peer.wire;
  counters.messagesReceived++;
  if (bytes[start + 18] === MessageType.update) {
    if (session.state.name !== "Established") {
      peer.step(session, { type: "updateReceived" });
      return;
    }
    counters.updatesReceived++;
    const excess = peer.routes.readUpdate(bytes, start, end);
    if (excess !== undefined) peer.tooManyPrefixes(excess);
    return;
  }
  session.heard();
  deliver(peer, session, decodeMessage(bytes.subarray(start, end), limitsOf(session)));
}

function deliver(peer: Peer, session: PeerSession, message: Message): void {
  switch (message.type) {
    case "open":
      peer.openReceived(session, message);
      return;
    case "notification":
      peer.step(session, { type: "notificationReceived", notification: message });
      return;
    case "keepalive":
      peer.step(session, { type: "keepaliveReceived" });
      return;
    case "routeRefresh":
      if (session.state.name === "Established") peer.routes.routeRefresh(message);
      peer.step(session, { type: "routeRefreshReceived" });
      return;
    case "update":
      throw new Error("an UPDATE does not come here");
    default:
      message satisfies never;
  }
}

function limitsOf({ state }: PeerSession): WireContext {
  return "parameters" in state ? state.parameters.receive : DEFAULT_WIRE_CONTEXT;
}

function partOf({ code }: ProtocolError): "header" | "open" | "update" {
  if (code === 1) return "header";
  return code === 2 ? "open" : "update";
}
