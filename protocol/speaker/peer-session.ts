import {
  deadlines,
  nextDeadline,
  type SessionState,
  type TimerName,
} from "../session/session-state.ts";
import { addSeconds, type Instant } from "../types/instant.ts";
import { objectArray } from "../types/object-array.ts";
import type { OpenMessage } from "../wire/message.ts";
import type { Connection } from "./connection.ts";

/** A hold timer that is found this late was not watched: the process was busy, and what the peer sent may still be unread. */
const LATE_MILLISECONDS = 200;

/** How long such a timer is given to read it. */
const GRACE_SECONDS = 0.5;

/** An OPEN that waits for the decision on another connection, and what arrived after it. */
class HeldOpen {
  readonly open: OpenMessage;
  readonly until: Instant;
  readonly #chunks = objectArray<Uint8Array>();

  constructor(open: OpenMessage, until: Instant) {
    this.open = open;
    this.until = until;
  }

  /** Keeps a copy: the octets belong to the driver. */
  keep(octets: Uint8Array): void {
    this.#chunks.push(octets.slice());
  }

  rest(): Uint8Array {
    const whole = new Uint8Array(this.#chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }
}

/** One state machine of a peer with the connection that belongs to it. */
export class PeerSession {
  state: SessionState;
  connection: Connection | undefined;
  /** Order within the peer: which connection was opened first. */
  openedAs = 0;
  #graceGiven = false;
  #held: HeldOpen | undefined;

  constructor(state: SessionState) {
    this.state = state;
  }

  /** The send hold timer runs already: another write says nothing new. RFC 9687 §3.1. */
  get awaitsProgress(): boolean {
    const { state } = this;
    return "sendHoldAt" in state && state.sendHoldAt !== undefined;
  }

  /** It has no connection and makes none: the peer may open one. */
  get isListening(): boolean {
    return this.state.name === "Active" && this.state.transport.type === "listening";
  }

  held(): HeldOpen | undefined {
    return this.#held;
  }

  /** The peer's OPEN is not answered yet, and nothing after it is read. */
  hold(open: OpenMessage, until: Instant): void {
    this.#held = new HeldOpen(open, until);
  }

  release(): void {
    this.#held = undefined;
  }

  nextDeadline(): Instant | undefined {
    const at = nextDeadline(this.state);
    const until = this.#held?.until;
    return until !== undefined && (at === undefined || until < at) ? until : at;
  }

  /** A message arrived: the hold timer may be given grace again. */
  heard(): void {
    this.#graceGiven = false;
  }

  /**
   * The most urgent timer that is due. A hold timer that is found late gets, once, a moment to read what is in the socket:
   * with 1 s and 3 s timers a busy process must not blame its peers.
   */
  dueTimer(now: Instant): TimerName | undefined {
    const due = deadlines(this.state).find(([, at]) => at <= now);
    if (due === undefined) return undefined;
    const [timer, at] = due;
    if (timer !== "hold" || this.#graceGiven || now - at < LATE_MILLISECONDS) return timer;
    this.#graceGiven = true;
    if (this.state.name === "OpenConfirm" || this.state.name === "Established") {
      this.state = { ...this.state, holdAt: addSeconds(now, GRACE_SECONDS) };
    }
    return this.dueTimer(now);
  }
}
