import type { ApplyProgress } from "../kernel/route-driver.ts";
import type { RouteStatus } from "./route-worker-messages.ts";

const REPORT_INTERVAL_MILLISECONDS = 100;
/** A report counts all routes; it may take this part of the thread's time. */
const REPORT_TIME_SHARE = 0.02;

/**
 * Measures how fast routes go into the kernel and how long the oldest news has waited, and reports: the end of work at
 * once, or, when one report follows the other, the last word after a short while.
 */
export class ProgressReport {
  readonly #send: (speed: RouteSpeed) => void;
  #timer: NodeJS.Timeout | undefined;
  #nextReportAt = 0;
  #waitingSince: number | undefined;
  #written = 0;
  #routesPerSecond = 0;
  #lagMilliseconds = 0;

  constructor(send: (speed: RouteSpeed) => void) {
    this.#send = send;
  }

  /** Something has changed that must reach the kernel. */
  workArrived(): void {
    if (this.#waitingSince !== undefined) return;
    this.#waitingSince = performance.now();
    this.#written = 0;
  }

  /** One slice was written. */
  applied(progress: ApplyProgress): void {
    const now = performance.now();
    this.#written += progress.written;
    this.#lagMilliseconds = now - (this.#waitingSince ?? now);
    if (this.#written > 0)
      this.#routesPerSecond = Math.round(
        (this.#written * 1000) / Math.max(this.#lagMilliseconds, 1),
      );
    if (progress.remaining === 0) this.#waitingSince = undefined;
    const due = this.#nextReportAt - now;
    if (due <= 0) this.#report();
    else this.#timer ??= setTimeout(() => this.#report(), due);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #report(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const startedAt = performance.now();
    this.#send({
      routesPerSecond: this.#routesPerSecond,
      lagMilliseconds: Math.round(this.#lagMilliseconds),
    });
    const now = performance.now();
    this.#nextReportAt =
      now + Math.max(REPORT_INTERVAL_MILLISECONDS, (now - startedAt) / REPORT_TIME_SHARE);
  }
}

/** Rate of the present or last run of work; lag of the oldest news while it waits, afterwards how long it took. */
export type RouteSpeed = Pick<RouteStatus, "routesPerSecond" | "lagMilliseconds">;
