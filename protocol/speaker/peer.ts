import { step } from "../session/fsm.ts";
import { CeaseSubcode, cease } from "../session/notification.ts";
import type { SessionConfig } from "../session/session-config.ts";
import type { SessionEvent } from "../session/session-event.ts";
import { addSeconds, type Instant } from "../types/instant.ts";
import type { RouterId } from "../types/router-id.ts";
import type { NotificationMessage, OpenMessage } from "../wire/message.ts";
import type { Connection } from "./connection.ts";
import { earliest } from "./earliest.ts";
import { decideHeld, OPEN_DELAY_SECONDS, receiveOpen } from "./open-arbiter.ts";
import { effectsOfChange, type SpeakerEffect } from "./peer-change.ts";
import { PeerHold } from "./peer-hold.ts";
import { type LimitExceeded, PeerRoutes } from "./peer-routes.ts";
import type { PeerSession } from "./peer-session.ts";
import { PeerWire } from "./peer-wire.ts";
import { sessionConfigOf } from "./session-config-of.ts";
import { SessionPair } from "./session-pair.ts";
import type { PeerConfig } from "./speaker-config.ts";
import type { SpeakerContext } from "./speaker-context.ts";
import type { ConnectionId, TransportAddress } from "./speaker-io.ts";

/**
 * One configured peer: its routes, the sessions that bring them, and what keeps it down. Each event of a session comes
 * through `step`, and what it asks for is done there. RFC 4271 §8.2.1.
 */
export class Peer {
  readonly routes: PeerRoutes;
  readonly wire: PeerWire;
  readonly sessions = new SessionPair();
  readonly hold = new PeerHold();
  readonly #context: SpeakerContext;
  #config: PeerConfig;
  #started = false;
  #sessionConfig: SessionConfig | undefined;
  /** The earliest deadline; `recalculate` means that it must be looked for again. */
  #deadline: Instant | undefined | "recalculate" = "recalculate";

  constructor(index: number, config: PeerConfig, context: SpeakerContext) {
    this.#config = config;
    this.#context = context;
    this.routes = new PeerRoutes(index, config, context);
    this.wire = new PeerWire(this, context);
    this.deadlineMoved();
  }

  get name(): string {
    return this.#config.name;
  }

  get config(): PeerConfig {
    return this.#config;
  }

  get routerId(): RouterId {
    return this.#context.config.routerId;
  }

  get now(): Instant {
    return this.#context.now;
  }

  get isEstablished(): boolean {
    return this.sessions.main.state.name === "Established";
  }

  get isStarted(): boolean {
    return this.#started;
  }

