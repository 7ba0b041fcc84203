/* The long form of grouping.test.ts: more histories, each of them longer. `SEEDS=1000-1999` chooses others. */
import t from "tap";
import { playHistory } from "./grouping/grouping-history.ts";

const [first = 1000, last = 1400] = (process.env["SEEDS"] ?? "")
  .split("-")
  .filter(Boolean)
  .map(Number);

t.test("each peer holds what naive export would have told it, for long", (t) => {
  for (let seed = first; seed <= last; seed++) {
    const difference = playHistory(seed, { steps: 1500, every: 150 });
    if (difference !== undefined) t.fail(difference);
  }
  t.ok(last >= first, `${last - first + 1} histories`);
  t.end();
});
