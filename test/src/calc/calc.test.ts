import t from "tap";
import { formatRouterId } from "../../../protocol/types/router-id.ts";
import {
  config,
  node,
  nodeV4,
  peer,
  peeringsOf,
  resource,
  stateOf,
  torWith,
  workload,
} from "./calc-support.ts";

t.test("defaults: Calico's, and ours where Calico leaves BIRD's in force", async (t) => {
  t.strictSame(torWith({}), {
    name: "Global_10_0_0_254",
    origin: "global",
    address: "10.0.0.254",
    port: 179,
    localAddress: "10.0.0.1",
    localAsn: 64512,
    peerAsn: 65001,
    passive: false,
    holdTimeSeconds: 90,
    minHoldTimeSeconds: 3,
    connectRetrySeconds: 5,
    idleHoldSeconds: { initial: 5, max: 30 },
    delayOpenSeconds: 0,
    advertisementIntervalSeconds: 0,
    gracefulRestart: { restartTimeSeconds: 120 },
    families: [{ family: 257 }],
    extendedMessage: true,
    routeReflectorClient: false,
    nextHopMode: "auto",
    nextHopSelf: { ipv4: "10.0.0.1" },
    allowOwnAsn: 0,
    enforceFirstAsn: true,
    exportLearned: false,
    acceptDefaultRoute: false,
    acceptNodeAddresses: false,
    importPolicy: { name: "import", rules: [], otherwise: "accept" },
    exportPolicy: { name: "export", rules: [], otherwise: "accept" },
  });
});

/** Fields of a BGPPeer, and what they do to the peer. */
const FIELDS: readonly (readonly [object, object])[] = [
  [
    { holdTime: "30s", keepaliveTime: "10s" },
    { holdTimeSeconds: 30, keepaliveSeconds: 10 },
  ],
  [{ sendHoldTime: "3m" }, { sendHoldSeconds: 180 }],
  [{ maxRestartTime: "2m30s" }, { gracefulRestart: { restartTimeSeconds: 150 } }],
  [{ connectRetryTime: "1s" }, { connectRetrySeconds: 1 }],
  [{ advertisementInterval: "500ms" }, { advertisementIntervalSeconds: 0.5 }],
  [{ numAllowedLocalASNumbers: 2 }, { allowOwnAsn: 2 }],
  [{ nextHopMode: "Self" }, { nextHopMode: "self" }],
  [{ nextHopMode: "Keep" }, { nextHopMode: "keep" }],
  [{ nextHopMode: "Auto" }, { nextHopMode: "auto" }],
  [{ keepOriginalNextHop: true }, { nextHopMode: "keep" }],
  [{ keepOriginalNextHop: true, asNumber: 64512 }, { nextHopMode: "auto" }],
  [{ ttlSecurity: 2 }, { ttlSecurityHops: 2 }],
  [{ password: "key" }, { password: "key" }],
  [
    { password: { secretKeyRef: { name: "s", key: "k" } } },
    { password: undefined, adminDown: { message: /Kubernetes Secret/ } },
  ],
  [{ exportLearned: true }, { exportLearned: true }],
  [
    { acceptDefaultRoute: true, acceptNodeAddresses: true },
    { acceptDefaultRoute: true, acceptNodeAddresses: true },
  ],
  [{ enforceFirstAS: false }, { enforceFirstAsn: false }],
  [{ role: "RouteServerClient" }, { role: "routeServerClient", enforceFirstAsn: false }],
  [
    { role: "Customer", roleStrict: true },
    { role: "customer", roleStrict: true, enforceFirstAsn: true },
  ],
  [
    { addPath: "Both", extendedNextHop: true },
    { families: [{ family: 257, addPath: "both", extendedNextHop: true }] },
  ],
  [
    { maxPrefixes: { ipv4: 100, ipv6: 10 } },
    {
      families: [
        {
          family: 257,
          maxPrefixes: { limit: 100, warnPercent: 80, restartAfterSeconds: undefined },
        },
      ],
    },
  ],
  [
    { maxPrefixes: { ipv4: 100, warnPercent: 50, restartAfter: "1m" } },
    {
      families: [
        { family: 257, maxPrefixes: { limit: 100, warnPercent: 50, restartAfterSeconds: 60 } },
      ],
    },
  ],
  [{ maxPrefixes: { ipv6: 10 } }, { families: [{ family: 257, maxPrefixes: undefined }] }],
];

