import { NotificationCode } from "../session/notification.ts";
import { openMessage } from "../session/open-message.ts";
import type { EndCause, SessionAction } from "../session/session-action.ts";
import type { SessionParameters } from "../session/session-parameters.ts";
import { type Family, formatFamily, IPV4_UNICAST } from "../types/family.ts";
import { Instant } from "../types/instant.ts";
import { unreachable } from "../types/never.ts";
import { formatRouterId } from "../types/router-id.ts";
import { AttributeFlag } from "../wire/attribute/path-attribute.ts";
import type { Capability } from "../wire/capability.ts";
import { encodeMessage } from "../wire/encode-message.ts";
import type {
  Message,
  NotificationMessage,
  RouteRefreshMessage,
  UpdateMessage,
} from "../wire/message.ts";
import { notificationText } from "../wire/notification-text.ts";
import { DEFAULT_WIRE_CONTEXT } from "../wire/wire-context.ts";
import { Connection } from "./connection.ts";
import type { Peer } from "./peer.ts";
import { PeerCounters } from "./peer-counters.ts";
import type { PeerSession } from "./peer-session.ts";
import type { SpeakerContext } from "./speaker-context.ts";
import type { PeerSnapshot, SessionStateName } from "./speaker-snapshot.ts";

type LastError = NonNullable<PeerSnapshot["lastError"]>;

const COLLISION = "connection collision";

/** How often update groups are read in vain before other connections get their turn. */
const MAX_EMPTY_PULLS = 2;

/** What a peer's sessions do to the outer world: connections, messages out, events, and the memory that status shows. */
export class PeerWire {
  readonly counters = new PeerCounters();
  readonly #peer: Peer;
  readonly #context: SpeakerContext;
  #lastError: LastError | undefined;
  #state: SessionStateName = "Idle";
  #stateSince: Instant = Instant(0);
  #capabilitiesSent: readonly Capability[] = [];
  #parameters: SessionParameters | undefined;

  constructor(peer: Peer, context: SpeakerContext) {
    this.#peer = peer;
    this.#context = context;
    this.#stateSince = context.now;
  }

