import fc from "fast-check";
import t from "tap";
import { HostCalculation } from "../../../src/calc/calc.ts";
import { share } from "../../../src/calc/derive/share.ts";
import type { HostState } from "../../../src/calc/host-state.ts";
import { formatKey, keyOf } from "../../../src/resources/resource.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import {
  affinity,
  block,
  config,
  dual,
  filter,
  nodeV4,
  peer,
  pool,
  resource,
  workload,
} from "./calc-support.ts";
import { WholeDerivation } from "./whole-derivation.ts";

/** Versions of each object: a change is one of them, or none. */
const VERSIONS: readonly (readonly AnyResource[])[] = [
  [nodeV4("a"), dual("a"), dual("a", { routeReflectorClusterID: "1.0.0.1" }, { rack: "r1" })],
  [nodeV4("b"), dual("b", {}, { rack: "r1" }), nodeV4("b", { asNumber: 65002 }), dual("b")],
  [nodeV4("c"), dual("c", { routeReflectorClusterID: "1.0.0.1" }), dual("c", {}, { rack: "r2" })],
  [nodeV4("d", { ipv4Address: "10.0.0.2/24" }), nodeV4("d"), dual("d", {}, { rack: "r1" })],
  [
    config({ nodeToNodeMeshEnabled: false }),
    config({ asNumber: 65000, ipv4NormalRoutePriority: 100 }),
    config({ nodeMeshSessions: "PerFamily", bindMode: "NodeIP" }),
    config({ prefixAdvertisements: [{ cidr: "10.65.0.0/24", communities: ["65000:1"] }] }),
  ],
  [
    resource("BGPConfiguration", "node.b", { listenPort: 1179 }),
    resource("BGPConfiguration", "node.b", { listenPort: 2179 }),
  ],
  [
    resource("BGPConfiguration", "node.a", {
      prefixAdvertisements: [{ cidr: "10.65.0.0/16", communities: ["65000:2"] }],
    }),
  ],
  [
    peer("tor", { peerIP: "10.0.0.254", asNumber: 65001, filters: ["f"] }),
    peer("tor", { peerIP: "10.0.0.254", asNumber: 65001, nodeSelector: "rack == 'r1'" }),
    peer("tor", { peerIP: "10.0.0.2", asNumber: 64512 }),
  ],
  [
    peer("racks", { nodeSelector: "has(rack)", peerSelector: "rack == 'r1'", filters: ["f", "g"] }),
    peer("racks", { peerSelector: "has(rack)", reversePeering: "Manual" }),
    peer("racks", { peerSelector: "rack == 'r2'", localASNumber: 65009 }),
  ],
  [
    peer("to-a", { node: "b", peerIP: "10.0.0.1", asNumber: 64512, reachableBy: "10.0.0.7" }),
    peer("to-a", { node: "a", peerIP: "10.0.0.2", asNumber: 65002, reachableBy: "10.0.0.7" }),
    peer("to-a", { localWorkloadSelector: "bgp == 'yes'", asNumber: 65100 }),
  ],
  [
    filter("f", { exportV4: [{ action: "Reject", cidr: "10.65.0.0/24", matchOperator: "In" }] }),
    filter("f", { importV6: [{ action: "Accept", peerType: "iBGP" }, { action: "Reject" }] }),
  ],
  [filter("g", { exportV4: [{ action: "Accept", source: "RemotePeers" }] })],
  [pool("p", "10.65.0.0/16"), pool("p", "10.65.0.0/16", { disableBGPExport: true })],
  [pool("q", "10.66.0.0/16")],
  [
    workload("w", { ipNetworks: ["10.65.0.1"] }),
    workload("w", { ipNetworks: ["10.65.0.1", "10.65.0.2"] }, { labels: { bgp: "yes" } }),
    workload("w", { node: "b", ipNetworks: ["10.65.0.1"] }),
  ],
  [
    workload("x", { ipNetworks: ["10.65.0.1"] }, { creationTimestamp: "2026-01-01T00:00:00Z" }),
    workload("x", { ipNetworks: ["10.0.0.2", "10.66.0.1"], interfaceName: "cali-w" }),
    workload("x", { ipNetworks: ["10.66.0.1"] }, { annotations: { "tortie/route-priority": "7" } }),
  ],
  [affinity("a", "10.65.0.0/26"), affinity("a", "10.65.0.0/26", { state: "pending" })],
  [block("10.65.0.0/26", "host:a"), block("10.65.0.0/26", "host:b")],
  [affinity("a", "10.67.0.0/26")],
  [
    resource("Profile", "p", { ingress: [{ action: "Allow", source: { selector: "has(bgp)" } }] }),
    resource("Profile", "p", { labelsToApply: { bgp: "no" }, egress: [{ action: "Allow" }] }),
  ],
  [
    workload("y", { ipNetworks: ["10.66.0.9"], profiles: ["p"], interfaceName: "cali-y" }),
    workload("y", { profiles: ["p", "q"], ports: [{ protocol: "TCP", port: 1, hostPort: 1 }] }),
  ],
  [
    resource("GlobalNetworkSet", "s", { nets: ["203.0.113.0/24"] }, { labels: { bgp: "yes" } }),
    resource("GlobalNetworkSet", "s", { nets: ["203.0.113.1"] }),
  ],
  [resource("FelixConfiguration", "default", { natOutgoingExclusions: "IPPoolsAndHostIPs" })],
];

