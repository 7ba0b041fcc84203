/**
 * How often a property is tried: `npm run check` sets TORTIE_RUNS to a fraction, so that it stays quick before every
 * commit; `npm test` tries all; more find rarer things.
 */
export function runs(count: number): number {
  return Math.max(10, Math.round(count * Number(process.env["TORTIE_RUNS"] ?? 1)));
}
