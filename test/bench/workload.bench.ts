/*
 * From "workload up" to "installed in the other hosts' kernels": two hosts with tortied and a real etcd, in namespaces. One
 * after another (each in a namespace of its own), then a thousand at once (pairs). The moment of the route on the other host
 * is the kernel's notification there. Prints one JSON line a measurement: milliseconds, with the stages on the way. Needs root.
 *
 *   node test/bench/workload.bench.ts [ALONE [TOGETHER]]
 */
import { readFileSync } from "node:fs";
import { exchange } from "../../src/api/http-exchange.ts";
import { inNetworkNamespace, warmThreadPool } from "../../src/kernel/native/network-namespace.ts";
import { GROUP } from "../../src/kernel/netlink/netlink-constants.ts";
import { NetlinkMonitor } from "../../src/kernel/netlink/netlink-monitor.ts";
import { Lab } from "../../src/lab/lab.ts";
import type { LabResource } from "../../src/lab/resources.ts";
import { Tortied } from "../../src/lab/tortied.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { LabEtcd } from "../support/lab-etcd.ts";

const [alone = 50, together = 1000] = process.argv.slice(2).map(Number);
/** Requests under way at once, as when many containers start together. */
const AT_ONCE = 16;

const NODES = [1, 2].map((number) => ({
  node: `host${number}`,
  interface: "eth0",
  addresses: [`10.98.0.${number}/24`],
}));

const RESOURCES: readonly LabResource[] = [
  ...NODES.map(({ node, addresses: [ipv4Address] }) => ({
    kind: "Node",
    name: node,
    spec: { bgp: { ipv4Address } },
  })),
  { kind: "IPPool", name: "ipv4", spec: { cidr: "192.168.0.0/16" } },
  // Addresses from elsewhere have no block that speaks for them: each is announced, and each is waited for.
  { kind: "IPPool", name: "foreign", spec: { cidr: "10.44.0.0/16", disabled: true } },
];

/** When the other host's kernel got each route. */
class Arrivals {
  readonly #at = new Map<string, number>();
  readonly #monitor: NetlinkMonitor;

  constructor(namespace: string) {
    this.#monitor = inNetworkNamespace(
      `/run/netns/${namespace}`,
      () =>
        new NetlinkMonitor({
          groups: [GROUP.ipv4Route],
          onEvent: (event) => {
            if (event.type !== "route" || event.change !== "new") return;
            this.#at.set(event.route.prefix, performance.now());
          },
          onOverrun: () => {
            throw new Error("notifications were lost");
          },
          onError: (error) => {
            throw error;
          },
        }),
    );
  }

  of(address: string): Promise<number> {
    return waitUntil(`${address} is routed`, () => this.#at.get(`${address}/32`), {
      deadlineSeconds: 120,
      everyMilliseconds: 1,
    });
  }

  close(): void {
    this.#monitor.close();
  }
}

async function main(): Promise<void> {
  await warmThreadPool();
  const lab = await Lab.open("workload-bench");
  try {
    await measure(lab);
  } finally {
    await lab.close();
  }
}

async function measure(lab: Lab): Promise<void> {
  const [left, right] = NODES;
  if (left === undefined || right === undefined) throw new Error("two hosts");
  await lab.build({ nodes: ["host1", "host2"], links: [[left, right]] });
  const etcd = await LabEtcd.start(lab, { node: "host1", address: "10.98.0.1" });
  await etcd.put(RESOURCES);
  const resourceFolder = { type: "etcd", endpoints: [etcd.endpoint] } as const;
  const hosts = NODES.map(({ node }) => new Tortied(lab, { node, resourceFolder }));
  await Promise.all(hosts.map((host) => host.start()));
  const [host1] = hosts;
  if (host1 === undefined) throw new Error("two hosts");
  await waitUntil(
    "the hosts are Established",
    async () => {
      const lists = await Promise.all(hosts.map((host) => host.peers()));
      return lists.every((peers) => peers.some(({ state }) => state === "Established"));
    },
    { deadlineSeconds: 60 },
  );
  const arrivals = new Arrivals(lab.namespace("host2"));
  try {
    await measureAlone(lab, host1, arrivals);
    await measureIpam(lab, host1);
    await measureTogether(host1, arrivals);
  } finally {
    arrivals.close();
  }
}

