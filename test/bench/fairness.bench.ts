/**
 * How long the driver keeps the event loop, situation by situation: the longest turn, the longest part of one, and the
 * longest iteration of the loop with what Node does in it (reading, accepting, collecting garbage). Times are CPU time of the
 * main thread, so that other programs on the machine do not count; peers live in another thread. One JSON line a situation.
 *
 *   sh .ci/with-node node test/bench/fairness.bench.ts [prefixes] [clients] [sessions]
 */
import { Worker } from "node:worker_threads";
import { Speaker } from "../../protocol/speaker/speaker.ts";
import type { PeerConfig, SpeakerConfig } from "../../protocol/speaker/speaker-config.ts";
import { Community } from "../../protocol/types/community.ts";
import { IPV4_UNICAST } from "../../protocol/types/family.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { RouterId } from "../../protocol/types/router-id.ts";
import { BgpDriver } from "../../src/bgp/bgp-driver.ts";
import { processClock } from "../../src/bgp/clock.ts";
import { nativeBgpSockets } from "../../src/bgp/native-bgp-sockets.ts";
import { Rehearsal } from "../../src/bgp/rehearsal.ts";
import { libc } from "../../src/kernel/native/libc.ts";
import { peerConfig, speakerConfig } from "../src/bgp/driver-support.ts";
import type { PeerCommand, PeersReport } from "./fairness-peers.ts";

const PREFIXES = Number(process.argv[2] ?? 600_000);
const CLIENTS = Number(process.argv[3] ?? 10);
const SESSIONS = Number(process.argv[4] ?? 500);
const HERE = "127.0.0.71";
const PORT = 21_971;
const FEEDER = 1;
const LATE = CLIENTS + 2;
const DEADLINE_MILLISECONDS = 60_000;
/** So long nothing may happen before a situation counts as over. */
const QUIET_MILLISECONDS = 400;

const CLOCK_THREAD_CPUTIME_ID = 3;
const time = new BigInt64Array(2);

/** CPU time of the main thread, in milliseconds. getrusage(2), which Node asks, may count by the kernel's ticks of 4 ms. */
function cpu(): number {
  libc().clockGettime(CLOCK_THREAD_CPUTIME_ID, time);
  return Number(time[0]) * 1000 + Number(time[1]) / 1_000_000;
}

const speaker = new Speaker({ random: Math.random });
let read = 0;
const driver = new BgpDriver({
  speaker,
  clock: processClock,
  sockets: nativeBgpSockets(),
  stopwatch: cpu,
  outputs: {
    event: ({ name, peer, fields }) => {
      if (name === "peer.down") console.error(name, peer, fields);
    },
    bestRoutes: ({ count }) => {
      read += count;
    },
    acceptsBestRoutes: () => true,
    trackNextHops: (nextHops) =>
      driver.feed({
        type: "nextHopChanged",
        nextHops: nextHops.map((nextHop) => ({
          nextHop,
          reachable: true,
          metric: 0,
          onLink: true,
        })),
      }),
    familyConverged: () => {},
    failed: (error) => {
      throw error;
    },
  },
});
const peers = new Worker(new URL("./fairness-peers.ts", import.meta.url), {
  workerData: { port: PORT, target: HERE, prefixes: PREFIXES },
});

let longestIteration = 0;
let watching = true;
/** Spins: each iteration of the loop is one read of the CPU clock. */
function watchIterations(): void {
  let last = cpu();
  const look = () => {
    const now = cpu();
    longestIteration = Math.max(longestIteration, now - last);
    last = now;
    if (watching) setImmediate(look);
  };
  setImmediate(look);
}

function configOf(exportTag: number): SpeakerConfig {
  const count = Math.max(LATE, SESSIONS);
  return {
    ...speakerConfig(
      HERE,
      Array.from({ length: count }, (_, i) => clientConfig(i + 1, exportTag)),
    ),
    clusterId: RouterId(7),
    decision: { ...speakerConfig(HERE, []).decision, maxPaths: 8 },
  };
}

