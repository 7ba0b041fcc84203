import { Instant } from "../../protocol/types/instant.ts";

/** Monotonic time, the only kind that a session's timers know. */
export type Clock = { readonly now: () => Instant };

/** The process's own monotonic clock, in milliseconds since it started. */
export const processClock: Clock = { now: () => Instant(performance.now()) };
