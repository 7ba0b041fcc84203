import t from "tap";
import { DriverRehearsal } from "../../../src/bgp/driver-rehearsal.ts";
import { Rehearsal } from "../../../src/bgp/rehearsal.ts";
import { RouteRehearsal } from "../../../src/dataplane/route-rehearsal.ts";
import { inSpareTime } from "../../../src/lib/spare-time.ts";

t.test("the play of a speaker ends, and its peers were told whole feeds", async (t) => {
  const rehearsal = new Rehearsal();
  const steps = count(() => rehearsal.step());
  t.ok(steps > 400, `${steps} steps, each a few milliseconds at most`);
  // 3 feeds of 1,100 UPDATEs, to three peers each: less would mean that sessions or routes were refused.
  t.ok(rehearsal.octetsTold > 1_000_000, `${rehearsal.octetsTold} octets told`);
});

t.test("the play of a route driver ends, and all was added, replaced and removed", async (t) => {
  const rehearsal = new RouteRehearsal();
  t.ok(count(() => rehearsal.step()) > 400);
  // 3 acts, 2 families, 5,000 routes that come, go and come with their link, and go.
  t.ok(rehearsal.messages >= 120_000, `${rehearsal.messages} messages`);
});

t.test("work in spare time waits while there is other work, and can be given up", async (t) => {
  // Spare time keeps no process alive, so this test does.
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(alive));
  let busyAnswers = 3;
  let left = 5;
  await new Promise<void>((resolve) => {
    inSpareTime({
      onError: t.error,
      isBusy: () => busyAnswers-- > 0,
      step: () => {
        t.ok(busyAnswers < 0, "no step before the other work is done");
        if (--left === 0) resolve();
        return left > 0;
      },
    });
  });
  t.equal(left, 0);

  let steps = 0;
  const giveUp = inSpareTime({
    onError: t.error,
    isBusy: () => false,
    step: () => {
      if (++steps === 2) giveUp();
      return true;
    },
  });
  await new Promise((resolve) => setTimeout(resolve, 400));
  t.equal(steps, 2);

  const error = await new Promise((resolve) => {
    inSpareTime({
      onError: resolve,
      isBusy: () => false,
      step: () => {
        throw new Error("a mishap");
      },
    });
  });
  t.match(error, { message: "a mishap" });
});

t.test("lone changes through a driver of its own reach every client", async (t) => {
  const rehearsal = new DriverRehearsal();
  t.teardown(() => rehearsal.end());
  while (rehearsal.step()) await new Promise((resolve) => setImmediate(resolve));
  // 400 changes of some 70 octets to ten clients: less would mean that sessions did not come up, or time ran out.
  t.ok(rehearsal.octetsTold > 250_000, `${rehearsal.octetsTold} octets told`);
});

function count(step: () => boolean): number {
  let steps = 0;
  while (step()) steps++;
  return steps;
}
