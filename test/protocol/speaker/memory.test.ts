import t from "tap";
import { announce, Bench, benchConfig, internal } from "./bench.ts";

t.test("what a peer leaves behind is freed in slices, and waits for no other change", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  const connection = bench.establish(2);
  bench.send(connection, announce(Array.from({ length: 50 }, (_, i) => `10.9.${i}.0/24`)));
  const prefixes = () => bench.speaker.status().families[0]?.prefixes;
  t.equal(prefixes(), 50);
  bench.slicing = true;
  bench.close(connection);
  for (let slices = 0; slices < 200; slices++) {
    const actions = bench.feed({ type: "workResumed", budget: 2 });
    if (!actions.some(({ type }) => type === "workPending")) break;
  }
  t.equal(prefixes(), 0);
  t.end();
});

t.test(
  "a table that a peer fed, and that others were sent, leaves some pages when the peer leaves",
  (t) => {
    const bench = new Bench(benchConfig([internal(2), internal(3)])).start();
    const receiver = bench.establish(3);
    const octets = () => Object.values(bench.speaker.status().memory ?? {});
    const sum = () => octets().reduce((total, part) => total + part, 0);
    bench.take(receiver);
    const sizes: number[] = [];
    for (let round = 0; round < 3; round++) {
      const connection = bench.establish(2);
      for (let third = 0; third < 60; third++) {
        const all = Array.from({ length: 250 }, (_, i) => `10.${third}.${i}.0/24`);
        bench.send(connection, announce(all, { localPref: 100 + third + round }));
      }
      bench.take(receiver);
      t.equal(bench.speaker.status().families[0]?.prefixes, 15_000);
      const full = sum();
      bench.close(connection);
      for (let turn = 0; turn < 3; turn++) {
        bench.take(receiver);
        bench.feed({ type: "workResumed", budget: 100_000 });
      }
      sizes.push(sum());
      t.ok(sum() < full / 1.5, `${sum()} of ${full} octets`);
    }
    t.equal(new Set(sizes).size, 1, "the same each time");
    t.end();
  },
);
