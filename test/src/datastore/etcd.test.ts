import fc from "fast-check";
import t from "tap";
import { RevisionGone } from "../../../src/datastore/datastore.ts";
import { EtcdFailure } from "../../../src/datastore/etcd/etcd-failure.ts";
import { etcdKeyOf, prefixesOf, resourceKeyOf } from "../../../src/datastore/etcd/etcd-keys.ts";
import {
  endpointsOf,
  parseEndpoint,
  plainTextWarnings,
} from "../../../src/datastore/etcd/etcd-options.ts";
import { StoreRevision } from "../../../src/datastore/etcd/store-revision.ts";
import { decodeStored, encodeStored } from "../../../src/datastore/etcd/stored-resource.ts";
import { equalJson, formatExactJson, parseExactJson } from "../../../src/lib/exact-json.ts";
import { KINDS } from "../../../src/resources/kinds.ts";
import { parseKey, type ResourceKey } from "../../../src/resources/resource.ts";
import { validateResource } from "../../../src/resources/validate.ts";
import { peer } from "./datastore-support.ts";

t.test("keys are Calico's, both ways", (t) => {
  const rows: [ResourceKey, string][] = [
    [{ kind: "BGPPeer", name: "tor-1" }, "bgppeers/tor-1"],
    [{ kind: "BGPConfiguration", name: "node.a.b" }, "bgpconfigurations/node.a.b"],
    [{ kind: "GlobalNetworkPolicy", name: "default.x" }, "globalnetworkpolicies/default.x"],
    [
      { kind: "WorkloadEndpoint", namespace: "default", name: "a-cni-b--c-eth0" },
      "workloadendpoints/default/a-cni-b--c-eth0",
    ],
  ];
  for (const [key, tail] of rows) {
    const text = `/calico/resources/v3/projectcalico.org/${tail}`;
    t.equal(etcdKeyOf(key), text);
    t.strictSame(resourceKeyOf(text), key);
  }
  const resources = "/calico/resources/v3/projectcalico.org/";
  const ipam = "/calico/ipam/v2/";
  t.strictSame(prefixesOf({ kinds: ["IPPool", "Novelty"] }), [`${resources}ippools/`]);
  t.strictSame(prefixesOf({ kinds: ["BlockAffinity"], affinitiesOf: "a" }), [`${ipam}host/a/`]);
  t.strictSame(prefixesOf({ without: ["IPAMHandle", "Node"] }), [
    `${ipam}assignment/`,
    `${ipam}host/`,
    `${ipam}virtual/`,
    `${ipam}config`,
    resources,
  ]);
  for (const key of [
    { kind: "Novelty", name: "a" },
    { kind: "Node", name: "a/b" },
    { kind: "Node", name: "" },
    { kind: "Node", namespace: "default", name: "a" },
    { kind: "WorkloadEndpoint", name: "a" },
  ]) {
    t.equal(etcdKeyOf(key), undefined, JSON.stringify(key));
  }
  for (const tail of ["nodes", "nodes/", "nodes/a/b", "workloadendpoints/a", "novelties/a", ""]) {
    t.equal(resourceKeyOf(`/calico/resources/v3/projectcalico.org/${tail}`), undefined, tail);
  }
  t.end();
});

