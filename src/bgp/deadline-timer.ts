import type { Instant } from "../../protocol/types/instant.ts";
import type { Clock } from "./clock.ts";

/** setTimeout fires at once for anything longer; a deadline this far away is looked at again on the way. */
const LONGEST_SLEEP_MILLISECONDS = 3_600_000;

/**
 * One timer for the earliest deadline of all sessions. Deadlines move with almost every message, nearly always to a
 * later time, so a running timer is left alone then: it fires early, finds nothing due, and sleeps on.
 */
export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #deadline: Instant | undefined;
  #firesAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Sets the deadline in place of the one before; undefined means that nothing is waited for. */
  set(deadline: Instant | undefined): void {
    this.#deadline = deadline;
    if (deadline !== undefined && deadline < this.#firesAt) this.#sleepUntil(deadline);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#deadline = undefined;
    this.#firesAt = Number.POSITIVE_INFINITY;
  }

  #sleepUntil(deadline: Instant): void {
    clearTimeout(this.#timer);
    const now = this.#clock.now();
    const sleep = Math.min(Math.max(Math.ceil(deadline - now), 1), LONGEST_SLEEP_MILLISECONDS);
    this.#firesAt = now + sleep;
    this.#timer = setTimeout(() => this.#wake(), sleep);
  }

  #wake(): void {
    this.#firesAt = Number.POSITIVE_INFINITY;
    const deadline = this.#deadline;
    if (deadline === undefined) return;
    if (deadline <= this.#clock.now()) this.#onDue();
    else this.#sleepUntil(deadline);
  }
}
