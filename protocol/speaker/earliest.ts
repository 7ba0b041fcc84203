import type { Instant } from "../types/instant.ts";

/** The earliest of some deadlines. */
export function earliest(deadlines: readonly (Instant | undefined)[]): Instant | undefined {
  let first: Instant | undefined;
  for (const at of deadlines)
    if (at !== undefined && (first === undefined || at < first)) first = at;
  return first;
}
