import t from "tap";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { parseDuration } from "../../../src/resources/duration.ts";
import {
  affinityName,
  blockName,
  parseAffinityName,
  parseBlockName,
} from "../../../src/resources/ipam-names.ts";
import { findKind, KINDS, kindInfo } from "../../../src/resources/kinds.ts";
import { parsePeerAddress } from "../../../src/resources/peer-address.ts";
import { formatKey, keyOf, parseKey, type Resource } from "../../../src/resources/resource.ts";
import { workloadEndpointName } from "../../../src/resources/workload-endpoint-name.ts";

const V3 = "projectcalico.org/v3";

t.test("the small parsers", async (t) => {
  const durations: readonly (readonly [string, number | undefined])[] = [
    ["90s", 90],
    ["1m30s", 90],
    ["1.5h", 5400],
    ["100ms", 0.1],
    ["0", 0],
    ["0s", 0],
    ["", undefined],
    ["90", undefined],
    ["-1s", undefined],
    ["1d", undefined],
    ["s", undefined],
    ["1m 30s", undefined],
  ];
  for (const [text, seconds] of durations) t.equal(parseDuration(text), seconds, text);
  const addresses: readonly (readonly [string, object | undefined])[] = [
    ["10.0.0.1", { address: "10.0.0.1" }],
    ["10.0.0.1:1179", { address: "10.0.0.1", port: 1179 }],
    ["FD00::0:1", { address: "fd00::1" }],
    ["[fd00::1]", { address: "fd00::1" }],
    ["[fd00::1]:179", { address: "fd00::1", port: 179 }],
    ["[10.0.0.1]:179", undefined],
    ["10.0.0.1:65536", undefined],
    ["10.0.0.1:", undefined],
    ["fd00::1:70000", undefined],
    ["", undefined],
  ];
  for (const [text, parsed] of addresses) t.strictSame(parsePeerAddress(text), parsed, text);
});

t.test("the table of kinds: names lead to one kind, keys go back and forth", async (t) => {
  const words = KINDS.flatMap(({ kind, plural, aliases }) => [
    kind.toLowerCase(),
    plural,
    ...aliases,
  ]);
  const kinds = new Map(words.map((word) => [word, findKind(word)?.kind]));
  for (const { kind, plural, aliases } of KINDS) {
    for (const word of [kind, plural, ...aliases]) t.equal(findKind(word)?.kind, kind, word);
  }
  t.equal(kinds.size, new Set(words).size);
  t.equal(findKind("BGPP")?.kind, "BGPPeer");
  t.equal(findKind("pod"), undefined);
  for (const key of ["Node/a", "WorkloadEndpoint/ns/a"])
    t.equal(formatKey(parseKey(key) ?? { kind: "", name: "" }), key);
  for (const text of ["", "Node", "Node/", "a/b/c/d"]) t.equal(parseKey(text), undefined, text);
  t.strictSame(keyOf({ apiVersion: V3, kind: "Node", metadata: { name: "a" }, spec: {} }), {
    kind: "Node",
    name: "a",
  });
});

t.test("IPAM's names lead to what they name, and back", async (t) => {
  const cidrs = ["10.0.0.0/26", "0.0.0.0/0", "fd00::/122", "::/128", "2001:db8:1:2:3:4:5:0/116"];
  for (const cidr of cidrs.map(Prefix)) {
    t.equal(parseBlockName(blockName(cidr)), cidr);
    for (const node of ["a", "host-1.example.org", "1-2-3-4-5", "fd00--"]) {
      for (const type of ["host", "virtual"] as const) {
        t.strictSame(parseAffinityName(affinityName({ type, node, cidr })), { type, node, cidr });
      }
    }
  }
  t.equal(blockName(Prefix("192.168.0.0/26")), "192-168-0-0-26", "as Calico has it");
  t.equal(blockName(Prefix("fd00::/122")), "fd00---122");
  for (const name of ["", "-", "10-0-0-0", "10-0-0-1-26", "10.0.0.0-26", "FD00---122", "a-26"]) {
    t.equal(parseBlockName(name), undefined, name);
  }
  for (const name of [
    "host.10-0-0-0-26.",
    "host.10-0-0-0-26",
    "x.10-0-0-0-26.a",
    "host.10-0-0-0-26.a/b",
  ]) {
    t.equal(parseAffinityName(name), undefined, name);
  }
});

