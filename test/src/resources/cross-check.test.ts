import t from "tap";
import { type CrossIssue, crossCheck } from "../../../src/resources/cross-check/cross-check.ts";
import { parseKey, type Resource } from "../../../src/resources/resource.ts";

function make(
  key: string,
  spec: object = {},
  labels: Readonly<Record<string, string>> = {},
): Resource {
  const { kind, ...names } = parseKey(key) ?? { kind: "", name: "" };
  return {
    apiVersion: "projectcalico.org/v3",
    kind,
    metadata: { ...names, labels },
    spec: { ...spec },
  };
}

const node = (name: string, bgp: object = {}, labels: Readonly<Record<string, string>> = {}) =>
  make(`Node/${name}`, { bgp: { asNumber: 65001, ...bgp } }, labels);
const meshOff = make("BGPConfiguration/default", { nodeToNodeMeshEnabled: false });

function textsOf(issues: readonly CrossIssue[]): string[] {
  return issues.map(
    ({ code, severity, resource, path, message }) =>
      `${severity} ${code} ${resource} ${path}: ${message}`,
  );
}

function found(after: readonly Resource[], before?: readonly Resource[]): string[] {
  return textsOf(crossCheck(before === undefined ? { after } : { before, after }));
}

t.test("pools that overlap, and those that only touch", async (t) => {
  const pools = (...cidrs: string[]) => cidrs.map((cidr, at) => make(`IPPool/p${at}`, { cidr }));
  t.strictSame(found(pools("10.0.0.0/17", "10.0.128.0/17", "fd00::/64", "fd00:0:0:1::/64")), []);
  t.strictSame(found(pools("10.0.0.0/16", "10.1.0.0/16", "10.0.5.0/24")), [
    "error overlapping-pools IPPool/p2 spec.cidr: 10.0.5.0/24 overlaps with 10.0.0.0/16 of IPPool/p0",
  ]);
  t.strictSame(found(pools("10.0.5.0/24", "10.0.0.0/8", "not a cidr", "10.0.5.0/24")), [
    "error overlapping-pools IPPool/p1 spec.cidr: 10.0.0.0/8 overlaps with 10.0.5.0/24 of IPPool/p0",
    "error overlapping-pools IPPool/p3 spec.cidr: 10.0.5.0/24 overlaps with 10.0.5.0/24 of IPPool/p0",
  ]);
});

t.test("addresses that two objects have", async (t) => {
  const web = (name: string, ...ipNetworks: string[]) =>
    make(`WorkloadEndpoint/ns/${name}`, { ipNetworks });
  t.strictSame(
    found([
      node("a", { ipv4Address: "10.0.0.1/24" }),
      node("b", { ipv4Address: "10.0.0.2/24", ipv4IPIPTunnelAddr: "10.1.0.1" }),
      web("x", "10.1.0.2/32", "fd00::1/128"),
      web("y", "10.1.0.3"),
    ]),
    [],
  );
  t.strictSame(
    found([
      node("a", { ipv4Address: "10.0.0.1/24" }),
      node("b", { ipv4Address: "10.0.0.1", ipv4IPIPTunnelAddr: "10.1.0.1" }),
      web("x", "10.1.0.1/32", "fd00::1/128"),
      web("y", "FD00:0::1"),
    ]),
    [
      "error duplicate-address Node/b spec.bgp.ipv4Address: 10.0.0.1 is also spec.bgp.ipv4Address of Node/a",
      "error duplicate-address WorkloadEndpoint/ns/x spec.ipNetworks[0]: 10.1.0.1 is also spec.bgp.ipv4IPIPTunnelAddr of Node/b",
      "error duplicate-address WorkloadEndpoint/ns/y spec.ipNetworks[0]: fd00::1 is also spec.ipNetworks[1] of WorkloadEndpoint/ns/x",
    ],
  );
});

t.test("a live machine that moves has an endpoint on both hosts", async (t) => {
  const here = make("WorkloadEndpoint/ns/here", { ipNetworks: ["10.1.0.1"] });
  const there = make("WorkloadEndpoint/ns/there", { ipNetworks: ["10.1.0.1"] });
  t.equal(found([here, there]).length, 1);
  const annotations = { "tortie/route-priority": "512" };
  t.strictSame(found([here, { ...there, metadata: { ...there.metadata, annotations } }]), []);
});

