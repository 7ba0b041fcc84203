/**
 * Assignments a second and how long each takes, against a real etcd with its fsyncs: one host, and twenty at once, each with an
 * allocator and a connection of its own. `node test/bench/ipam.bench.ts [seconds]`; figures in docs/bench/README.md.
 */
import { EtcdDatastore } from "../../src/datastore/etcd/etcd-datastore.ts";
import { Ipam } from "../../src/ipam/ipam.ts";
import { readSettings } from "../../src/ipam/settings.ts";
import { configuration, object, pool } from "../src/ipam/ipam-support.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";

type Scenario = {
  readonly name: string;
  readonly hosts: number;
  /** Calls of one host that are under way at a time. */
  readonly atOnce: number;
  /** Pools and limits are read for each call, as a program without a daemon must. */
  readonly readsSettings: boolean;
};

const SCENARIOS: readonly Scenario[] = [
  { name: "one host, one after another, no daemon", hosts: 1, atOnce: 1, readsSettings: true },
  { name: "one host, one after another", hosts: 1, atOnce: 1, readsSettings: false },
  { name: "one host, 32 at once", hosts: 1, atOnce: 32, readsSettings: false },
  { name: "20 hosts, one after another each", hosts: 20, atOnce: 1, readsSettings: false },
  { name: "20 hosts, 8 at once each", hosts: 20, atOnce: 8, readsSettings: false },
];

const seconds = Number(process.argv[2] ?? 5);
const cluster = await EtcdCluster.start({ members: 1 });
const print = console.log;
try {
  print("scenario | assignments/s | p50 ms | p99 ms | CPU ms each");
  for (const scenario of SCENARIOS) print(await measure(scenario));
} finally {
  await cluster.close();
}

async function measure(scenario: Scenario): Promise<string> {
  await cluster.ctl(["del", "--prefix", "/calico/"]);
  const names = Array.from({ length: scenario.hosts }, (_, index) => `host-${index}`);
  const stores = names.map(() => open());
  const [first] = stores;
  if (first === undefined) throw new Error("no host");
  await first.create(pool("10.0.0.0/8"));
  // So that no limit ends the measurement.
  await first.create(configuration({ strictAffinity: true, maxBlocksPerHost: 1000 }));
  for (const name of names) await first.create(object("Node", name));
  const settings = await readSettings(first);
  const took: number[] = [];
  const warm = performance.now() + 1000;
  const end = warm + seconds * 1000;
  let cpu = process.cpuUsage();
  let warmed = false;
  const work = names.flatMap((host, index) => {
    const datastore = stores[index] ?? first;
    const followed = scenario.readsSettings ? {} : { settings: () => settings };
    const ipam = new Ipam({ datastore, ...followed });
    return Array.from({ length: scenario.atOnce }, async (_, lane) => {
      for (let count = 0; performance.now() < end; count++) {
        const began = performance.now();
        const handle = `${host}.${lane}.${count}`;
        const result = await ipam.assign({ host, handle, ipv4Count: 1, intendedUse: "Workload" });
        if (result.type === "refused") throw new Error(result.message);
        if (began < warm) continue;
        if (!warmed) [warmed, cpu] = [true, process.cpuUsage()];
        took.push(performance.now() - began);
      }
    });
  });
  await Promise.all(work);
  const used = process.cpuUsage(cpu);
  for (const store of stores) await store.close();
  const each = (used.user + used.system) / 1000 / took.length;
  return [
    scenario.name,
    Math.round(took.length / seconds),
    quantile(took, 0.5).toFixed(2),
    quantile(took, 0.99).toFixed(2),
    each.toFixed(2),
  ].join(" | ");
}

function open(): EtcdDatastore {
  const [member] = cluster.members;
  return new EtcdDatastore({ endpoints: [member?.directEndpoint ?? ""], random: () => 0 });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
