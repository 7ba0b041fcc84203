import { readFileSync } from "node:fs";
import type { Test } from "tap";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { isWithin } from "../support/load.ts";
import type { TableSpec } from "./client-tables.ts";
import type { ClientReport } from "./plain-client.ts";
import { CLUSTER_ID, ReflectorLab } from "./reflector-lab.ts";

const ROUTES = 100_000;
/** Routes that change again and again, each with an attribute set of its own of about two kilobytes. */
const CHANGING = { count: 4_000, communities: 480 };
const HOLD_SECONDS = 6;
const SEND_HOLD_SECONDS = 8;
const FEEDER = 0;
const FAST = [1, 2];
/** Stops to read, and reads on. */
const SLEEPERS = [3, 4];
/** Stops to read for ever; its KEEPALIVEs go on, so that only the send hold timer can end it. */
const STUCK = 5;
const ALL = [FEEDER, ...FAST, ...SLEEPERS, STUCK];
/** Megabytes of one round: what a queue of unread messages would hold for each, ten times over. */
const MEGABYTES_A_ROUND = (CHANGING.count * (CHANGING.communities * 4 + 80)) / 2 ** 20;
const FILLING_ROUNDS = 4;
/** Less than what one of them leaves unread after that. */
const MOST_GROWTH_MEGABYTES = 50;
const isUp = ({ state }: { readonly state: string }) => state === "established";

/** Clients stop to read while routes change in so many rounds: they delay nobody, cost no memory, and have the latest state in the end. */
export async function runSlowClients(t: Test, rounds: number): Promise<void> {
  const it = await ReflectorLab.open({
    name: "slow",
    clients: ALL.length,
    peerSpec: (client) => ({
      holdTime: `${HOLD_SECONDS}s`,
      ...(client === STUCK && { sendHoldTime: `${SEND_HOLD_SECONDS}s` }),
    }),
  });
  t.teardown(() => it.close());
  const { clients } = it;
  await clients.open(it.plans(ALL, HOLD_SECONDS));
  await clients.until("all are Established", ALL, isUp);
  await clients.ask({ type: "announce", client: FEEDER, table: STANDING });
  let version = 0;
  /** Changes the routes once; returns how long it took until these clients had all of it, in milliseconds. */
  const round = async (receivers: readonly number[]): Promise<number> => {
    version++;
    const started = performance.now();
    await clients.ask({ type: "announce", client: FEEDER, table: changing(version) });
    await clients.ask({ type: "announce", client: FEEDER, table: marker(version) });
    await waitUntil(
      `round ${version} has arrived`,
      async () => {
        const request = { type: "latest", clients: receivers, table: marker(version) } as const;
        return await clients.ask(request);
      },
      { deadlineSeconds: 60, everyMilliseconds: 10 },
    );
    return performance.now() - started;
  };

  // With everybody reading: how long a round takes.
  const reading: number[] = [];
  for (let i = 0; i < 4; i++) reading.push(await round([...FAST, ...SLEEPERS, STUCK]));

  await clients.ask({ type: "pause", clients: [...SLEEPERS, STUCK] });
  const stopped = performance.now();
  const times: number[] = [];
  // The first ones fill what there is a bound for: sockets, the stream, marks in the table.
  for (let i = 0; i < FILLING_ROUNDS; i++) times.push(await round(FAST));
  const resident = it.residentMegabytes();
  let peak = resident;
  for (let i = FILLING_ROUNDS; i < rounds; i++) {
    times.push(await round(FAST));
    peak = Math.max(peak, it.residentMegabytes());
  }
  const unread = Math.round((rounds - FILLING_ROUNDS) * MEGABYTES_A_ROUND);
  t.comment(`each of three clients left ${unread} MB more unread`);
  const [quiet, beside] = [median(reading), median(times)];
  t.ok(
    isWithin(beside, 2 * quiet + 100),
    `a round takes ${Math.round(beside)} ms beside them, ${Math.round(quiet)} ms when all read`,
  );
  t.ok(
    peak - resident < MOST_GROWTH_MEGABYTES,
    `memory grew by ${Math.round(peak - resident)} MB, from ${Math.round(resident)}`,
  );

  await clients.ask({ type: "resume", clients: SLEEPERS });
  await clients.agree("who reads on has the latest state", [...FAST, ...SLEEPERS], CLUSTER_ID);
  const sleepers = await of(SLEEPERS);
  for (const { index, octets } of sleepers) {
    const megabytes = Math.round(octets / 2 ** 20);
    const all = Math.round((rounds + 4) * MEGABYTES_A_ROUND);
    t.ok(megabytes < all * 0.75, `client ${index} took ${megabytes} MB, not all the ${all}`);
  }

  await waitUntil(
    "the send hold timer cuts who never reads",
    () => /send hold timer expired/i.test(readFileSync(it.tortied.daemon.logFile, "utf8")),
    { deadlineSeconds: SEND_HOLD_SECONDS + 20, whenLate: () => it.lab.logTails() },
  );
  const seconds = (performance.now() - stopped) / 1000;
  t.ok(seconds >= SEND_HOLD_SECONDS, `${seconds.toFixed(1)} s after it read last`);
  await round([...FAST, ...SLEEPERS]);
  await clients.agree("the others never noticed", [...FAST, ...SLEEPERS], CLUSTER_ID);
  const lost = (await of([FEEDER, ...FAST, ...SLEEPERS])).filter((report) => !isUp(report));
  t.same(lost, [], "no other session was lost");

  async function of(indices: readonly number[]): Promise<readonly ClientReport[]> {
    return (await clients.reports()).filter(({ index }) => indices.includes(index));
  }
}

const STANDING: TableSpec = { family: 4, first: 0, count: ROUTES, perSet: 20, version: 0 };

function changing(version: number): TableSpec {
  const { count, communities } = CHANGING;
  return { family: 4, first: 0, count, perSet: 1, version, communities };
}

/** Announced behind a round: who has it has what came before. */
function marker(version: number): TableSpec {
  return { family: 4, first: ROUTES, count: 1, perSet: 1, version };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
