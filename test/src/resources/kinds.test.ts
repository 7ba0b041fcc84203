import t from "tap";
import { parseDuration } from "../../../src/resources/duration.ts";
import { findKind, KINDS, kindInfo } from "../../../src/resources/kinds.ts";
import { parsePeerAddress } from "../../../src/resources/peer-address.ts";
import { formatKey, keyOf, parseKey, type Resource } from "../../../src/resources/resource.ts";

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
