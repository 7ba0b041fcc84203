import { readFileSync } from "node:fs";
import t from "tap";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import type { LocalDataplane } from "../../src/dataplane/route-worker-messages.ts";
import { Lab } from "../../src/lab/lab.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { DataplaneHost, NOTHING_LOCAL, type Route } from "./dataplane-host.ts";

const LOCAL: LocalDataplane = {
  ...NOTHING_LOCAL,
  workloads: [{ interface: "cali1", addresses: [IpAddress("10.66.0.2"), IpAddress("fd80:66::2")] }],
  blackholes: [Prefix("10.66.0.0/26"), Prefix("fd80:66::/122")],
};

const LEARNED: readonly Route[] = [
  ["10.65.0.0/26", "10.0.0.2"],
  ["10.65.1.0/26", "10.0.0.2", "10.0.0.3"],
  ["10.65.2.0/26", "fd00::2"],
  ["10.65.3.0/26", "192.0.2.7"],
];
const LEARNED6: readonly Route[] = [
  ["fd80:1::/122", "fd00::2"],
  ["fd80:2::/122", "fd00::2", "fd00::3"],
];

const ROUTES = [
  "10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024",
  "10.65.1.0/26 metric 1024 nexthop via 10.0.0.2 dev eth0 nexthop via 10.0.0.3 dev eth0",
  "10.65.2.0/26 via inet6 fd00::2 dev eth0 metric 1024",
  "10.65.3.0/26 via 172.16.9.9 dev eth0 metric 1024 onlink",
  "10.66.0.2 dev cali1 scope link metric 1024",
  "blackhole 10.66.0.0/26 metric 1024",
];
const ROUTES6 = [
  "blackhole fd80:66::/122 dev lo metric 1024",
  "fd80:1::/122 via fd00::2 dev eth0 metric 1024",
  "fd80:2::/122 metric 1024 nexthop via fd00::2 dev eth0 nexthop via fd00::3 dev eth0",
  "fd80:66::2 dev cali1 metric 1024",
];

async function lab(t: { teardown(f: () => unknown): void }, name: string): Promise<Lab> {
  const lab = await Lab.open(name);
  t.teardown(() => lab.close());
  await lab.build({
    nodes: ["host", "peer", "work"],
    links: [
      [
        { node: "host", interface: "eth0", addresses: ["10.0.0.1/24", "fd00::1/64"] },
        { node: "peer", interface: "eth0", addresses: ["10.0.0.2/24", "fd00::2/64"] },
      ],
      [
        { node: "host", interface: "cali1" },
        { node: "work", interface: "eth0" },
      ],
    ],
  });
  await lab.ip("host", "route add 192.0.2.0/24 via 172.16.9.9 dev eth0 onlink");
  return lab;
}

async function learnAll(host: DataplaneHost, generation = 1): Promise<void> {
  host.learn(LEARNED, { generation });
  host.learn(LEARNED6, { generation });
  await host.hasRoutes(ROUTES);
  await host.hasRoutes(ROUTES6, 6);
}

/** What `ip monitor` sees of routes, addresses and links while something is done. */
async function monitored(lab: Lab, log: string, act: () => Promise<void>): Promise<string> {
  const monitor = lab.start("host", ["ip", "monitor", "route", "address", "link"], { log });
  const read = () => readFileSync(`${lab.nodeFolder("host")}/${log}.log`, "utf8");
  const mark = async (prefix: string) => {
    await lab.ip("host", `route add ${prefix} dev lo`, `route del ${prefix} dev lo`);
    await waitUntil(`the monitor has seen ${prefix}`, () => read().includes(`Deleted ${prefix}`), {
      deadlineSeconds: 60,
      everyMilliseconds: 20,
    });
  };
  // A route that comes and goes before and after shows that the monitor was there all the time.
  await waitUntil(
    "the monitor listens",
    async () => {
      await lab.ip("host", "route add 198.18.0.1 dev lo", "route del 198.18.0.1 dev lo");
      return read().includes("198.18.0.1");
    },
    { deadlineSeconds: 60, everyMilliseconds: 20 },
  );
  await act();
  await mark("198.18.0.2");
  await monitor.stop();
  return read()
    .split("\n")
    .filter((line) => line !== "" && !line.includes("198.18.0."))
    .join("\n");
}

