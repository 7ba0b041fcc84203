import { Instant } from "../../protocol/types/instant.ts";

/** Monotonic time, the only kind that a session's timers know. */
export type Clock = { readonly now: () => Instant };

/** The process's own monotonic clock, in milliseconds since it started. */
export const processClock: Clock = { now: () => Instant(performance.now()) };

/** The two clocks are read a moment apart, and the system's is slewed; only more than this means that it was set. */
const CLOCK_WAS_SET_MILLISECONDS = 100;

/**
 * Tells instants of a monotonic clock by the time of day, RFC 3339. An instant has the same text each time, so that a reader may
 * take another text for news, until somebody sets the system's clock.
 */
export function timeOfDayBy(
  clock: Clock,
  systemNow: () => number,
): (instant: Instant | number) => string {
  let start = systemNow() - clock.now();
  return (instant) => {
    const startNow = systemNow() - clock.now();
    if (Math.abs(startNow - start) > CLOCK_WAS_SET_MILLISECONDS) start = startNow;
    return new Date(Math.round(start + instant)).toISOString();
  };
}

/** Instants of `processClock` by the time of day. */
export const timeOfDay = timeOfDayBy(processClock, Date.now);
