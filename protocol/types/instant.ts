import type { Branded } from "./brand.ts";

/** A point of monotonic time in milliseconds, from an origin that only its clock knows. Fractions are allowed. */
export type Instant = Branded<number, "Instant">;

export function Instant(milliseconds: number): Instant {
  if (!Number.isFinite(milliseconds)) throw new RangeError(`not an instant: ${milliseconds}`);
  return milliseconds as Instant;
}

export function addSeconds(instant: Instant, seconds: number): Instant {
  return Instant(instant + seconds * 1000);
}
