import fc from "fast-check";
import t from "tap";
import { computeHostState } from "../../../src/calc/calc.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import { config, filter, node, nodeV4, peer, pool, stateOf, workload } from "./calc-support.ts";

/** A cluster and host "a", and what cannot be in it. */
const IMPOSSIBLE: readonly (readonly [readonly AnyResource[], readonly string[]])[] = [
  [[nodeV4("b")], ["Node/a: there is no such Node with spec.bgp: this host peers with nobody"]],
  [
    [nodeV4("a"), peer("p", { peerIP: "fd00::fe", asNumber: 65001 })],
    [
      "BGPPeer/p: node a has no IPv6 address to peer with fd00::fe from; give it one, or set sourceAddress: None",
    ],
  ],
  [
    [
      nodeV4("a"),
      peer("p", { peerIP: "10.0.0.254", asNumber: 1 }),
      peer("q", { peerIP: "10.0.0.254", asNumber: 2 }),
    ],
    ["BGPPeer/q: BGPPeer/p peers with 10.0.0.254 already; this one is not in force"],
  ],
  [
    [nodeV4("a"), node("z", { ipv4Address: "10.0.0.1" })],
    [
      "Node/z: 10.0.0.1 is the address of node a as well; give each node its own",
      "Node/z: has the address 10.0.0.1 of this node: there is no peering with it",
    ],
  ],
  [
    [nodeV4("a"), nodeV4("b"), node("z", { ipv4Address: "10.0.0.2" })],
    ["Node/z: 10.0.0.2 is the address of node b as well; give each node its own"],
  ],
  [
    [nodeV4("a"), peer("p", { peerIP: "10.0.0.254", asNumber: 1, families: ["IPv6"] })],
    ["BGPPeer/p: the session with 10.0.0.254 can carry none of the families asked for"],
  ],
  [
    [nodeV4("a"), peer("p", { peerIP: "10.0.0.254", asNumber: 1, filters: ["gone"] })],
    ["BGPPeer/p: BGPFilter gone does not exist: every route is rejected"],
  ],
];

t.test("what cannot be is said, and the rest goes on", async (t) => {
  for (const [resources, expected] of IMPOSSIBLE) {
    const { problems } = stateOf("a", ...resources);
    t.strictSame(
      problems.map(({ resource: where, message }) => `${where}: ${message}`),
      expected,
    );
  }
  const [resources] = IMPOSSIBLE[2] ?? [[]];
  t.equal(stateOf("a", ...resources).speaker.peers[0]?.peerAsn, 1, "the first by name");
});

/** A cluster in which everything meets everything: few names and addresses, so that they clash. */
const few = fc.integer({ min: 1, max: 4 });
const anyResource: fc.Arbitrary<AnyResource> = fc.oneof(
  fc.tuple(few, few, fc.boolean(), fc.boolean()).map(([name, number, six, reflector]) =>
    node(
      `n${name}`,
      {
        ipv4Address: `10.0.0.${number}/24`,
        ...(six && { ipv6Address: `fd00::${number}` }),
        ...(reflector && { routeReflectorClusterID: "1.0.0.1" }),
      },
      { rack: `r${number}`, ...(reflector && { rr: "" }) },
    ),
  ),
  fc
    .tuple(few, few, fc.constantFrom({}, { node: "n1" }, { nodeSelector: "rack == 'r1'" }))
    .map(([name, number, scope]) =>
      peer(`p${name}`, {
        ...scope,
        peerIP: `10.0.0.${number}`,
        asNumber: 64512,
        filters: [`f${number}`],
      }),
    ),
  fc
    .tuple(few, fc.constantFrom("has(rr)", "all()", "rack != 'r2'"), fc.boolean())
    .map(([name, peerSelector, perFamily]) =>
      peer(`p${name}`, { peerSelector, ...(perFamily && { sessions: "PerFamily" }) }),
    ),
  few.map((name) => filter(`f${name}`, { exportV4: [{ action: "Reject" }] })),
  fc.tuple(few, few, few, fc.boolean()).map(([name, host, number, dated]) =>
    workload(
      `w${name}`,
      {
        node: `n${host}`,
        ipNetworks: [`10.65.0.${number}`, "10.65.0.9"],
        interfaceName: `cali${number}`,
      },
      dated ? { creationTimestamp: `2026-01-0${number}T00:00:00Z` } : {},
    ),
  ),
  few.map((number) =>
    pool(`pool${number}`, `10.65.${number - 1}.0/24`, { disableBGPExport: number === 2 }),
  ),
  fc.boolean().map((mesh) => config({ nodeToNodeMeshEnabled: mesh })),
);

t.test(
  "the order of the resources does not matter, names are unique, and no peer is oneself",
  async (t) => {
    const cluster = fc
      .uniqueArray(anyResource, {
        selector: ({ kind, metadata }) => `${kind}/${metadata.name}`,
        minLength: 3,
        maxLength: 20,
      })
      .chain((resources) =>
        fc.tuple(
          fc.constant(resources),
          fc.shuffledSubarray(resources, {
            minLength: resources.length,
            maxLength: resources.length,
          }),
        ),
      );
    const seen = new Set<string>();
    fc.assert(
      fc.property(cluster, ([resources, shuffled]) => {
        for (const nodeName of ["n1", "n2"]) {
          const state = computeHostState({ nodeName, resources });
          const again = computeHostState({ nodeName, resources: shuffled });
          if (JSON.stringify(state) !== JSON.stringify(again)) return false;
          const names = state.speaker.peers.map(({ name }) => name);
          if (new Set(names).size !== names.length) return false;
          const { ownAddresses } = state.speaker;
          if (state.speaker.peers.some(({ address }) => ownAddresses.includes(address)))
            return false;
          if (
            new Set(state.originations.map(({ prefix }) => prefix)).size !==
            state.originations.length
          )
            return false;
          structuredClone(state);
          for (const { origin } of state.speaker.peers) seen.add(origin);
          for (const { message } of state.problems)
            seen.add(message.replaceAll(/[\d.]+|n\d|p\d/g, "").slice(0, 20));
        }
        return true;
      }),
      { numRuns: 200 },
    );
    for (const origin of ["mesh", "node", "global", "reverse"]) t.ok(seen.has(origin), origin);
    t.ok(seen.size > 8, `problems were met: ${[...seen].join(" | ")}`);
  },
);