async function measureAlone(lab: Lab, host: Tortied, arrivals: Arrivals): Promise<void> {
  const nodes = Array.from({ length: alone }, (_, index) => `w${index}`);
  await lab.build({ nodes, links: [] });
  const times: number[] = [];
  for (const [index, node] of nodes.entries()) {
    const address = `10.44.0.${index}`;
    const netns = `/run/netns/${lab.namespace(node)}`;
    const attachment = { type: "namespace", netns, interfaceName: "eth0" };
    const startedAt = performance.now();
    await add(host, node, { attachment, addresses: { from: "elsewhere", addresses: [address] } });
    times.push((await arrivals.of(address)) - startedAt);
  }
  report("alone", { workloads: alone, installed: quantiles(times), stages: stages(lab, /-w\d+-/) });
}

/** With addresses of our own IPAM, in blocks that are announced already: the time until ADD answers. */
async function measureIpam(lab: Lab, host: Tortied): Promise<void> {
  const times: number[] = [];
  for (let index = 0; index < alone; index++) {
    const startedAt = performance.now();
    const attachment = { type: "pair", peerName: `q${index}` };
    await add(host, `ipam${index}`, { attachment, addresses: { from: "auto", ipv4: 1, ipv6: 0 } });
    times.push(performance.now() - startedAt);
  }
  report("ipam", { workloads: alone, answered: quantiles(times), stages: stages(lab, /-ipam/) });
}

async function measureTogether(host: Tortied, arrivals: Arrivals): Promise<void> {
  const startedAt = performance.now();
  const times: number[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < together; index = next++) {
      const address = `10.44.${8 + (index >> 8)}.${index & 255}`;
      const attachment = { type: "pair", peerName: `p${index}` };
      const addresses = { from: "elsewhere", addresses: [address] };
      const begun = performance.now();
      await add(host, `t${index}`, { attachment, addresses });
      times.push((await arrivals.of(address)) - begun);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const seconds = Math.round(performance.now() - startedAt) / 1000;
  report("together", {
    workloads: together,
    atOnce: AT_ONCE,
    seconds,
    installed: quantiles(times),
  });
}

async function add({ socket }: Tortied, workload: string, rest: object): Promise<void> {
  const identity = { orchestrator: "bench", workload, endpoint: "eth0" };
  const body = JSON.stringify({ ...identity, profiles: ["projectcalico-default-allow"], ...rest });
  const question = { socket, method: "POST", path: "/v1/workloads", body } as const;
  const answer = await exchange({ ...question, timeoutMilliseconds: 60_000 });
  if (answer.status !== 200) throw new Error(answer.body.toString());
}

type Stages = { readonly [stage: string]: number };

/** When each stage was done, counted from the request, as the daemon's log tells: the median of each. */
function stages(lab: Lab, names: RegExp): Stages {
  const log = readFileSync(`${lab.nodeFolder("host1")}/tortied.log`, "utf8");
  const added = log
    .split("\n")
    .filter((line) => line.includes('"workload.added"'))
    .map((line) => JSON.parse(line) as { workload: string; milliseconds: Stages })
    .filter(({ workload }) => names.test(workload));
  const of = (stage: string) =>
    quantiles(added.map(({ milliseconds }) => milliseconds[stage] ?? 0));
  return Object.fromEntries(
    ["addresses", "link", "stored", "announced"].map((stage) => [stage, of(stage).p50]),
  );
}

function quantiles(times: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => {
    const time = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
    return Math.round(time * 10) / 10;
  };
  return { p50: at(0.5), p99: at(0.99) };
}

function report(what: string, figures: object): void {
  console.log(JSON.stringify({ what, ...figures }));
}

await main();