  /** The state that status shows is that of the main session. */
  noteState(now: Instant): void {
    const { name } = this.#peer.sessions.main.state;
    if (name === this.#state) return;
    this.#event("peer.state", "debug", { from: this.#state, to: name });
    this.#state = name;
    this.#stateSince = now;
  }

  own(connection: Connection): void {
    this.#context.connections.own(connection, this.#peer);
  }

  close(connection: Connection, mode: "flush" | "abort"): void {
    const { connections } = this.#context;
    if (mode === "flush" && connection.hasQueued) connections.disown(connection);
    else connections.forget(connection.id);
    this.#context.act({ type: "close", connection: connection.id, mode });
  }

  /** Does what one step of a session asked for. */
  perform(session: PeerSession, action: SessionAction): void {
    switch (action.type) {
      case "connect":
        this.#connect(session);
        return;
      case "disconnect":
        if (session.connection !== undefined) this.close(session.connection, action.mode);
        session.connection = undefined;
        return;
      case "sendOpen": {
        const open = openMessage(this.#peer.sessionConfig());
        this.#capabilitiesSent = open.capabilities;
        this.send(session, open);
        return;
      }
      case "sendKeepalive":
        this.send(session, { type: "keepalive" });
        return;
      case "sendNotification":
        this.send(session, action.notification);
        return;
      case "established":
        this.#established(session, action.parameters);
        return;
      case "ended":
        this.#ended(action.wasEstablished, action.cause);
        return;
      default:
        unreachable(action);
    }
  }

  /** Queues a message in front of all UPDATEs. */
  send(session: PeerSession, message: Message): void {
    const { connection } = session;
    if (connection === undefined) return;
    connection.queue(encodeMessage(message, DEFAULT_WIRE_CONTEXT));
    if (connection.announce()) {
      this.#context.act({ type: "transmitReady", connection: connection.id });
    }
  }

  /** Asks the peer for its routes again; false where it cannot be asked. RFC 2918 §3. */
  requestRefresh(): boolean {
    const { state } = this.#peer.sessions.main;
    if (state.name !== "Established" || !state.parameters.routeRefresh) return false;
    for (const family of state.parameters.families) {
      const request: RouteRefreshMessage = { type: "routeRefresh", family, subtype: 0 };
      this.send(this.#peer.sessions.main, request);
    }
    return true;
  }

  /** What the connection has to send now: messages of the session first, then routes. */
  transmit(connection: Connection, maxBytes: number): readonly Uint8Array[] {
    const session = this.#peer.sessions.withConnection(connection.id);
    const buffers = connection.takeQueued();
    let room = maxBytes;
    for (const { length } of buffers) room -= length;
    if (session?.state.name === "Established" && room > 0) {
      for (const buffer of this.#pull(room)) buffers.push(buffer);
    }
    if (buffers.length === 0) connection.drained();
    else if (session !== undefined && !session.awaitsProgress) {
      this.#peer.step(session, { type: "sendStarted" });
    }
    for (const buffer of buffers) this.counters.sent(buffer);
    return buffers;
  }

  /** Routes to send. The change log may hold much that does not concern this peer: it is read on, but not for ever. */
  #pull(room: number): readonly Uint8Array[] {
    const { groups, now } = this.#context;
    const { index } = this.#peer.routes;
    for (let pulls = 0; pulls < MAX_EMPTY_PULLS; pulls++) {
      const buffers = groups.pull(index, room, now);
      if (buffers.length > 0 || !groups.hasOutput(index, now)) return buffers;
    }
    this.#context.outputDelayed = true;
    return [];
  }

  snapshot(): PeerSnapshot {
    const peer = this.#peer;
    const { config } = peer;
    const { main } = peer.sessions;
    const parameters = "parameters" in main.state ? main.state.parameters : undefined;
    const localAddress = main.connection?.local?.address ?? config.localAddress;
    const next = nextConnect(peer);
    const { standby } = peer.hold;
    return {
      name: config.name,
      origin: config.origin,
      address: config.address,
      port: config.port,
      ...(localAddress !== undefined && { localAddress }),
      localAsn: config.localAsn,
      peerAsn: config.peerAsn,
      type: config.peerAsn === config.localAsn ? "ibgp" : "ebgp",
      routeReflectorClient: config.routeReflectorClient,
      state: main.state.name,
      stateSince: this.#stateSince,
      ...(parameters && {
        routerId: parameters.peerRouterId,
        holdTimeSeconds: parameters.holdTimeSeconds,
        keepaliveSeconds: parameters.keepaliveSeconds,
      }),
      capabilitiesSent: this.#capabilitiesSent,
      capabilitiesReceived: (parameters ?? this.#parameters)?.capabilitiesReceived ?? [],
      families: peer.routes.snapshot(),
      messagesReceived: this.counters.messagesReceived,
      messagesSent: this.counters.messagesSent,
      updatesReceived: this.counters.updatesReceived,
      updatesSent: this.counters.updatesSent,
      bytesReceived: this.counters.bytesReceived,
      bytesSent: this.counters.bytesSent,
      establishedCount: this.counters.establishedCount,
      ...(this.#lastError && { lastError: this.#lastError }),
      ...(next !== undefined && { nextConnectAt: next }),
      ...(standby && { standsBy: standby.reason }),
    };
  }

  #connect(session: PeerSession): void {
    const { config } = this.#peer;
    const connection = new Connection(this.#context.nextConnection(), "outgoing");
    session.connection = connection;
    this.own(connection);
    this.#context.act({
      type: "connect",
      connection: connection.id,
      peer: config.name,
      remote: { address: config.address, port: config.port },
      local: config.localAddress,
    });
  }

  #established(session: PeerSession, parameters: SessionParameters): void {
    this.counters.establishedCount++;
    this.#peer.openChanged();
    this.#parameters = parameters;
    this.#event("peer.up", "info", {
      address: this.#peer.config.address,
      asn: parameters.peerAsn,
      routerId: formatRouterId(parameters.peerRouterId),
      families: parameters.families.map(formatFamily),
      holdTimeSeconds: parameters.holdTimeSeconds,
    });
    const local = session.connection?.local?.address ?? this.#peer.config.localAddress;
    const mute = this.#peer.routes.established(parameters, local ?? this.#peer.config.address);
    // The peer may wait for it, whether or not we have anything to say. RFC 4724 §2.
    for (const family of mute) this.send(session, endOfRib(family));
  }

