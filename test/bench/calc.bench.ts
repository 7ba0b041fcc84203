/*
 * What one change of a resource costs in a large cluster, as CPU time: what the calculation takes, and what the speaker takes to find
 * what moved. Prints one JSON line a measurement; compares with a computation from nothing.
 */
import { Speaker } from "../../protocol/speaker/speaker.ts";
import { Instant } from "../../protocol/types/instant.ts";
import { HostCalculation } from "../../src/calc/calc.ts";
import type { HostState } from "../../src/calc/host-state.ts";
import { formatKey, keyOf } from "../../src/resources/resource.ts";
import type { AnyResource } from "../../src/resources/schemas.ts";

const NODES = 5_000;
const WORKLOADS = 5_000;
const ROUNDS = 200;

type Change = readonly [key: string, resource: AnyResource | undefined];

function main(): void {
  const cluster = [
    ...Array.from({ length: NODES }, (_, i) => node(i)),
    ...Array.from({ length: WORKLOADS }, (_, i) => workload(i)),
    make("IPPool", "pool", { cidr: "172.16.0.0/12" }),
    make("BGPPeer", "rack", { nodeSelector: "rack == '7'", peerIP: "192.0.2.1", asNumber: 65001 }),
    make("BGPPeer", "selected", { nodeSelector: "rack == '1'", peerSelector: "rack == '3'" }),
  ].map((each): Change => [formatKey(keyOf(each)), each]);
  report("from nothing", 5, () => new HostCalculation({ nodeName: "n0" }).update(cluster));
  const calculation = new HostCalculation({ nodeName: "n0" });
  const speaker = new Speaker({ random: () => 0.5 });
  configure(speaker, calculation.update(cluster));
  for (const [what, change] of CHANGES) {
    report(what, ROUNDS, (round) => calculation.update([change(round)]));
    report(`${what}, and the speaker configured`, ROUNDS, (round) =>
      configure(speaker, calculation.update([change(round + 1)])),
    );
  }
}

/** Each round makes another one, so that each is a change. */
const CHANGES: readonly (readonly [string, (round: number) => Change])[] = [
  ["one node's AS number", (round) => put(node(4711, { asNumber: 65100 + (round % 2) }))],
  ["one node's label", (round) => put(node(4711, {}, { rack: `${3 + (round % 2)}` }))],
  ["one workload elsewhere", (round) => put(workload(4711, `n${1 + (round % 2)}`))],
  ["one workload here", (round) => put(workload(5000, round % 2 ? "n0" : "n1"))],
  ["one node added, removed", (round) => (round % 2 ? put(node(5001)) : ["Node/n5001", undefined])],
  [
    "one BGPPeer",
    (round) => put(make("BGPPeer", "tor", { peerIP: "192.0.2.9", asNumber: 65001 + (round % 2) })),
  ],
];

function put(resource: AnyResource): Change {
  return [formatKey(keyOf(resource)), resource];
}

function node(
  i: number,
  bgp: object = {},
  labels = { rack: `${Math.floor(i / 40)}` },
): AnyResource {
  const ipv4Address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/8`;
  return make("Node", `n${i}`, { bgp: { ipv4Address, ...bgp } }, { labels });
}

function workload(i: number, on = `n${i % NODES}`): AnyResource {
  const ipNetworks = [`172.16.${i >> 8}.${i & 255}/32`];
  const spec = { node: on, interfaceName: `cali${i}`, ipNetworks };
  return make("WorkloadEndpoint", `w${i}`, spec, { namespace: "default" });
}

function make(kind: AnyResource["kind"], name: string, spec: object, metadata = {}): AnyResource {
  const whole = { apiVersion: "projectcalico.org/v3", kind, metadata: { name, ...metadata }, spec };
  return whole as unknown as AnyResource;
}

function configure(speaker: Speaker, { speaker: config }: HostState): void {
  speaker.handle({ type: "configure", config }, Instant(0));
}

/** The median of the rounds, in microseconds of CPU time. */
function report(what: string, rounds: number, act: (round: number) => void): void {
  const times = Array.from({ length: rounds }, (_, round) => {
    const before = process.cpuUsage();
    act(round);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  }).toSorted((a, b) => a - b);
  const line = { nodes: NODES, workloads: WORKLOADS, what, medianMicroseconds: times[rounds >> 1] };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

main();
