/** What a slice of long work should take: a part of a turn's share, far above the cost of starting it. */
const SLICE_TARGET_MILLISECONDS = 0.5;
/** A slice that takes longer is counted and logged: something does not slice its work. */
export const LONG_SLICE_MILLISECONDS = 10;

const FIRST_BUDGET = 256;
const SMALLEST_BUDGET = 64;
/** Some units cost far less than others: a budget that was learned from those must not be a long slice of these. */
const GREATEST_BUDGET = 1024;

/**
 * How many prefixes a slice of long work may touch. The speaker counts units, because it knows no clock; the driver
 * measures what they took and steers towards the target, by at most a factor of two at a time.
 */
export class WorkBudget {
  #budget = FIRST_BUDGET;

  get prefixes(): number {
    return this.#budget;
  }

  /** Learns from a slice that was given the whole budget. */
  learn(milliseconds: number): void {
    const factor = Math.min(2, Math.max(0.5, SLICE_TARGET_MILLISECONDS / milliseconds));
    const next = Math.round(this.#budget * factor);
    this.#budget = Math.min(GREATEST_BUDGET, Math.max(SMALLEST_BUDGET, next));
  }
}