function clientConfig(n: number, exportTag: number): PeerConfig {
  const exportPolicy = {
    name: `tag ${exportTag}`,
    rules:
      exportTag === 0
        ? []
        : [
            {
              name: "tag",
              match: {},
              action: "accept" as const,
              operations: [{ type: "addCommunity" as const, community: Community(exportTag) }],
            },
          ],
    otherwise: "accept" as const,
  };
  return peerConfig(`127.1.${n >> 8}.${n & 255}`, HERE, {
    passive: true,
    routeReflectorClient: true,
    holdTimeSeconds: 30,
    keepaliveSeconds: 1,
    nextHopMode: "auto",
    families: [{ family: IPV4_UNICAST }],
    gracefulRestart: undefined as never,
    exportPolicy,
  });
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MILLISECONDS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not reached in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function report(): Promise<PeersReport> {
  const answer = new Promise<PeersReport>((resolve) => peers.once("message", resolve));
  peers.postMessage({ type: "report" } satisfies PeerCommand);
  return await answer;
}

/** The receivers hear nothing but KEEPALIVEs any more. */
async function quiet(): Promise<void> {
  for (let before = -1, since = performance.now(); ; ) {
    const { octets } = await report();
    if (octets - before > 40 * Math.max(SESSIONS, CLIENTS)) since = performance.now();
    before = octets;
    if (performance.now() - since > QUIET_MILLISECONDS) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function situation(name: string, act: () => void, holds: () => boolean): Promise<void> {
  await report();
  driver.clearTaskTimes();
  longestIteration = 0;
  const start = cpu();
  act();
  await until(name, holds);
  await quiet();
  const { longestSilence } = await report();
  const tasks = Object.fromEntries(
    driver
      .statistics()
      .tasks.map(({ task, count, maxMilliseconds, overLimit }) => [
        task,
        `${maxMilliseconds.toFixed(1)} (${overLimit}/${count})`,
      ]),
  );
  const milliseconds = (value: number) => Math.round(value * 10) / 10;
  console.log(
    JSON.stringify({
      situation: name,
      longestIteration: milliseconds(longestIteration),
      longestSilence: Math.round(longestSilence),
      cpu: Math.round(cpu() - start),
      tasks,
    }),
  );
}

function ask(command: PeerCommand): void {
  peers.postMessage(command);
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const routesLeft = () =>
  speaker.status().families.find(({ family }) => family === IPV4_UNICAST)?.routes ?? 0;
const established = () => speaker.status().peers.established;
/** The peers were told all that the feeder's table has, without the few prefixes and paths that import refuses. */
const toldTable = (to: readonly number[]) => () => {
  const families = familiesOfPeers();
  const feeder = families[FEEDER - 1];
  const told = (n: number) => families[n - 1]?.advertised === feeder?.accepted;
  return feeder?.received === PREFIXES && to.every(told);
};
const familiesOfPeers = () => speaker.peers().map(({ families }) => families[0]);

driver.feed({ type: "originated", routes: [], complete: true });
await driver.configure(configOf(0), { port: PORT, addresses: [IpAddress(HERE)] });
watchIterations();
const rehearsal = new Rehearsal();
while (rehearsal.step());
await report();
const clients = range(2, CLIENTS + 1);
await situation(
  "sessions",
  () => ask({ type: "open", peers: range(1, CLIENTS + 1) }),
  () => established() === CLIENTS + 1,
);
await situation("full table", () => ask({ type: "feed", peer: FEEDER }), toldTable(clients));
await situation("late client", () => ask({ type: "open", peers: [LATE] }), toldTable([LATE]));
await situation(
  "refresh from all",
  () => ask({ type: "refresh", peers: clients }),
  () => true,
);
await situation(
  "policy of all changes",
  () => void driver.configure(configOf(9), { port: PORT, addresses: [IpAddress(HERE)] }),
  toldTable(clients),
);
await situation(
  "withdraw storm",
  () => ask({ type: "withdraw", peer: FEEDER }),
  () => routesLeft() === 0,
);
await situation("full table again", () => ask({ type: "feed", peer: FEEDER }), toldTable(clients));
await situation(
  "full-table peer down",
  () => ask({ type: "drop", peer: FEEDER }),
  () => routesLeft() === 0,
);
await situation(
  `${SESSIONS} sessions at once`,
  () => ask({ type: "open", peers: [FEEDER, ...range(LATE + 1, SESSIONS)] }),
  () => established() === SESSIONS,
);
await situation(
  `${SESSIONS} clients tell 20 routes`,
  () => ask({ type: "announceOwn", peers: range(1, SESSIONS), each: 20 }),
  () => familiesOfPeers().every((family) => family?.advertised === 20 * (SESSIONS - 1)),
);
watching = false;
driver.close();
await peers.terminate();
console.error(`${read} best routes were read`);
