import fc from "fast-check";
import t from "tap";
import { NO_ROW, RouteColumns } from "../../../src/kernel/routes/route-columns.ts";
import { RowQueue } from "../../../src/kernel/routes/row-queue.ts";
import { WriteOrder } from "../../../src/kernel/routes/write-order.ts";

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

t.test("a queue of rows is an array that is taken from in front", async () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ add: fc.nat(20_000), take: fc.nat(25_000) }), { maxLength: 12 }),
      (steps) => {
        const queue = new RowQueue();
        const model: number[] = [];
        let row = 1;
        for (const { add, take } of steps) {
          for (let i = 0; i < add; i++) {
            queue.push(row);
            model.push(row++);
          }
          const taken = model.splice(0, take);
          if (queue.next(take).join() !== taken.join()) throw new Error("next");
          if (taken.some((each) => queue.shift() !== each)) throw new Error("shift");
          if (queue.length !== model.length) throw new Error(`length ${queue.length}`);
        }
      },
    ),
  );
});

t.test("rows are written by gateway set, then by address, and none is lost", async (t) => {
  const columns = new RouteColumns(1);
  const key = new Uint32Array(1);
  const rows = Uint32Array.from({ length: 4000 }, (_, i) => {
    key[0] = Math.imul(i, 0x9e37_79b1);
    const row = columns.findOrAdd(key, 0, 32, 7);
    columns.learned[row] = 1 + (i % 50);
    return row;
  });
  const before = [...rows];
  new WriteOrder(columns).sort(rows);
  t.strictSame(
    [...rows].sort((a, b) => a - b),
    before.sort((a, b) => a - b),
  );
  const ordered = [...rows].every((row, i) => {
    const last = rows[i - 1];
    if (last === undefined) return true;
    const sets = Number(columns.learned[row]) - Number(columns.learned[last]);
    const addresses = (Number(columns.address[row]) >>> 4) - (Number(columns.address[last]) >>> 4);
    return sets > 0 || (sets === 0 && addresses >= 0);
  });
  t.ok(ordered);
});
