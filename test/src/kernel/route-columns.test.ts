import fc from "fast-check";
import t from "tap";
import { NO_ROW, RouteColumns } from "../../../src/kernel/routes/route-columns.ts";

type Step = { readonly remove: boolean; readonly word: number; readonly length: number };

// Few distinct keys, so that probe sequences collide, grow and are closed up again.
const step = fc.record({
  remove: fc.boolean(),
  word: fc.integer({ min: 0, max: 3000 }),
  length: fc.constantFrom(24, 32),
});

for (const words of [1, 4] as const) {
  t.test(
    `columns of ${words} words behave like a map, through growth, removal and reuse`,
    async (t) => {
      let removals = 0;
      let longest = 0;
      fc.assert(
        fc.property(fc.array(step, { maxLength: 8000, size: "max" }), (steps) => {
          const columns = new RouteColumns(words);
          const model = new Map<string, number>();
          const key = new Uint32Array(words);
          for (const { remove, word, length } of steps satisfies Step[]) {
            key[words - 1] = word;
            const name = `${word}/${length}`;
            const row = columns.find(key, 0, length, 7);
            if (row !== (model.get(name) ?? NO_ROW)) throw new Error(`${name}: row ${row}`);
            if (remove && row !== NO_ROW) {
              columns.remove(row);
              model.delete(name);
              removals++;
            } else model.set(name, columns.findOrAdd(key, 0, length, 7));
          }
          longest = Math.max(longest, columns.end);
          for (const [name, row] of model) {
            const [word = 0, length = 0] = name.split("/").map(Number);
            key[words - 1] = word;
            if (columns.find(key, 0, length, 7) !== row) throw new Error(`${name} is lost`);
            if (columns.find(key, 0, length, 8) !== NO_ROW)
              throw new Error("another metric is another key");
          }
          return columns.count === model.size && new Set(model.values()).size === model.size;
        }),
        { numRuns: 30, seed: 1 },
      );
      t.ok(removals > 1000, `${removals} removals`);
      t.ok(longest > 1024, `grew to ${longest} rows`);
    },
  );
}
