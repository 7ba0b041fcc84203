import t from "tap";
import { HostCalculation } from "../../../src/calc/calc.ts";
import type { HostPolicy } from "../../../src/calc/policy-state.ts";
import { defaultProfile } from "../../../src/resources/legacy-profile.ts";
import { formatKey, keyOf } from "../../../src/resources/resource.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import { nodeV4, pool, resource, stateOf, workload } from "./calc-support.ts";

const TEST = resource("Profile", "test", defaultProfile("test").spec);

function member(name: string, node: string, address: string, more: object = {}): AnyResource {
  return workload(name, { node, ipNetworks: [address], profiles: ["test"], ...more });
}

function membersOf({ sets }: HostPolicy): readonly string[] {
  return sets.flatMap(({ members }) => members);
}

t.test("members of a profile are found across the cluster", (t) => {
  const cluster = [
    nodeV4("a"),
    nodeV4("b"),
    TEST,
    member("one", "a", "192.168.0.1"),
    member("two", "b", "192.168.0.2"),
    workload("three", { node: "b", ipNetworks: ["192.168.0.3"], profiles: ["other"] }),
    resource(
      "WorkloadEndpoint",
      "four",
      { node: "b", ipNetworks: ["192.168.0.4"] },
      { labels: { test: "" } },
    ),
  ];
  const { policy } = stateOf("a", ...cluster);
  t.same(policy.endpoints, [{ name: "default/one", interface: "cali-one", profiles: ["test"] }]);
  t.equal(policy.profiles.length, 1, "only what is used here");
  const [rule] = policy.profiles[0]?.ingress ?? [];
  t.equal(rule?.source.set, policy.sets[0]?.id);
  t.same(
    membersOf(policy),
    ["192.168.0.4/32", "192.168.0.1/32", "192.168.0.2/32"],
    "those with the profile, and who bears the label itself",
  );
  t.same(membersOf(stateOf("c", ...cluster).policy), [], "a host without members needs no set");
  t.end();
});

t.test("a claim in vain makes nobody a member", (t) => {
  const old = { creationTimestamp: "2026-01-01T00:00:00Z" };
  const { policy } = stateOf(
    "a",
    TEST,
    member("one", "a", "192.168.0.1"),
    workload("owner", { node: "b", ipNetworks: ["192.168.0.2"] }, old),
    member("thief", "b", "192.168.0.2"),
  );
  t.same(membersOf(policy), ["192.168.0.1/32"]);
  t.end();
});

t.test("a change costs what it touches: a member elsewhere changes the set alone", (t) => {
  const calculation = new HostCalculation({ nodeName: "a" });
  const take = (...resources: readonly AnyResource[]) =>
    calculation.update(resources.map((each) => [formatKey(keyOf(each)), each] as const)).policy;
  const before = take(TEST, member("one", "a", "192.168.0.1"));
  const after = take(member("two", "b", "192.168.0.2"));
  t.same(membersOf(after), ["192.168.0.1/32", "192.168.0.2/32"]);
  t.equal(after.profiles, before.profiles);
  t.equal(after.endpoints, before.endpoints);
  const gone = calculation.update([["WorkloadEndpoint/default/two", undefined]]).policy;
  t.same(gone, before);
  t.end();
});

t.test("network sets and namespaces are selected too", (t) => {
  const rules = [
    { action: "Allow", source: { selector: "role == 'lb'" } },
    { action: "Allow", source: { selector: "has(app)", namespaceSelector: "tier == 'front'" } },
    { action: "Allow", source: { namespaceSelector: "global()", selector: "role == 'host'" } },
  ];
  const { policy } = stateOf(
    "a",
    resource("Profile", "p", { ingress: rules }),
    resource("Profile", "kns.default", { labelsToApply: { "pcns.tier": "front" } }),
    resource("GlobalNetworkSet", "lbs", { nets: ["203.0.113.0/24"] }, { labels: { role: "lb" } }),
    resource(
      "HostEndpoint",
      "h",
      { node: "b", expectedIPs: ["10.0.0.7"] },
      { labels: { role: "host" } },
    ),
    workload("one", { ipNetworks: ["192.168.0.1"], profiles: ["p"] }),
    workload(
      "two",
      { node: "b", ipNetworks: ["192.168.0.2"], profiles: ["kns.default"] },
      { labels: { app: "web" } },
    ),
  );
  t.same(membersOf(policy).toSorted(), ["10.0.0.7/32", "192.168.0.2/32", "203.0.113.0/24"]);
  t.end();
});

t.test("what is not supported makes no rule weaker, and is said aloud", (t) => {
  const state = stateOf(
    "a",
    resource("Profile", "p", {
      ingress: [
        { action: "Allow", protocol: "TCP", destination: { ports: ["http"] } },
        { action: "Deny", protocol: "TCP", destination: { ports: [22, "http"] } },
        { action: "Allow", protocol: "tcp", http: { methods: ["GET"] } },
      ],
    }),
    workload("one", { profiles: ["p", "nowhere"] }),
    workload("two", { profiles: [] }),
  );
  t.same(state.policy.profiles[0]?.ingress, [
    {
      action: "deny",
      protocol: 6,
      source: {},
      destination: { ports: [{ first: 22, last: 22 }] },
    },
  ]);
  const said = state.problems.map(({ resource: where, message }) => `${where} ${message}`);
  t.match(
    said.join("\n"),
    /Profile\/p ingress\[0\].*ports "http" is not supported: the rule is left out/,
  );
  t.match(said.join("\n"), /WorkloadEndpoint\/default\/one profile nowhere does not exist/);
  t.match(said.join("\n"), /WorkloadEndpoint\/default\/two has no profiles/);
  t.end();
});

