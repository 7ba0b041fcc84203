import type { BestRouteBatch } from "./best-route-batch.ts";

/** A reader of best routes, at its own pace, with its own cursor in the change log. */
export type BestRouteReader = {
  /** The next batch of at most `maxPrefixes`, or undefined when there is no news. */
  read(maxPrefixes: number): BestRouteBatch | undefined;
  /** Begins again with a new generation: the following batches list the whole table. */
  restart(): void;
};