t.test("every field of a BGPPeer reaches the speaker", async (t) => {
  for (const [spec, expected] of FIELDS) t.match(torWith(spec), expected, JSON.stringify(spec));
});

t.test("the mesh has its own timers and key", async (t) => {
  const mesh = config({
    nodeMeshPassword: "key",
    nodeMeshMaxRestartTime: "60s",
    nodeMeshHoldTime: "9s",
    nodeMeshKeepaliveTime: "3s",
    nodeMeshConnectRetryTime: "2s",
    nodeMeshAdvertisementInterval: "1s",
  });
  const [first] = stateOf("a", mesh, nodeV4("a"), nodeV4("b")).speaker.peers;
  t.match(first, {
    name: "Mesh_10_0_0_2",
    password: "key",
    gracefulRestart: { restartTimeSeconds: 60 },
    holdTimeSeconds: 9,
    keepaliveSeconds: 3,
    connectRetrySeconds: 2,
    advertisementIntervalSeconds: 1,
  });
  t.match(torWith({}, mesh), { password: undefined, holdTimeSeconds: 90 }, "other peers do not");
});

t.test("what the speaker and the kernel are told of this host and the cluster", async (t) => {
  const dual = node("a", {
    ipv4Address: "10.0.0.1/24",
    ipv6Address: "fd00::1/64",
    routeReflectorClusterID: "1.0.0.1",
  });
  const own = resource("BGPConfiguration", "node.a", { listenPort: 1179 });
  const spec = { bindMode: "NodeIP", ipv4NormalRoutePriority: 100, ipv6NormalRoutePriority: 200 };
  const state = stateOf("a", dual, nodeV4("b"), own, config(spec));
  t.match(state.speaker, {
    asn: 64512,
    ownAddresses: ["10.0.0.1", "fd00::1"],
    nodeAddresses: ["10.0.0.1", "fd00::1", "10.0.0.2"],
    hostName: "a",
    decision: { maxPaths: 16 },
  });
  t.equal(formatRouterId(state.speaker.routerId), "10.0.0.1");
  t.equal(state.speaker.clusterId && formatRouterId(state.speaker.clusterId), "1.0.0.1");
  t.strictSame(state.listen, { port: 1179, addresses: ["10.0.0.1", "fd00::1"] });
  t.strictSame(state.routeMetric, { ipv4: 100, ipv6: 200 });
  const plain = stateOf("b", nodeV4("b"));
  t.strictSame(
    [plain.listen, plain.routeMetric],
    [
      { port: 179, addresses: "any" },
      { ipv4: 1024, ipv6: 1024 },
    ],
  );
  const ids = ["v", "w"].map(
    (name) => stateOf(name, node(name, { ipv6Address: "fd00::9" })).speaker.routerId,
  );
  t.ok(ids[0] !== ids[1] && ids.every((id) => id > 0), "without IPv4, a hash of the name");
});

t.test("reachableBy makes a host route to the peer", async (t) => {
  const tor = peer("tor", { peerIP: "10.9.0.1", asNumber: 65001, reachableBy: "10.0.0.254" });
  t.strictSame(stateOf("a", nodeV4("a"), tor).staticRoutes, [
    { prefix: "10.9.0.1/32", gateway: "10.0.0.254" },
  ]);
});

t.test("workloads: originated, and known to the speaker", async (t) => {
  const state = stateOf(
    "a",
    nodeV4("a"),
    workload("w", { ipNetworks: ["10.65.0.1/32", "fd80::1"] }),
    workload("elsewhere", { node: "b", ipNetworks: ["10.65.0.2"] }),
  );
  const localPref = 2_147_482_623;
  t.strictSame(state.originations, [
    { prefix: "10.65.0.1/32", kind: "workload", interface: "cali-w", localPref },
    { prefix: "fd80::1/128", kind: "workload", interface: "cali-w", localPref },
  ]);
  t.strictSame(state.speaker.localWorkloads, ["10.65.0.1/32", "fd80::1/128"]);
  t.strictSame(state.workloads, [
    { name: "default/w", interface: "cali-w", addresses: ["10.65.0.1", "fd80::1"] },
  ]);
  t.strictSame(state.problems, []);
});