t.test("IPAM's keys and values are Calico's, both ways", (t) => {
  const block =
    '{"cidr":"10.0.0.0/30","affinity":"host:a","allocations":[0,null,null,null],"unallocated":[1,2,3],' +
    '"attributes":[{"handle_id":"h","secondary":null}],"sequenceNumber":18446744073709551615,' +
    '"sequenceNumberForAllocation":{"0":18446744073709551614},"deleted":false,"novelty":[9007199254740993]}';
  const rows: [string, string, string, object][] = [
    [
      "assignment/ipv4/block/10.0.0.0-30",
      "IPAMBlock/10-0-0-0-30",
      block,
      { cidr: "10.0.0.0/30", sequenceNumber: 2n ** 64n - 1n },
    ],
    [
      "assignment/ipv6/block/fd00::-122",
      "IPAMBlock/fd00---122",
      '{"cidr":"fd00::/122","affinity":null}',
      { affinity: null },
    ],
    [
      "host/node-1.example/ipv4/block/10.0.0.0-26",
      "BlockAffinity/host.10-0-0-0-26.node-1.example",
      '{"state":"pending","deleted":false,"novelty":1}',
      { state: "pending", type: "host", node: "node-1.example", cidr: "10.0.0.0/26", novelty: 1 },
    ],
    [
      "virtual/load-balancer/ipv6/block/fd00::-122",
      "BlockAffinity/virtual.fd00---122.load-balancer",
      '{"state":"confirmed","deleted":true}',
      { type: "virtual", node: "load-balancer", deleted: true },
    ],
    [
      "handle/k8s-pod-network.A_b",
      "IPAMHandle/k8s-pod-network.A_b",
      '{"block":{"10.0.0.0/26":2},"deleted":false}',
      { handleID: "k8s-pod-network.A_b" },
    ],
    [
      "config",
      "IPAMConfiguration/default",
      '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":4,"novelty":{}}',
      { strictAffinity: true, autoAllocateBlocks: true, maxBlocksPerHost: 4 },
    ],
    [
      "config",
      "IPAMConfiguration/default",
      "{}",
      { strictAffinity: false, autoAllocateBlocks: false },
    ],
  ];
  for (const [tail, name, text, spec] of rows) {
    const key = parseKey(name) ?? { kind: "", name: "" };
    t.equal(etcdKeyOf(key), `/calico/ipam/v2/${tail}`);
    t.strictSame(resourceKeyOf(`/calico/ipam/v2/${tail}`), key);
    const { resource, problem } = decodeStored(key, { text, modRevision: "42" });
    t.equal(problem, undefined);
    t.match(resource, {
      kind: key.kind,
      metadata: { name: key.name, resourceVersion: "42" },
      spec,
    });
    t.equal(encodeStored(resource), text);
    const validated = validateResource(resource, { unknownFields: "warning" });
    t.equal(
      validated.ok,
      text !== "{}" && (text === block || key.kind !== "IPAMBlock"),
      formatExactJson(validated),
    );
  }
  const legacy = { kind: "BlockAffinity", name: "host.10-0-0-0-26.a" };
  t.match(decodeStored(legacy, { text: "", modRevision: "1" }).resource.spec, {
    state: "confirmed",
  });
  const minimal = {
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "default", uid: "u" },
    spec: {},
  };
  t.equal(encodeStored({ ...minimal, kind: "IPAMConfiguration" }), '{"auto_allocate_blocks":true}');
  for (const tail of [
    "",
    "handle/",
    "handle/a/b",
    "host/a/ipv4/block/10.0.0.1-26",
    "host/a/ipv6/block/10.0.0.0-26",
    "host//ipv4/block/10.0.0.0-26",
    "assignment/ipv4/block/10.0.0.0",
    "configs",
  ]) {
    t.equal(resourceKeyOf(`/calico/ipam/v2/${tail}`), undefined, tail);
  }
  for (const [kind, name] of [
    ["IPAMConfiguration", "other"],
    ["IPAMBlock", "a"],
    ["BlockAffinity", "a"],
    ["IPAMHandle", "a/b"],
  ] as const) {
    t.equal(etcdKeyOf({ kind, name }), undefined, kind);
  }
  t.end();
});

t.test("integers keep every digit", (t) => {
  const text =
    '{"a":18446744073709551615,"b":[-9223372036854775808,9007199254740993],"c":1.5,"d":"12345678901234567890"}';
  t.equal(formatExactJson(parseExactJson(text)), text);
  t.match(parseExactJson(text), { a: 2n ** 64n - 1n, c: 1.5, d: "12345678901234567890" });
  t.equal(parseExactJson("9007199254740991"), 9007199254740991);
  t.throws(() => parseExactJson('{"a":12345678901234567890'), SyntaxError);
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), (integer) => {
      const json = `{"n":${integer}}`;
      return formatExactJson(parseExactJson(json)) === json;
    }),
  );
  t.end();
});

t.test("JSON is compared by meaning", (t) => {
  t.ok(equalJson({ a: 1, b: { c: [1, 2n], d: undefined } }, { b: { c: [1, 2n] }, a: 1 }));
  const unequal: [unknown, unknown][] = [
    [{ a: 1 }, { a: 2 }],
    [
      { a: undefined, b: 1 },
      { a: 1, b: undefined },
    ],
    [{ a: 1 }, { a: 1, b: 2 }],
    [
      [1, 2],
      [2, 1],
    ],
    [[], {}],
    [2n ** 64n, 2n ** 64n - 1n],
    [null, {}],
    ["1", 1],
  ];
  for (const [a, b] of unequal)
    t.notOk(equalJson(a, b), `${formatExactJson(a)} ${formatExactJson(b)}`);
  t.end();
});

t.test("a value is read and written as Calico has it; the key has the last word", (t) => {
  const key = { kind: "BGPPeer", name: "tor" };
  const text =
    '{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"tor","uid":"u","creationTimestamp":null,' +
    '"labels":{"a":"\\u003c\\u0026\\u003e\\u2028"},"novelty":1},"spec":{"peerIP":"10.0.0.1","x":18446744073709551615},"later":[]}';
  const { resource, problem } = decodeStored(key, { text, modRevision: "42" });
  t.equal(problem, undefined);
  t.equal(resource.metadata.resourceVersion, "42");
  t.equal(encodeStored(resource), text);
  const strange = '{"kind":"Node","metadata":{"name":"b","namespace":"n","resourceVersion":"1"}}';
  t.strictSame(decodeStored(key, { text: strange, modRevision: "7" }).resource, {
    kind: "BGPPeer",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "tor", resourceVersion: "7" },
    spec: {},
  });
  for (const bad of ["", "canary", "[]", "null", '{"a":']) {
    const decoded = decodeStored(key, { text: bad, modRevision: "7" });
    t.equal(decoded.problem, "is not a JSON object", bad);
    t.not(typeof decoded.resource.spec, "object", "no check takes it for an empty object");
    t.notMatch(JSON.stringify(decoded), /canary/);
  }
  t.notMatch(
    encodeStored({ ...peer("a"), metadata: { name: "a", resourceVersion: "9" } }),
    /resourceVersion/,
  );
  t.end();
});