  /** Begins to look for the peer, unless something keeps it down. */
  start(): void {
    this.#started = true;
    if (!this.#mayRun()) return;
    const mode = this.#config.passive ? "passive" : "active";
    this.step(this.sessions.main, { type: "start", by: "automatic", mode });
  }

  /** Ends all sessions and does not begin again. Without a notification the connections just close. */
  stop(notification: NotificationMessage | undefined, reason: string): void {
    this.#started = false;
    this.#end(notification, reason);
  }

  /** Ends the session with a NOTIFICATION and begins anew at once. */
  restart(notification: NotificationMessage, reason: string): void {
    this.#end(notification, reason);
    this.#release();
  }

  /** Cease 6/1, and down for the time that the family's limit says, or until an operator resets the peer. RFC 4271 §6.7. */
  tooManyPrefixes({ notification, restartAfterSeconds: seconds }: LimitExceeded): void {
    this.#end(notification, "too many prefixes");
    const until = seconds === undefined ? undefined : addSeconds(this.#context.now, seconds);
    this.hold.forTooManyPrefixes(until);
    this.deadlineMoved();
  }

  /** Leaves the work to another session, for a time or for good (standby-peers.ts). */
  standBy(primary: Peer, until: Instant | undefined): void {
    const reason = `stands by: its families are for ${primary.name} to carry`;
    if (!this.hold.isHeld) this.#end(cease(CeaseSubcode.otherConfigurationChange), reason);
    this.hold.forStandby(reason, until);
    this.deadlineMoved();
  }

  /** No other session does this one's work. */
  standIn(): void {
    if (this.hold.standby !== undefined) this.#release();
  }

  /** Takes a new configuration and does what the difference asks for (peer-change.ts). */
  configure(config: PeerConfig): void {
    const before = this.#config;
    const effects = effectsOfChange(before, config);
    this.#config = config;
    this.routes.configure(config);
    this.openChanged();
    if (effects.has("reset")) {
      this.restart(cease(CeaseSubcode.otherConfigurationChange), "configuration changed");
      return;
    }
    if (effects.has("admin")) this.#adminChanged();
    if (effects.has("import") || effects.has("both")) this.routes.rejudge();
    if (effects.has("export") || effects.has("both")) this.routes.regroup();
    if (effects.has("limits")) this.#limitsChanged();
  }

  /** A driver's answer to `connect`, or a connection that the peer opened. */
  opened(
    connection: Connection,
    ends: { readonly local: TransportAddress; readonly remote: TransportAddress },
  ): void {
    connection.opened(ends.local, ends.remote);
    const { direction } = connection;
    const session =
      direction === "outgoing"
        ? this.sessions.withConnection(connection.id)
        : this.#accept(connection);
    if (session === undefined) {
      this.wire.close(connection, "abort");
      return;
    }
    this.sessions.opened(session);
    const elder = this.sessions.otherThan(session);
    // The peer must choose the connection that has our KEEPALIVE already, even where it reads this one first.
    const delayed = elder?.state.name === "OpenConfirm" || elder?.state.name === "Established";
    this.step(
      session,
      { type: "tcpConnected", direction },
      delayed ? OPEN_DELAY_SECONDS : undefined,
    );
  }

  /** The peer's OPEN, which must hold its own against another connection first. RFC 4271 §6.8. */
  openReceived(session: PeerSession, open: OpenMessage): void {
    receiveOpen(this, session, open);
  }

  /** The connection, or the attempt at it, failed or was closed. */
  closed(id: ConnectionId, reason: string): void {
    const session = this.sessions.withConnection(id);
    if (session === undefined) return;
    session.connection = undefined;
    this.step(session, { type: "tcpFailed", reason });
  }

  /** The connection is of no use any more, although TCP does not know it yet: our own link is down. */
  sever(reason: string): void {
    for (const session of this.sessions.all()) {
      if (session.connection === undefined) continue;
      this.step(session, { type: "tcpFailed", reason, ownLink: true });
    }
  }

  /** The connection took what it was given. */
  transmitted(id: ConnectionId): void {
    const session = this.sessions.withConnection(id);
    if (session !== undefined) this.step(session, { type: "sendProgressed" });
  }

  /** Whether anything waits to be sent in the established session. */
  hasOutput(): boolean {
    if (!this.isEstablished) return false;
    const { groups, now } = this.#context;
    return (
      (this.sessions.main.connection?.hasQueued ?? false) ||
      groups.hasOutput(this.routes.index, now)
    );
  }

  /** Tells the driver, once, that there are routes to send. */
  announceOutput(): void {
    const { connection } = this.sessions.main;
    if (connection === undefined || connection.isAnnounced || !this.hasOutput()) return;
    connection.announce();
    this.#context.act({ type: "transmitReady", connection: connection.id });
  }

  /** Something changed in the speaker's own configuration. */
  speakerChanged(): void {
    this.openChanged();
    this.routes.configure(this.#config);
  }

  speakerEffect(effect: SpeakerEffect): void {
    if (effect === "reset") {
      this.restart(cease(CeaseSubcode.otherConfigurationChange), "our AS or router id changed");
    }
    if (effect === "both") {
      this.routes.rejudge();
      this.routes.regroup();
    }
  }

  /** Runs what is due. */
  tick(now: Instant): void {
    for (const session of this.sessions.all()) {
      for (let timer = session.dueTimer(now); timer !== undefined; timer = session.dueTimer(now)) {
        this.step(session, { type: "timerExpired", timer });
        if (!this.sessions.has(session)) break;
      }
    }
    decideHeld(this);
    this.routes.tick(now);
    this.deadlineMoved();
    if (this.hold.isOver(now)) this.#release();
  }

  nextDeadline(): Instant | undefined {
    if (this.#deadline === "recalculate") {
      this.#deadline = earliest([
        this.sessions.nextDeadline(),
        this.routes.nextDeadline(),
        this.hold.until,
      ]);
    }
    return this.#deadline;
  }

  /** Something may have changed a deadline of this peer. */
  deadlineMoved(): void {
    this.#deadline = "recalculate";
    this.#context.moved.add(this);
  }

  /** Feeds one event to a session and does what it asks for. */
  step(session: PeerSession, event: SessionEvent, delayOpenSeconds?: number): void {
    const { now, random } = this.#context;
    const before = session.state;
    const own = this.sessionConfig();
    const config = delayOpenSeconds === undefined ? own : { ...own, delayOpenSeconds };
    const { state, actions } = step(before, event, { config, now, random });
    session.state = state;
    this.deadlineMoved();
    for (const action of actions) this.wire.perform(session, action);
    if (session.connection === undefined) session.release();
    if (state.name !== before.name) this.#context.sessionsMoved.add(this.#config);
    this.sessions.settle();
    decideHeld(this);
    this.wire.noteState(now);
  }

  /** The session layer's share of the configuration, as the next OPEN will say it. */
  sessionConfig(): SessionConfig {
    const { config, restartingFamilies } = this.#context;
    const wasUp = this.wire.counters.establishedCount > 0;
    this.#sessionConfig ??= sessionConfigOf(this.#config, config, { restartingFamilies, wasUp });
    return this.#sessionConfig;
  }

  /** What the next OPEN says may differ from the last one. */
  openChanged(): void {
    this.#sessionConfig = undefined;
  }

  /** The session for a connection that the peer opened, if it may have one. */
  #accept(connection: Connection): PeerSession | undefined {
    if (!this.#started || !this.#mayRun()) return undefined;
    const { state } = this.sessions.main;
    if (state.name === "Idle") {
      // After a crime of its own the peer waits outside until the idle hold time is over.
      if (!state.accepts && state.idleHoldAt !== undefined) return undefined;
      this.step(this.sessions.main, { type: "start", by: "automatic", mode: "passive" });
    }
    const { main } = this.sessions;
    const session = main.isListening ? main : this.#makeRoom();
    session.connection = connection;
    this.wire.own(connection);
    return session;
  }

  /** A second session; one that the peer opened before and left in the air makes place. */
  #makeRoom(): PeerSession {
    const { second } = this.sessions;
    if (second !== undefined) this.step(second, { type: "openCollisionDump" });
    return this.sessions.addSecond();
  }

  #mayRun(): boolean {
    return this.#config.adminDown === undefined && !this.hold.isHeld;
  }

  #end(notification: NotificationMessage | undefined, reason: string): void {
    for (const session of this.sessions.all()) {
      this.step(session, { type: "stop", by: "operator", notification, reason });
    }
  }

  #release(): void {
    this.hold.release();
    this.deadlineMoved();
    if (this.#started) this.start();
  }

  #adminChanged(): void {
    const { adminDown } = this.#config;
    if (adminDown === undefined) {
      if (this.#started) this.start();
      return;
    }
    const message = cease(CeaseSubcode.administrativeShutdown, adminDown.message);
    this.#end(message, `administratively down: ${adminDown.message}`);
    this.routes.remove();
    this.deadlineMoved();
  }

  #limitsChanged(): void {
    if (this.hold.isHeld && this.hold.standby === undefined) this.#release();
    const excess = this.isEstablished ? this.routes.checkLimits() : undefined;
    if (excess !== undefined) this.tooManyPrefixes(excess);
  }
}
