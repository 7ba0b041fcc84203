import { step } from "../session/fsm.ts";
import { CeaseSubcode, cease } from "../session/notification.ts";
import type { SessionConfig } from "../session/session-config.ts";
import type { SessionEvent } from "../session/session-event.ts";
import { STOPPED } from "../session/session-state.ts";
import { addSeconds, type Instant } from "../types/instant.ts";
import type { RouterId } from "../types/router-id.ts";
import type { NotificationMessage, OpenMessage } from "../wire/message.ts";
import type { Connection } from "./connection.ts";
import { earliest } from "./earliest.ts";
import { decideHeld, receiveOpen } from "./open-arbiter.ts";
import { effectsOfChange, type SpeakerEffect } from "./peer-change.ts";
import { type LimitExceeded, PeerRoutes } from "./peer-routes.ts";
import { PeerSession } from "./peer-session.ts";
import { PeerWire } from "./peer-wire.ts";
import { sessionConfigOf } from "./session-config-of.ts";
import type { PeerConfig } from "./speaker-config.ts";
import type { SpeakerContext } from "./speaker-context.ts";
import type { ConnectionId, TransportAddress } from "./speaker-io.ts";

/** DelayOpenTime of a second connection while the first is confirmed or up. RFC 4271 §8.1.1. */
const OPEN_DELAY_SECONDS = 5;

/** Why a peer stays down although it is configured; `standby`: because another session does its work. */
type Held = {
  readonly reason: string;
  readonly until: Instant | undefined;
  readonly standby?: true;
};

/**
 * One configured peer: its routes, and the one or (during a collision) two sessions that bring them. Which connection
 * lives on is decided here. RFC 4271 §6.8, §8.2.1.
 */
export class Peer {
  readonly routes: PeerRoutes;
  readonly wire: PeerWire;
  readonly #context: SpeakerContext;
  #config: PeerConfig;
  #main = new PeerSession(STOPPED);
  /** The second connection, until the collision is resolved. */
  #extra: PeerSession | undefined;
  #order = 0;
  #held: Held | undefined;
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

  get main(): PeerSession {
    return this.#main;
  }

  get held(): Held | undefined {
    return this.#held;
  }

  get routerId(): RouterId {
    return this.#context.config.routerId;
  }

  get now(): Instant {
    return this.#context.now;
  }

  get isEstablished(): boolean {
    return this.#main.state.name === "Established";
  }

  get isStarted(): boolean {
    return this.#started;
  }

