import t from "tap";
import { isWithin } from "../support/load.ts";
import type { TableSpec } from "./client-tables.ts";
import { CLUSTER_ID, ReflectorLab } from "./reflector-lab.ts";

const ROUTES = { 4: 100_000, 6: 20_000 } as const;
/** The least that there is: KEEPALIVEs come each second, and three that are late end the session. */
const HOLD_SECONDS = 3;
const FEEDER = 0;
const RECEIVERS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const LATE = [11, 12, 13, 14];
/** In a process of its own, where nothing keeps it from looking at the clock. */
const LISTENER = 15;
const ALL = [FEEDER, ...RECEIVERS];
/** KEEPALIVEs of 1 s may be this late, and the End-of-RIB this far behind the last route, on a machine with nothing else to do. */
const LATE_MILLISECONDS = 1000;
const isUp = ({ state }: { readonly state: string }) => state === "established";

t.test("a full table and 11 clients with a hold time of 3 s", async (t) => {
  const it = await ReflectorLab.open({
    name: "fulltable",
    clients: LISTENER + 1,
    peerSpec: () => ({ holdTime: `${HOLD_SECONDS}s` }),
  });
  t.teardown(() => it.close());
  const { clients } = it;
  const listener = it.moreClients();
  await clients.open(it.plans(ALL, HOLD_SECONDS));
  await listener.open(
    it.plans([LISTENER], HOLD_SECONDS).map((plan) => ({ ...plan, listensOnly: true })),
  );
  await clients.until("all are Established", ALL, isUp);
  await listener.until("the listener, too", [LISTENER], isUp);
  await listener.ask({ type: "forgetGaps" });

  for (const family of [4, 6] as const) {
    await clients.ask({ type: "announce", client: FEEDER, table: tableOf(family, 1) });
  }
  const routes = ROUTES[4] + ROUTES[6];
  await clients.until(
    `${routes} routes are everywhere`,
    RECEIVERS,
    (report) => report.routes === routes,
  );
  await clients.ask({ type: "announce", client: FEEDER, table: tableOf(4, 2) });
  await clients.agree("all routes changed, everywhere", RECEIVERS, CLUSTER_ID);

  const before = new Map((await clients.reports()).map(({ index, octets }) => [index, octets]));
  await clients.open(it.plans(LATE, HOLD_SECONDS));
  const joined = await clients.until("late clients have End-of-RIB", LATE, ({ endsOfRib }) => {
    return endsOfRib.length === 2;
  });
  for (const { index, endsOfRib } of joined) {
    for (const end of endsOfRib) {
      t.equal(end.routes, ROUTES[end.family], `client ${index}: no route after End-of-RIB`);
      t.ok(
        isWithin(end.sinceLastRoute, LATE_MILLISECONDS),
        `which came ${end.sinceLastRoute} ms after the last one, ${end.milliseconds} ms after the session`,
      );
    }
  }
  await clients.agree("and all routes", LATE, CLUSTER_ID);

  await clients.ask({ type: "refresh", clients: RECEIVERS, family: 4 });
  await clients.until("each was told everything again", RECEIVERS, ({ index, octets }) => {
    return octets > (before.get(index) ?? 0) + ROUTES[4] * 4;
  });
  await clients.ask({ type: "withdraw", client: FEEDER, table: tableOf(4, 2) });
  await clients.agree("a withdraw storm", [...RECEIVERS, ...LATE], CLUSTER_ID);

  const lost = (await clients.reports()).filter((report) => !isUp(report));
  t.same(lost, [], "no session was lost in all that");
  const [heard] = await listener.reports();
  const gap = heard?.longestKeepaliveGap ?? 0;
  t.match(heard, { state: "established" });
  t.ok(gap > 500 && (heard?.octets ?? 0) > 3_000_000, "it was told all that, too");
  t.ok(isWithin(gap, 1000 + LATE_MILLISECONDS), `KEEPALIVEs of 1 s came at least each ${gap} ms`);
});

function tableOf(family: 4 | 6, version: number): TableSpec {
  return { family, first: 0, count: ROUTES[family], perSet: 5, version };
}
