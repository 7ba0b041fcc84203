import {
  deadlines,
  nextDeadline,
  type SessionState,
  type TimerName,
} from "../session/session-state.ts";
import { addSeconds, type Instant } from "../types/instant.ts";
import type { Connection } from "./connection.ts";

/** A hold timer that is found this late was not watched: the process was busy, and what the peer sent may still be unread. */
const LATE_MILLISECONDS = 200;

/** How long such a timer is given to read it. */
const GRACE_SECONDS = 0.5;

/** One state machine of a peer with the connection that belongs to it. */
export class PeerSession {
  state: SessionState;
  connection: Connection | undefined;
  /** Order of events within the peer: when the connection was opened, and when the session was established. */
  openedAs = 0;
  establishedAs = 0;
  #graceGiven = false;

  constructor(state: SessionState) {
    this.state = state;
  }

  nextDeadline(): Instant | undefined {
    return nextDeadline(this.state);
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