  /** Begins to look for the peer, unless something holds it down. */
  start(): void {
    this.#started = true;
    if (this.#config.adminDown !== undefined || this.#held !== undefined) return;
    const mode = this.#config.passive ? "passive" : "active";
    this.step(this.#main, { type: "start", by: "automatic", mode });
  }

  /** Ends all sessions and does not begin again. Without a notification the connections just close. */
  stop(notification: NotificationMessage | undefined, reason: string): void {
    this.#started = false;
    for (const session of this.sessions()) {
      this.step(session, { type: "stop", by: "operator", notification, reason });
    }
  }

  /** Ends the session with a NOTIFICATION and begins anew at once. */
  restart(notification: NotificationMessage, reason: string): void {
    this.#held = undefined;
    this.deadlineMoved();
    const wasStarted = this.#started;
    this.stop(notification, reason);
    if (wasStarted) this.start();
  }

  /** Too many prefixes: down until the time is over, or an operator resets the peer. RFC 4271 §6.7. */
  hold(
    notification: NotificationMessage,
    reason: string,
    restartAfterSeconds: number | undefined,
  ): void {
    const until =
      restartAfterSeconds === undefined
        ? undefined
        : addSeconds(this.#context.now, restartAfterSeconds);
    this.stop(notification, reason);
    this.#started = true;
    this.#held = { reason, until };
    this.deadlineMoved();
  }

  /** Leaves the work to another session, for a time or for good (standby-peers.ts). */
  standBy(primary: Peer, until: Instant | undefined): void {
    if (this.#held !== undefined && (!this.#held.standby || this.#held.until === until)) return;
    const reason = `stands by: its families are for ${primary.name} to carry`;
    const wasStarted = this.#started;
    if (this.standsBy === undefined)
      this.stop(cease(CeaseSubcode.otherConfigurationChange), reason);
    this.#started = wasStarted;
    this.#held = { reason, until, standby: true };
    this.deadlineMoved();
  }

  /** No other session does this one's work. */
  standIn(): void {
    if (this.standsBy !== undefined) this.#release();
  }

  /** Present while the work is left to another session. */
  get standsBy(): Held | undefined {
    return this.#held?.standby && this.#held;
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
      direction === "outgoing" ? this.sessionOf(connection.id) : this.#accept(connection);
    if (session === undefined) {
      this.wire.close(connection, "abort");
      return;
    }
    session.openedAs = ++this.#order;
    const elder = this.sessions().find((each) => each !== session);
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
    const session = this.sessionOf(id);
    if (session === undefined) return;
    session.connection = undefined;
    this.step(session, { type: "tcpFailed", reason });
  }

  /** The connection is of no use any more, although TCP does not know it yet: our own link is down. */
  sever(reason: string): void {
    for (const session of this.sessions()) {
      if (session.connection === undefined) continue;
      this.step(session, { type: "tcpFailed", reason, ownLink: true });
    }
  }

  /** The connection took what it was given. */
  transmitted(id: ConnectionId): void {
    const session = this.sessionOf(id);
    if (session !== undefined) this.step(session, { type: "sendProgressed" });
  }

  /** Whether anything waits to be sent in the established session. */
  hasOutput(): boolean {
    if (!this.isEstablished) return false;
    const { groups, now } = this.#context;
    return (this.#main.connection?.hasQueued ?? false) || groups.hasOutput(this.routes.index, now);
  }

  /** Tells the driver, once, that there are routes to send. */
  announceOutput(): void {
    const { connection } = this.#main;
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

  /** One, or two until a collision is resolved. */
  sessions(): readonly PeerSession[] {
    return this.#extra === undefined ? [this.#main] : [this.#main, this.#extra];
  }

  sessionOf(id: ConnectionId): PeerSession | undefined {
    if (this.#main.connection?.id === id) return this.#main;
    return this.#extra?.connection?.id === id ? this.#extra : undefined;
  }

  /** Runs what is due. */
  tick(now: Instant): void {
    for (const session of this.sessions()) {
      for (let timer = session.dueTimer(now); timer !== undefined; timer = session.dueTimer(now)) {
        this.step(session, { type: "timerExpired", timer });
        if (!this.sessions().includes(session)) break;
      }
    }
    decideHeld(this);
    this.routes.tick(now);
    this.deadlineMoved();
    if (this.#held?.until !== undefined && this.#held.until <= now) this.#release();
  }

  nextDeadline(): Instant | undefined {
    if (this.#deadline === "recalculate") {
      this.#deadline = earliest([
        this.#main.nextDeadline(),
        this.#extra?.nextDeadline(),
        this.routes.nextDeadline(),
        this.#held?.until,
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
    this.#settle();
    decideHeld(this);
    this.wire.noteState(now);
  }

  /** The session layer's share of the configuration, as the next OPEN will say it. */
  sessionConfig(): SessionConfig {
    const { config, restartingFamilies } = this.#context;
    const seen = this.wire.counters.establishedCount > 0;
    this.#sessionConfig ??= sessionConfigOf(this.#config, config, {
      // RFC 4724 §4.1, and per peer: a peer that has not seen our restart yet must still be told.
      restarting: restartingFamilies.size > 0 && !seen,
      // A process that lives on has kept its forwarding state all the time.
      preserved: (family) => seen || restartingFamilies.has(family),
    });
    return this.#sessionConfig;
  }

  /** What the next OPEN says may differ from the last one. */
  openChanged(): void {
    this.#sessionConfig = undefined;
  }

  /** Cease 6/1, and down for the time that the family's limit says. */
  tooManyPrefixes({ notification, restartAfterSeconds }: LimitExceeded): void {
    this.hold(notification, "too many prefixes", restartAfterSeconds);
  }

  #accept(connection: Connection): PeerSession | undefined {
    if (!this.#started || this.#config.adminDown !== undefined || this.#held !== undefined) {
      return undefined;
    }
    const { state } = this.#main;
    if (state.name === "Idle") {
      // After a crime of its own the peer waits outside until the idle hold time is over.
      if (!state.accepts && state.idleHoldAt !== undefined) return undefined;
      this.step(this.#main, { type: "start", by: "automatic", mode: "passive" });
    }
    const free =
      this.#main.state.name === "Active" && this.#main.state.transport.type === "listening";
    const session = free ? this.#main : this.#second();
    session.connection = connection;
    this.wire.own(connection);
    return session;
  }

  /** Makes room for a second connection; one that the peer opened before and left in the air makes place. */
  #second(): PeerSession {
    const older = this.#extra;
    if (older !== undefined) this.step(older, { type: "openCollisionDump" });
    const { failures } = this.#main.state;
    const transport = { type: "listening", connectRetryAt: undefined } as const;
    this.#extra = new PeerSession({ name: "Active", failures, attempts: 0, transport });
    return this.#extra;
  }

  /** A session without a connection is worth keeping only as the one that tries again. */
  #settle(): void {
    const extra = this.#extra;
    if (extra === undefined) return;
    const idle = (session: PeerSession) =>
      session.state.name === "Idle" ||
      (session.state.name === "Active" && session.state.transport.type === "listening");
    if (idle(extra) && extra.openedAs > 0) this.#extra = undefined;
    else if (idle(this.#main) && this.#main.state !== STOPPED) {
      this.#main = extra;
      this.#extra = undefined;
    }
  }

  #adminChanged(): void {
    const { adminDown } = this.#config;
    if (adminDown === undefined) {
      if (this.#started) this.start();
      return;
    }
    const message = cease(CeaseSubcode.administrativeShutdown, adminDown.message);
    const wasStarted = this.#started;
    this.stop(message, `administratively down: ${adminDown.message}`);
    this.#started = wasStarted;
    this.routes.remove();
    this.deadlineMoved();
  }

  #limitsChanged(): void {
    if (this.#held !== undefined) this.#release();
    const excess = this.isEstablished ? this.routes.checkLimits() : undefined;
    if (excess !== undefined) this.tooManyPrefixes(excess);
  }

  #release(): void {
    this.#held = undefined;
    this.deadlineMoved();
    if (this.#started) this.start();
  }
}