t.test("names of objects that are not there", async (t) => {
  const peer = make("BGPPeer/tor", {
    peerIP: "10.0.0.1",
    asNumber: 1,
    node: "hots-1",
    filters: ["good", "god"],
  });
  const policy = make("GlobalNetworkPolicy/security.x", { tier: "security" });
  const endpoint = make("WorkloadEndpoint/ns/web", { profiles: ["web"] });
  const all = [peer, node("host-1"), make("BGPFilter/good"), policy, endpoint];
  t.strictSame(found(all, all), [
    'error unknown-reference BGPPeer/tor spec.filters[1]: no BGPFilter is called "god"; did you mean good?',
    'warning unknown-reference BGPPeer/tor spec.node: no Node is called "hots-1"; did you mean host-1?',
    'warning unknown-reference WorkloadEndpoint/ns/web spec.profiles[0]: no Profile is called "web"',
    'warning unknown-reference GlobalNetworkPolicy/security.x spec.tier: no Tier is called "security"',
  ]);
  t.strictSame(
    found(all),
    [
      'warning unknown-reference BGPPeer/tor spec.filters[1]: no BGPFilter is called "god"; did you mean good?',
      'warning unknown-reference BGPPeer/tor spec.node: no Node is called "hots-1"; did you mean host-1?',
    ],
    "files that hold no profiles and no tiers may be a part of the cluster",
  );
  t.strictSame(
    found([
      policy,
      make("Tier/security"),
      endpoint,
      make("Profile/web"),
      make("NetworkPolicy/ns/a", { tier: "default" }),
    ]),
    [],
  );
});

t.test("a mesh that is turned off before each node has another peering", async (t) => {
  const nodes = [
    node("a"),
    node("b"),
    node("rr", { routeReflectorClusterID: "1.0.0.1" }, { rr: "yes" }),
    make("Node/silent"),
  ];
  const alone = (name: string) =>
    `error node-left-alone Node/${name} : has no BGP peering: the node-to-node mesh is off, and no BGPPeer selects the node`;
  t.strictSame(found([...nodes, meshOff], nodes), [alone("a"), alone("b"), alone("rr")]);
  t.strictSame(found([...nodes, meshOff], [...nodes, meshOff]), [], "it was off before");
  t.match(
    found([...nodes, meshOff])[0],
    /^warning node-left-alone Node\/a/,
    "nothing is known of before",
  );
  const toReflectors = (spec: object = {}) =>
    make("BGPPeer/rr", { peerSelector: "has(rr)", ...spec });
  t.strictSame(
    found([...nodes, meshOff, toReflectors()], nodes),
    [],
    "the reflector gets the reverse ones",
  );
  t.strictSame(
    found(
      [...nodes, meshOff, toReflectors({ nodeSelector: "!has(rr)", reversePeering: "Manual" })],
      nodes,
    ),
    [alone("rr")],
  );
  t.strictSame(found([...nodes, meshOff, toReflectors({ node: "a" })], nodes), [alone("b")]);
  t.strictSame(
    found([...nodes, meshOff, make("BGPPeer/tor", { peerIP: "10.0.0.1", asNumber: 1 })], nodes),
    [],
  );
});

t.test("reflectors of which none would be left", async (t) => {
  const peer = make("BGPPeer/rr", { peerSelector: "has(rr)" });
  const reflector = (labels: Readonly<Record<string, string>>) =>
    node("rr-1", { routeReflectorClusterID: "1.0.0.1" }, labels);
  const others = [node("a"), peer];
  const before = [...others, reflector({ rr: "yes" })];
  const lost =
    "error no-route-reflector BGPPeer/rr spec.peerSelector: would select no route reflector any more; it selects rr-1 now";
  t.strictSame(found([...others, reflector({})], before), [lost], "its label goes");
  t.strictSame(found(others, before), [lost], "it goes");
  t.strictSame(found([node("a")], before), [], "the BGPPeer goes as well");
  t.strictSame(
    found([...others, node("rr-2", {}, { rr: "x" })], before),
    [],
    "another takes its place",
  );
  t.strictSame(found(others, others), [], "there was none");
  t.match(
    found(others)[0],
    /^warning no-route-reflector BGPPeer\/rr spec.peerSelector: selects no node: has\(rr\)/,
  );
});

t.test("whatever is stored, it is looked at and never thrown", async (t) => {
  const specs = [
    {},
    { cidr: 1, bgp: [], ipNetworks: [1, null], filters: "x", peerSelector: "has(" },
  ];
  const kinds = [
    "IPPool",
    "Node",
    "BGPPeer",
    "BGPConfiguration",
    "WorkloadEndpoint",
    "Tier",
    "Profile",
  ];
  const all = specs.flatMap((spec, at) => kinds.map((kind) => make(`${kind}/n${at}`, spec)));
  t.doesNotThrow(() => found(all, all));
  t.doesNotThrow(() => found(all));
});