t.test("settings of policy: the node's own come before everyone's", (t) => {
  const { policy } = stateOf(
    "a",
    nodeV4("a"),
    nodeV4("b"),
    resource("FelixConfiguration", "default", {
      interfacePrefix: "cali,tap",
      defaultEndpointToHostAction: "Accept",
      externalNodesList: ["10.9.0.0/24"],
      vxlanPort: 4790,
    }),
    resource("FelixConfiguration", "node.a", { defaultEndpointToHostAction: "Drop" }),
    pool("p", "192.168.0.0/16", { vxlanMode: "Always" }),
  );
  t.same(policy.interfacePrefixes, ["cali", "tap"]);
  t.equal(policy.endpointToHost, "drop");
  t.same(policy.tunnels, {
    ipip: false,
    vxlanPorts: [4790],
    nodes: ["10.0.0.1/32", "10.0.0.2/32", "10.9.0.0/24"],
    fromWorkloads: { ipip: false, vxlan: false },
  });
  t.end();
});

t.test("what can be no interface is left out, and the others are policed", (t) => {
  const { policy, problems } = stateOf(
    "a",
    nodeV4("a"),
    resource("FelixConfiguration", "default", { interfacePrefix: "üüüüüüüü" }),
    workload("one", { interfaceName: "üüüüüüüü" }),
    workload("two", {}),
  );
  t.same(policy.interfacePrefixes, ["cali"]);
  t.same(
    policy.endpoints.map((endpoint) => endpoint.interface),
    ["cali-two"],
  );
  t.match(problems[0]?.message, /more than 15 octets/);
  t.end();
});

t.test("out of pools with natOutgoing, to what lies in no pool", (t) => {
  const outgoing = (...felix: readonly AnyResource[]) =>
    stateOf(
      "a",
      nodeV4("a"),
      pool("p", "192.168.0.0/16", { natOutgoing: true }),
      pool("q", "10.65.0.0/16"),
      ...felix,
    ).nat.outgoing;
  t.same(outgoing(), {
    sources: ["192.168.0.0/16"],
    exempt: ["192.168.0.0/16", "10.65.0.0/16"],
    addresses: {},
  });
  const settings = {
    natOutgoingAddress: "10.0.0.9",
    natPortRange: "1024:2047",
    natOutgoingExclusions: "IPPoolsAndHostIPs",
    iptablesNATOutgoingInterfaceFilter: "eth+",
  };
  t.same(outgoing(resource("FelixConfiguration", "default", settings)), {
    sources: ["192.168.0.0/16"],
    exempt: ["192.168.0.0/16", "10.65.0.0/16", "10.0.0.1/32"],
    addresses: { ipv4: "10.0.0.9" },
    ports: { first: 1024, last: 2047 },
    outputInterface: "eth*",
  });
  const addresses = (spec: object) =>
    outgoing(resource("FelixConfiguration", "default", spec)).addresses;
  t.same(addresses({ natOutgoingAddress: "fd00::9" }), { ipv6: "fd00::9" });
  t.same(addresses({ natOutgoingAddress: "10.0.0.9", natOutgoingAddressIPv6: "fd00::9" }), {
    ipv4: "10.0.0.9",
    ipv6: "fd00::9",
  });
  t.end();
});

t.test("ports of the host: the first endpoint by name has one that two want", (t) => {
  const ports = (list: readonly object[]) => ({ profiles: ["open"], ports: list });
  const state = stateOf(
    "a",
    nodeV4("a"),
    workload("one", {
      ipNetworks: ["192.168.0.1", "fd00::1"],
      ...ports([{ protocol: "TCP", port: 8080, hostPort: 80 }]),
    }),
    workload("two", {
      ipNetworks: ["192.168.0.2"],
      ...ports([
        { protocol: 6, port: 80, hostPort: 80 },
        { protocol: "UDP", port: 53, hostPort: 53, hostIP: "10.0.0.1" },
        { protocol: "UDP", port: 54, hostPort: 54, hostIP: "0.0.0.0" },
        { protocol: "UDP", port: 55, name: "dns" },
      ]),
    }),
  );
  t.same(
    state.nat.hostPorts.toSorted(
      (a, b) => a.hostPort - b.hostPort || (a.address < b.address ? -1 : 1),
    ),
    [
      { protocol: 17, hostPort: 53, address: "192.168.0.2", port: 53, hostAddress: "10.0.0.1" },
      { protocol: 17, hostPort: 54, address: "192.168.0.2", port: 54 },
      { protocol: 6, hostPort: 80, address: "192.168.0.1", port: 8080 },
      { protocol: 6, hostPort: 80, address: "fd00::1", port: 8080 },
    ],
  );
  t.match(
    state.problems,
    [
      {
        resource: "WorkloadEndpoint/default/two",
        message: "port 80 of the host belongs to WorkloadEndpoint/default/one",
      },
    ],
    "and the other one is told",
  );
  t.end();
});
