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