  #ended(wasEstablished: boolean, cause: EndCause): void {
    const { now } = this.#context;
    const text = reasonOf(cause);
    const collision = isCollision(cause);
    // A peer that stays away fails again and again: only news are worth a line.
    const again = !wasEstablished && text === this.#lastError?.text;
    if (!collision) this.#lastError = { at: now, text, ...codesOf(cause) };
    const name = wasEstablished ? "peer.down" : "peer.failed";
    const level = wasEstablished ? "warn" : collision || again ? "debug" : "info";
    this.#event(name, level, { reason: text }, notificationIn(cause));
    if (wasEstablished) this.#peer.routes.ended(cause);
  }

  #event(
    name: string,
    level: "debug" | "info" | "warn",
    fields: Record<string, unknown>,
    notification?: { direction: "sent" | "received"; message: NotificationMessage },
  ): void {
    const peer = this.#peer.config.name;
    this.#context.event({ name, peer, level, fields, ...(notification && { notification }) });
  }
}

/** Two connections met and one of them was ended: this is no error of anyone. RFC 4271 §6.8. */
function isCollision(cause: EndCause): boolean {
  if (cause.type === "notificationSent") return cause.reason === COLLISION;
  return (
    cause.type === "notificationReceived" &&
    cause.notification.code === NotificationCode.cease &&
    cause.notification.subcode === 7
  );
}

function reasonOf(cause: EndCause): string {
  switch (cause.type) {
    case "notificationSent":
      return `${cause.reason}; sent ${notificationText(cause.notification)}`;
    case "notificationReceived":
      return `received ${notificationText(cause.notification)}`;
    case "connectionLost":
    case "stopped":
      return cause.reason;
    default:
      return unreachable(cause);
  }
}

function notificationIn(cause: EndCause) {
  switch (cause.type) {
    case "notificationSent":
      return { direction: "sent", message: cause.notification } as const;
    case "notificationReceived":
      return { direction: "received", message: cause.notification } as const;
    case "connectionLost":
    case "stopped":
      return undefined;
    default:
      return unreachable(cause);
  }
}

function codesOf(cause: EndCause): Pick<LastError, "code" | "subcode" | "direction"> {
  const found = notificationIn(cause);
  if (found === undefined) return {};
  const { code, subcode } = found.message;
  return { code, subcode, direction: found.direction };
}

/** The End-of-RIB marker of a family. RFC 4724 §2. */
function endOfRib(family: Family): UpdateMessage {
  const marker = {
    type: "mpUnreach",
    family,
    withdrawn: [],
    flags: AttributeFlag.optional,
  } as const;
  const attributes = family === IPV4_UNICAST ? [] : [marker];
  return { type: "update", withdrawn: [], attributes, nlri: [], faults: [] };
}

function nextConnect(peer: Peer): Instant | undefined {
  const { state } = peer.sessions.main;
  if (state.name === "Idle") return state.idleHoldAt ?? peer.hold.until;
  const waits = state.name === "Active" && state.transport.type === "listening";
  return waits ? state.transport.connectRetryAt : undefined;
}