t.test("one owner for each address, the same on every host, and said aloud", async (t) => {
  const at = (creationTimestamp: string) => ({ creationTimestamp });
  const cluster = [
    nodeV4("a"),
    nodeV4("b"),
    workload("young", { ipNetworks: ["10.65.0.1", "10.65.0.9"] }, at("2026-02-01T00:00:00Z")),
    workload("old", { node: "b", ipNetworks: ["10.65.0.1"] }, at("2026-01-01T00:00:00Z")),
    workload("timeless", { ipNetworks: ["10.65.0.1"] }),
    workload("host", { ipNetworks: ["10.0.0.2"] }),
    workload("bare", { ipNetworks: ["10.65.0.7"], interfaceName: "" }),
    workload("twin", { ipNetworks: ["10.65.0.8"], interfaceName: "cali-young" }),
  ];
  const [a, b] = [stateOf("a", ...cluster), stateOf("b", ...cluster)];
  t.strictSame(
    a.originations.map(({ prefix }) => prefix),
    ["10.65.0.9/32"],
  );
  t.strictSame(
    b.originations.map(({ prefix }) => prefix),
    ["10.65.0.1/32"],
  );
  t.strictSame(b.problems, []);
  const older = "belongs to WorkloadEndpoint/default/old, which is older: not announced";
  t.strictSame(
    a.problems.map(({ resource: where, message }) => `${where.slice(25)}: ${message}`),
    [
      "bare: has no interfaceName: its addresses are not announced",
      "host: 10.0.0.2 is the address of node b: not announced",
      `timeless: 10.65.0.1 ${older}`,
      "twin: shares interface cali-young with WorkloadEndpoint/default/young, which keeps it",
      `young: 10.65.0.1 ${older}`,
    ],
  );
});

t.test("IPv4 over IPv6 next hops needs no IPv4 address at either end (RFC 8950)", async (t) => {
  const cluster = (spec: object) => [
    config({ nodeToNodeMeshEnabled: false }),
    node("a", { ipv6Address: "fd00::1" }),
    node("b", { ipv6Address: "fd00::2" }),
    peer("all", { peerSelector: "all()", ...spec }),
    peer("tor", { peerIP: "fd00::fe", asNumber: 65001, ...spec }),
  ];
  const extended = stateOf("a", ...cluster({ extendedNextHop: true }));
  t.strictSame(peeringsOf(extended), [
    "Global_fd00__2 global fd00::2 179 64512-64512 from fd00::1 passive v4+6",
    "Global_fd00__fe global fd00::fe 179 64512-65001 from fd00::1 active v4+6",
  ]);
  t.match(extended.speaker.peers, [
    { families: [{ family: 257, extendedNextHop: true }, { family: 513 }] },
    { families: [{ family: 257, extendedNextHop: true }, { family: 513 }] },
  ]);
  const perFamily = stateOf("a", ...cluster({ extendedNextHop: true, sessions: "PerFamily" }));
  for (const { families } of perFamily.speaker.peers) t.match(families, [{ family: 513 }]);
  t.match(
    stateOf("a", ...cluster({})).speaker.peers,
    [
      { families: [{ family: 257, extendedNextHop: true }, { family: 513 }] },
      { families: [{ family: 513 }] },
    ],
    "between nodes it is offered in any case",
  );
});

t.test(
  "a workload that is a BGP peer: an address on its interface, and the way through policy",
  async (t) => {
    const resources = [
      nodeV4("a"),
      workload("w", { ipNetworks: ["10.65.0.1"] }, { labels: { bgp: "yes" } }),
      workload("o", { ipNetworks: ["10.65.0.2"] }),
      peer("p", { localWorkloadSelector: "has(bgp)", asNumber: 65100 }),
    ];
    const peering = {
      localWorkloadPeeringIPV4: "169.254.0.179",
      localWorkloadPeeringIPV6: "fd00::179",
      listenPort: 1179,
    };
    const state = stateOf("a", ...resources, config(peering));
    const addresses = ["169.254.0.179"];
    t.match(state.workloads, [
      { name: "default/o", peeringAddresses: undefined },
      { name: "default/w", peeringAddresses: addresses },
    ]);
    t.strictSame(state.policy.bgpSessions, {
      port: 1179,
      from: [{ interface: "cali-w", addresses }],
    });
    t.match(state.speaker.peers, [{ origin: "localWorkload", nextHopSelf: undefined }]);
    const without = stateOf("a", ...resources);
    t.strictSame(without.policy.bgpSessions.from, []);
    t.equal(without.speaker.peers.length, 1, "it finds the host by the node's address");
  },
);