t.test(
  "a restart is silent: nothing is written that is right already, whatever comes in which order",
  async (t) => {
    const world = await lab(t, "silent");
    const first = await DataplaneHost.start(world, "host", LOCAL);
    t.match(first.ready(), { preserved: [] });
    await learnAll(first);
    await first.stop();
    t.same(await first.routes(), ROUTES.toSorted(), "a stop leaves everything in place");

    const seen = await monitored(world, "monitor", async () => {
      const second = await DataplaneHost.start(world, "host", "later");
      t.match(second.ready(), { preserved: [IPV4_UNICAST, IPV6_UNICAST] });
      second.track("10.0.0.2", "fd00::2");
      // Best routes may come before local state: they wait for it.
      second.learn(LEARNED.slice(0, 1), { generation: 7, complete: false });
      second.local(LOCAL);
      await second.resolves("10.0.0.2", true);
      second.learn(LEARNED.slice(1), { generation: 7 });
      second.learn(LEARNED6, { generation: 7 });
      second.sweep(4);
      second.sweep(6);
      await waitUntil("all is counted as installed", () => second.status?.installed === 10, {
        deadlineSeconds: 60,
        whenLate: () => JSON.stringify(second.status),
      });
      await second.hasRoutes(ROUTES);
      await second.hasRoutes(ROUTES6, 6);
      await second.stop();
    });
    t.equal(seen, "");
  },
);

t.test(
  "what an earlier process left goes with the sweep, and not before; only its own family's",
  async (t) => {
    const world = await lab(t, "sweep");
    const first = await DataplaneHost.start(world, "host", LOCAL);
    await learnAll(first);
    await first.stop();
    const second = await DataplaneHost.start(world, "host", NOTHING_LOCAL);
    t.teardown(() => second.stop());
    second.learn(LEARNED.slice(0, 1));
    await waitUntil("the second has looked", () => second.status?.installed === 1, {
      deadlineSeconds: 60,
      whenLate: () => JSON.stringify(second.status),
    });
    t.same(await second.routes(), ROUTES.toSorted());
    second.sweep(4);
    await second.hasRoutes(ROUTES.slice(0, 1));
    t.same(await second.routes(6), ROUTES6.toSorted());
    second.sweep(6);
    await second.hasRoutes([], 6);
  },
);

t.test(
  "a worker that dies of a bug is started again; the kernel keeps its routes meanwhile",
  async (t) => {
    const world = await lab(t, "crash");
    const host = await DataplaneHost.start(world, "host", LOCAL);
    t.teardown(() => host.stop());
    host.track("10.0.0.2");
    await learnAll(host);
    host.sweep(4);
    host.post({
      family: IPV4_UNICAST,
      generation: 1,
      complete: true,
      count: 1,
      addresses: Uint32Array.of(0),
      lengths: Uint8Array.of(0),
      nextHopSets: Uint32Array.of(4711),
      newNextHopSets: [],
    });
    await waitUntil(
      "the second worker is ready",
      () => host.messages.filter(({ type }) => type === "ready").length === 2,
      { deadlineSeconds: 60 },
    );
    t.match(host.crashes, [{ error: /never described/ }]);
    // What is left of the old generation must not be taken for a whole table.
    host.learn([["10.65.9.0/26", "10.0.0.2"]]);
    await waitUntil("local state was repeated", () => host.status?.desired === 4, {
      deadlineSeconds: 60,
      whenLate: () => JSON.stringify(host.status),
    });
    t.same(await host.routes(), ROUTES.toSorted());
    host.learn(LEARNED.slice(0, 1), { generation: 2 });
    await host.hasRoutes([...ROUTES.slice(0, 1), ...ROUTES.slice(4)]);
  },
);
