import t from "tap";
import { Instant } from "../../../protocol/types/instant.ts";
import { timeOfDayBy } from "../../../src/bgp/clock.ts";

t.test("an instant is told with the same text until somebody sets the clock", (t) => {
  let [monotonic, system] = [5_000, Date.parse("2026-01-01T00:00:05.000Z")];
  const timeOfDay = timeOfDayBy({ now: () => Instant(monotonic) }, () => system);
  const up = Instant(6_000.4);
  t.equal(timeOfDay(up), "2026-01-01T00:00:06.000Z");
  for (const apart of [-0.6, 0.6, 40]) {
    monotonic += 1000;
    system += 1000 + apart;
    t.equal(timeOfDay(up), "2026-01-01T00:00:06.000Z", `the clocks are ${apart} ms apart`);
  }
  system += 3_600_000;
  t.equal(timeOfDay(up), "2026-01-01T01:00:06.040Z", "the clock was set an hour on");
  t.equal(timeOfDay(up), "2026-01-01T01:00:06.040Z");
  t.end();
});