type Step = { readonly object: number; readonly version: number };

const step: fc.Arbitrary<Step> = fc.nat({ max: VERSIONS.length - 1 }).chain((object) =>
  fc.record({
    object: fc.constant(object),
    version: fc.integer({ min: -1, max: (VERSIONS[object] as readonly AnyResource[]).length - 1 }),
  }),
);

const rounds = fc.array(fc.array(step, { maxLength: 4 }), { minLength: 1, maxLength: 25 });

/** Every object in this version, or in its last one. */
function everything(version: number): Step[] {
  return VERSIONS.map(({ length }, object) => ({ object, version: Math.min(version, length - 1) }));
}

/** Chance seldom brings these together. */
const WORKLOAD_THAT_PEERS = [
  stepTo("Node/a", 0),
  stepTo("BGPPeer/to-a", 2),
  stepTo("WorkloadEndpoint/default/w", 1),
];

function stepTo(key: string, version: number): Step {
  const object = VERSIONS.findIndex(([first]) => first && formatKey(keyOf(first)) === key);
  return { object, version };
}

function changeOf({ object, version }: Step): readonly [string, AnyResource | undefined] {
  const versions = VERSIONS[object] as readonly AnyResource[];
  return [formatKey(keyOf(versions[0] as AnyResource)), versions[version]];
}

t.test(
  "after any changes in any order, the state is that of a computation from nothing",
  async (t) => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(rounds, (given) => {
        const incremental = new HostCalculation({ nodeName: "a" });
        const whole = new HostCalculation({ nodeName: "a", derivation: new WholeDerivation() });
        const resources = new Map<string, AnyResource>();
        for (const steps of given) {
          const changes = steps.map(changeOf);
          for (const [key, value] of changes) {
            if (value === undefined) resources.delete(key);
            else resources.set(key, value);
          }
          const [state, expected] = [incremental.update(changes), whole.update(changes)];
          for (const reached of wordsOf(state)) seen.add(reached);
          same(state, expected);
        }
        const backwards = new HostCalculation({ nodeName: "a" }).update(
          [...resources].toReversed(),
        );
        same(incremental.update(resources), backwards);
      }),
      {
        numRuns: 150,
        examples: [[[everything(0), everything(1), everything(2)]], [[WORKLOAD_THAT_PEERS]]],
      },
    );
    for (const word of [
      "mesh",
      "global",
      "node",
      "reverse",
      "localWorkload",
      "block",
      "workload",
    ]) {
      t.ok(seen.has(word), `reached: ${word}`);
    }
  },
);

function same(a: HostState, b: HostState): void {
  if (share(a, b) !== a) throw new Error(`${JSON.stringify(a)}\n${JSON.stringify(b)}`);
}

function* wordsOf({ speaker, originations }: HostState): Generator<string> {
  for (const { origin } of speaker.peers) yield origin;
  for (const { kind } of originations) yield kind;
}

t.test("what has not moved is the object of before", async (t) => {
  const calculation = new HostCalculation({ nodeName: "a" });
  const put = (...resources: readonly AnyResource[]) =>
    calculation.update(resources.map((each) => [formatKey(keyOf(each)), each] as const));
  const before = put(
    nodeV4("a"),
    nodeV4("b"),
    nodeV4("c"),
    workload("w", { ipNetworks: ["10.65.0.1"] }),
  );
  t.equal(put(nodeV4("b")), before, "the same again is no change");
  t.equal(
    put(nodeV4("b", {}, { rack: "r1" })),
    before,
    "a label that nobody looks at is no change",
  );
  const after = put(nodeV4("b", { asNumber: 65002 }));
  const [b, c] = after.speaker.peers;
  t.match(b, { name: "Mesh_10_0_0_2", peerAsn: 65002 });
  t.equal(c, before.speaker.peers[1], "the other peer");
  t.not(b, before.speaker.peers[0]);
  t.equal(after.workloads, before.workloads);
  t.equal(b?.importPolicy, c?.importPolicy, "peers of one kind share their policies");
});
