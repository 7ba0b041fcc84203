import type { RouteColumns } from "./route-columns.ts";

/** With more than these, those that no route has any more are looked for and forgotten. */
const MANY_METRICS = 16;

/**
 * The metrics with which learned routes stand in one family: nearly always the usual one alone. Where there are several, a route that
 * comes has to be looked for with each of them.
 */
export class LearnedMetrics {
  readonly #columns: RouteColumns;
  #metrics = new Set<number>();
  #last = -1;
  #many = MANY_METRICS;

  constructor(columns: RouteColumns) {
    this.#columns = columns;
  }

  /** Whether a learned route may stand with another metric than this. */
  mayDifferFrom(metric: number): boolean {
    return this.#metrics.size > 1 || (this.#metrics.size === 1 && this.#last !== metric);
  }

  [Symbol.iterator](): Iterator<number> {
    return this.#metrics.values();
  }

  /** A learned route has this metric now. */
  note(metric: number): void {
    if (metric === this.#last) return;
    this.#last = metric;
    if (this.#metrics.size >= this.#many && !this.#metrics.has(metric)) this.#forgetUnused();
    this.#metrics.add(metric);
  }

  #forgetUnused(): void {
    const { learned, metric, end } = this.#columns;
    const used = new Set<number>();
    for (let row = 0; row < end; row++) if (learned[row] !== 0) used.add(metric[row] as number);
    this.#metrics = used;
    this.#many = Math.max(MANY_METRICS, 2 * used.size);
  }
}