t.test("a workload endpoint is named as Calico names it", async (t) => {
  const rows: readonly (readonly [object, string | undefined])[] = [
    [
      { node: "host-1", orchestrator: "cni", containerID: "ab-c", endpoint: "eth0" },
      "host--1-cni-ab--c-eth0",
    ],
    [{ node: "n", orchestrator: "k8s", pod: "web-0", endpoint: "eth0" }, "n-k8s-web--0-eth0"],
    [{ node: "n", orchestrator: "libvirt", workload: "vm", endpoint: "eth0" }, "n-libvirt-vm-eth0"],
    [{ node: "n", orchestrator: "k8s", endpoint: "eth0" }, undefined],
    [{ orchestrator: "cni", containerID: "a", endpoint: "eth0" }, undefined],
  ];
  for (const [spec, name] of rows) t.equal(workloadEndpointName(spec), name);
});

/** Kind, spec, cells of the wide table. */
const ROWS: readonly (readonly [string, object, string])[] = [
  ["Node", {}, "x (64512) - -"],
  ["Node", { bgp: { asNumber: 65001, ipv4Address: "10.0.0.1/24" } }, "x 65001 10.0.0.1/24 -"],
  ["BGPConfiguration", { asNumber: 65001, nodeToNodeMeshEnabled: false }, "x - false 65001"],
  ["BGPPeer", { peerIP: "10.0.0.1", asNumber: 65001 }, "x 10.0.0.1 (global) 65001"],
  ["BGPPeer", { peerSelector: "has(rr)", nodeSelector: "all()" }, "x has(rr) all() -"],
  ["BGPFilter", { exportV4: [{}, {}] }, "x 2 0 0 0"],
  [
    "IPPool",
    { cidr: "10.0.0.0/16" },
    "x 10.0.0.0/16 false Never Never false false all() Automatic",
  ],
  [
    "WorkloadEndpoint",
    { node: "n", workload: "w", ipNetworks: ["10.0.0.1/32", "fd00::1/128"] },
    "x w n 10.0.0.1/32,fd00::1/128 - - -",
  ],
  [
    "WorkloadEndpoint",
    { ipNATs: [{ internalIP: "10.0.0.1", externalIP: "1.1.1.1" }] },
    "x - - - - - 1.1.1.1:10.0.0.1",
  ],
  ["CalicoNodeStatus", { node: "n", classes: ["BGP", "Routes"] }, "x n BGP,Routes"],
  [
    "ClusterInformation",
    { clusterGUID: "g", calicoVersion: "v3", datastoreReady: true },
    "x g - v3 true",
  ],
  ["FelixConfiguration", { ipipEnabled: true }, "x"],
  ["IPReservation", { reservedCIDRs: ["10.0.0.0/30", "10.1.0.0/30"] }, "x 10.0.0.0/30,10.1.0.0/30"],
  ["IPAMConfiguration", {}, "x false true 0"],
  [
    "BlockAffinity",
    { node: "n", cidr: "10.0.0.0/26", state: "confirmed" },
    "x 10.0.0.0/26 n confirmed host",
  ],
  [
    "IPAMBlock",
    { cidr: "10.0.0.0/30", affinity: "host:n", allocations: [null, 0, null, 0] },
    "x 10.0.0.0/30 host:n 2/4",
  ],
  ["IPAMBlock", { cidr: "10.0.0.0/30", affinity: null }, "x 10.0.0.0/30 - -"],
  ["IPAMHandle", { block: { "10.0.0.0/26": 2, "10.1.0.0/26": 1 } }, "x 3"],
  [
    "HostEndpoint",
    { node: "n", interfaceName: "eth0", expectedIPs: ["10.0.0.1"], profiles: ["a", "b"] },
    "x n eth0 10.0.0.1 a,b",
  ],
  ["Profile", { labelsToApply: { a: "1", b: "" } }, "x a=1,b="],
  ["Tier", {}, "x -"],
  ["NetworkPolicy", { order: 10, selector: "has(a)" }, "x default 10 has(a)"],
  ["GlobalNetworkPolicy", { tier: "security" }, "x security - all()"],
  ["NetworkSet", { nets: ["10.0.0.0/8"] }, "x 10.0.0.0/8"],
  ["GlobalNetworkSet", {}, "x -"],
];

t.test("columns show what is there, and say what is inherited", async (t) => {
  for (const [kind, spec, cells] of ROWS) {
    const resource: Resource = { apiVersion: V3, kind, metadata: { name: "x" }, spec: { ...spec } };
    const columns = kindInfo(kind)?.columns ?? [];
    t.equal(
      columns.map(({ value }) => value(resource, { globalAsNumber: 64512 })).join(" "),
      cells,
    );
  }
  const table = kindInfo("IPPool")
    ?.columns.filter(({ wide }) => !wide)
    .map(({ header }) => header);
  t.strictSame(table, ["NAME", "CIDR", "SELECTOR"]);
});
