import t from "tap";
import { CLUSTER_ID, ReflectorLab } from "./reflector-lab.ts";

/** So many connections in one instant: BIRD and OpenBGPD lose most of them to a backlog of 8 and 5. */
const SESSIONS = 500;
const ROUTES_EACH = 4;
const HOLD_SECONDS = 30;
const EVERYONE = Array.from({ length: SESSIONS }, (_, i) => i);
const isUp = ({ state }: { readonly state: string }) => state === "established";

t.test(`${SESSIONS} clients at once`, async (t) => {
  const it = await ReflectorLab.open({ name: "many", clients: SESSIONS });
  t.teardown(() => it.close());
  const { clients } = it;

  const started = performance.now();
  await clients.open(it.plans(EVERYONE, HOLD_SECONDS));
  await clients.until(`${SESSIONS} sessions are Established`, EVERYONE, isUp);
  t.pass(`${SESSIONS} sessions: ${Math.round(performance.now() - started)} ms after the first SYN`);
  for (const counter of ["ListenOverflows", "ListenDrops"]) {
    t.equal(await it.tcpCounter(counter), 0, `no open was lost to the backlog: ${counter}`);
  }

  await clients.until("each has End-of-RIB of both families", EVERYONE, ({ endsOfRib }) => {
    return endsOfRib.length === 2;
  });
  for (const client of EVERYONE) {
    await clients.ask({ type: "announce", client, table: tableOf(client, 1) });
  }
  await clients.agree("each has the routes of all others", EVERYONE, CLUSTER_ID);
  t.pass(`each of ${SESSIONS} clients holds what naive reflection says`);

  const before = new Map((await clients.reports()).map(({ index, octets }) => [index, octets]));
  await clients.ask({ type: "refresh", clients: EVERYONE, family: 4 });
  const again = SESSIONS * ROUTES_EACH * 4;
  await clients.until("each was told everything again", EVERYONE, ({ index, octets }) => {
    return octets > (before.get(index) ?? 0) + again;
  });
  await clients.agree("and holds the same", EVERYONE, CLUSTER_ID);
  t.pass("a route refresh from every client at once");

  // Half of them withdraw, the others change all that they have, in the same moment.
  for (const client of EVERYONE) {
    const type = client % 2 === 0 ? "withdraw" : "announce";
    await clients.ask({ type, client, table: tableOf(client, 2) });
  }
  await clients.agree("the storm is over", EVERYONE, CLUSTER_ID);
  t.pass("a storm of withdrawals and changes ends with naive reflection's tables");

  const reports = await clients.reports();
  t.same(
    reports.filter((report) => !isUp(report)),
    [],
    "no session was lost",
  );
  const counts = await it.tortied.get("/v1/peers");
  const { items } = counts as { readonly items: readonly { readonly establishedCount: number }[] };
  t.equal(
    items.filter(({ establishedCount }) => establishedCount !== 1).length,
    0,
    "each came up once",
  );
});

function tableOf(client: number, version: number) {
  const first = client * ROUTES_EACH;
  return { family: 4, first, count: ROUTES_EACH, perSet: ROUTES_EACH, version } as const;
}