t.test("of every kind, what nobody here knows survives a change, to the last digit", (t) => {
  const names: Readonly<Record<string, string>> = {
    IPAMBlock: "10-0-0-0-30",
    BlockAffinity: "host.10-0-0-0-26.n",
  };
  for (const { kind, scope } of KINDS) {
    const namespace = scope === "namespaced" ? { namespace: "ns" } : {};
    const key = { kind, ...namespace, name: names[kind] ?? "default" };
    const unknown = '"novelty":{"digits":18446744073709551615,"low":[-9007199254740993,null,1.5]}';
    const isIpam =
      resourceKeyOf(etcdKeyOf(key) ?? "")?.kind === kind && etcdKeyOf(key)?.includes("/ipam/");
    const text = isIpam
      ? `{${unknown}}`
      : `{"kind":"${kind}","apiVersion":"projectcalico.org/v3","metadata":{"name":"default",` +
        `${scope === "namespaced" ? '"namespace":"ns",' : ""}"generation":18446744073709551615,${unknown}},"spec":{${unknown}},${unknown}}`;
    const { resource, problem } = decodeStored(key, { text, modRevision: "42" });
    t.equal(problem, undefined, kind);
    const changed = { ...resource, spec: { ...resource.spec, ours: 1 } };
    const written = parseExactJson(encodeStored(changed)) as Record<string, unknown>;
    const before = parseExactJson(text) as { readonly spec?: object };
    const { ours, ...spec } = (isIpam ? written : written["spec"]) as Record<string, unknown>;
    t.equal(ours, 1);
    const { state: _, deleted: __, cidr: ___, auto_allocate_blocks: ____, ...rest } = spec;
    t.ok(
      equalJson(isIpam ? rest : { ...written, spec }, before),
      `${kind}: ${encodeStored(changed)}`,
    );
  }
  t.end();
});

t.test("endpoints: what is meant, what is refused, and what is warned of", (t) => {
  t.match(parseEndpoint("https://10.0.0.1:2379"), {
    target: "10.0.0.1:2379",
    secure: true,
    loopback: false,
  });
  t.match(parseEndpoint("https://a.example:443/"), { target: "a.example:443" });
  t.match(parseEndpoint("http://[fd00::1]"), { target: "[fd00::1]:2379", loopback: false });
  for (const loopback of ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"]) {
    t.match(parseEndpoint(loopback), { loopback: true });
  }
  for (const bad of ["", "10.0.0.1:2379", "ftp://a:1", "https://u:canary@a:1", "https://a:1/x"]) {
    t.type(parseEndpoint(bad), "string", bad);
    t.notMatch(parseEndpoint(bad), /canary/);
  }
  const endpoints = ["http://127.0.0.1:1", "http://10.0.0.1:2379"];
  const warnings = plainTextWarnings(endpointsOf({ endpoints }));
  t.match(warnings, [{ severity: "warning", message: /^http:\/\/10\.0\.0\.1:2379 is plain HTTP/ }]);
  t.equal(warnings.length, 1);
  t.strictSame(plainTextWarnings(endpointsOf({ endpoints: ["https://10.0.0.1:1"] })), []);
  t.throws(
    () => endpointsOf({ endpoints: ["http://a:1", "https://b:1"] }),
    /all http or all https/,
  );
  t.throws(() => endpointsOf({ endpoints: [] }), /needs an endpoint/);
  t.end();
});

t.test("a failure says whether its request may have been carried out", (t) => {
  const rows: [string, EtcdFailure["fate"]][] = [
    ["14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED", "unsent"],
    ["14 UNAVAILABLE: Connection dropped", "unknown"],
    ["14 UNAVAILABLE: etcdserver: leader changed", "unknown"],
    ["4 DEADLINE_EXCEEDED: Deadline exceeded", "unknown"],
    ["7 PERMISSION_DENIED: etcdserver: permission denied", "refused"],
    ["8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded", "refused"],
    ["11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted", "refused"],
    ["16 UNAUTHENTICATED: etcdserver: invalid auth token", "stale"],
    ["3 INVALID_ARGUMENT: etcdserver: revision of auth store is old", "stale"],
    ["ENOENT: no such file or directory, open '/ca'", "unsent"],
  ];
  for (const [message, fate] of rows) {
    t.equal(new EtcdFailure("http://a:1", { cause: new Error(message) }).fate, fate, message);
  }
  t.end();
});

t.test("a revision belongs to one cluster", (t) => {
  const revision = StoreRevision.parse("1234@99");
  t.equal(String(revision), "1234@99");
  t.equal(String(revision.at("2000")), "2000@99");
  revision.assertSameStore("99");
  t.throws(() => revision.assertSameStore("98"), RevisionGone);
  for (const bad of ["1234", "a@1", "1@", "", "-1@1"]) {
    t.throws(() => StoreRevision.parse(bad), RevisionGone, bad);
  }
  t.end();
});
