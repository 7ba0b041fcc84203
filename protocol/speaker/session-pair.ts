import { STOPPED } from "../session/session-state.ts";
import type { Instant } from "../types/instant.ts";
import { earliest } from "./earliest.ts";
import { PeerSession } from "./peer-session.ts";
import type { ConnectionId } from "./speaker-io.ts";

/**
 * The sessions of one peer: the main one, which is always there, and a second one from the moment that the peer opens a
 * connection beside ours until the collision is resolved. Which of them lives on, open-arbiter.ts decides. RFC 4271 §6.8.
 */
export class SessionPair {
  #main = new PeerSession(STOPPED);
  #second: PeerSession | undefined;
  #opened = 0;

  /** The session that status shows, and that carries routes once it is established. */
  get main(): PeerSession {
    return this.#main;
  }

  get second(): PeerSession | undefined {
    return this.#second;
  }

  /** One, or two until a collision is resolved; a copy, for each step may change what is there. */
  all(): readonly PeerSession[] {
    return this.#second === undefined ? [this.#main] : [this.#main, this.#second];
  }

  has(session: PeerSession): boolean {
    return session === this.#main || session === this.#second;
  }

  otherThan(session: PeerSession): PeerSession | undefined {
    return session === this.#main ? this.#second : this.#main;
  }

  withConnection(id: ConnectionId): PeerSession | undefined {
    if (this.#main.connection?.id === id) return this.#main;
    return this.#second?.connection?.id === id ? this.#second : undefined;
  }

  /** The connection of this session is open, as the latest of this peer's. */
  opened(session: PeerSession): void {
    session.openedAs = ++this.#opened;
  }

  /** Makes room for a connection that the peer opened while the main session has another, or dials. */
  addSecond(): PeerSession {
    const { failures } = this.#main.state;
    const transport = { type: "listening", connectRetryAt: undefined } as const;
    this.#second = new PeerSession({ name: "Active", failures, attempts: 0, transport });
    return this.#second;
  }

  /** A session without a connection is worth keeping only as the one that tries again. */
  settle(): void {
    const second = this.#second;
    if (second === undefined) return;
    if (isIdle(second) && second.openedAs > 0) this.#second = undefined;
    else if (isIdle(this.#main) && this.#main.state !== STOPPED) {
      this.#main = second;
      this.#second = undefined;
    }
  }

  nextDeadline(): Instant | undefined {
    return earliest([this.#main.nextDeadline(), this.#second?.nextDeadline()]);
  }
}

function isIdle(session: PeerSession): boolean {
  return session.state.name === "Idle" || session.isListening;
}
