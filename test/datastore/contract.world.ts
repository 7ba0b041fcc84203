import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { DatastoreError } from "../../src/datastore/datastore.ts";
import { EtcdDatastore } from "../../src/datastore/etcd/etcd-datastore.ts";
import { etcdKeyOf } from "../../src/datastore/etcd/etcd-keys.ts";
import { syncDatastore } from "../../src/datastore/syncer.ts";
import { KINDS } from "../../src/resources/kinds.ts";
import { testContract } from "../src/datastore/datastore-contract.ts";
import { asNumberIn, nextUpdate, peer } from "../src/datastore/datastore-support.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { empty, openEtcd, optionsFor, PREFIX } from "./etcd-support.ts";

const cluster = await EtcdCluster.start({ tls: true });
t.teardown(() => cluster.close());
const put = (key: string, value: string) => cluster.ctl(["put", PREFIX + key, value]);
const storedText = async (key: string) =>
  (await cluster.ctl(["get", "--print-value-only", PREFIX + key])).replace(/\n$/, "");

testContract("etcd", async (t) => {
  await empty(cluster);
  return openEtcd(t, cluster);
});

t.test(
  "what Calico wrote is read, and fields that nobody here knows survive a change",
  async (t) => {
    await empty(cluster);
    const datastore = openEtcd(t, cluster);
    const calico = (asNumber: number) =>
      '{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"tor","uid":"5c5c0f3c-8a7f-4b5e-9d0e-0c8a2d4f6b1a",' +
      '"creationTimestamp":"2024-05-01T10:00:00Z","annotations":{"a\\u003cb":"\\u0026"}},' +
      `"spec":{"peerIP":"10.0.0.1","asNumber":${asNumber},"novelty":{"sequence":18446744073709551615,"low":-9007199254740993}}}`;
    await put("bgppeers/tor", calico(65001));
    const read = await datastore.get({ kind: "BGPPeer", name: "tor" });
    t.match(read, { spec: { asNumber: 65001, novelty: { sequence: 18446744073709551615n } } });
    if (read === undefined) throw new Error("not found");
    const written = await datastore.update({ ...read, spec: { ...read.spec, asNumber: 65002 } });
    t.equal(written.type, "written");
    t.equal(await storedText("bgppeers/tor"), calico(65002), "the same bytes but for the change");
  },
);

t.test("of every kind, a change in etcd keeps what nobody here knows", async (t) => {
  await empty(cluster);
  const datastore = openEtcd(t, cluster);
  const names: Readonly<Record<string, string>> = {
    IPAMBlock: "10-0-0-0-30",
    BlockAffinity: "host.10-0-0-0-26.n",
  };
  for (const { kind, scope } of KINDS) {
    const namespace = scope === "namespaced" ? { namespace: "ns" } : {};
    const key = { kind, ...namespace, name: names[kind] ?? "default" };
    const etcdKey = etcdKeyOf(key) ?? "";
    const novelty = '"novelty":[18446744073709551615,null,"\\u003c"]';
    const bare = etcdKey.startsWith("/calico/ipam/");
    const text = bare ? `{${novelty}}` : `{"kind":"${kind}","spec":{${novelty}},${novelty}}`;
    await cluster.ctl(["put", etcdKey, text]);
    const read = await datastore.get(key);
    if (read === undefined) throw new Error(`${kind} is not there`);
    const written = await datastore.update({ ...read, spec: { ...read.spec, ours: 1 } });
    t.equal(written.type, "written", kind);
    const after = await cluster.ctl(["get", "--print-value-only", etcdKey]);
    t.equal(after.split(novelty).length, bare ? 2 : 3, `${kind}: ${after}`);
    t.match(after, '"ours":1');
  }
});

t.test("a new object lies where Calico looks, as Calico writes it", async (t) => {
  await empty(cluster);
  const datastore = openEtcd(t, cluster);
  const endpoint = {
    apiVersion: "projectcalico.org/v3",
    kind: "WorkloadEndpoint",
    metadata: { name: "host-cni-web-eth0", namespace: "default", labels: { app: "<web>" } },
    spec: { node: "host", ipNetworks: ["10.1.0.1/32"] },
  };
  await datastore.create(endpoint);
  const text = await storedText("workloadendpoints/default/host-cni-web-eth0");
  t.match(
    text,
    /^\{"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org\/v3","metadata":\{"name":"host-cni-web-eth0","namespace":"default","uid":"[-0-9a-f]{36}","creationTimestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ","labels":\{"app":"\\u003cweb\\u003e"\}\},"spec":\{"node":"host","ipNetworks":\["10.1.0.1\/32"\]\}\}$/,
  );
  const shown = JSON.parse(await cluster.ctl(["get", "--prefix", PREFIX, "-w", "json"])) as {
    readonly kvs: readonly { readonly mod_revision: number }[];
  };
  const found = await datastore.get({
    kind: "WorkloadEndpoint",
    namespace: "default",
    name: "host-cni-web-eth0",
  });
  t.equal(found?.metadata.resourceVersion, String(shown.kvs[0]?.mod_revision));
  await t.rejects(datastore.create({ ...endpoint, metadata: { name: "x" } }), DatastoreError);
});

t.test("more objects than fit a page are one listing", async (t) => {
  await empty(cluster);
  const datastore = openEtcd(t, cluster);
  const names = Array.from({ length: 2100 }, (_, index) => `p${index}`);
  const writes = names.values();
  const worker = async () => {
    for (const name of writes) await datastore.create(peer(name));
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  const { resources } = await datastore.list();
  t.strictSame(new Set(resources.map(({ metadata }) => metadata.name)), new Set(names));
  t.equal((await datastore.list({ kinds: ["BGPPeer", "Node"] })).resources.length, 2100);
});

t.test("what is no object is kept out alone, said, and its last good version stays", async (t) => {
  await empty(cluster);
  const datastore = openEtcd(t, cluster);
  await datastore.create(peer("good"));
  await datastore.create(peer("broken"));
  await put("bgpconfigurations/default", "SECRET-canary{");
  await put("noveltykinds/x", "{}");
  const abort = new AbortController();
  const updates = syncDatastore(datastore, { signal: abort.signal });
  const first = await nextUpdate(updates, () => true);
  t.strictSame([...first.resources.keys()].sort(), ["BGPPeer/broken", "BGPPeer/good"]);
  t.match(first.problems.map(({ where, message }) => `${where}: ${message}`).sort(), [
    `${PREFIX}noveltykinds/: keys of this kind are not known to this version, and are skipped`,
    "BGPConfiguration/default: is not a JSON object",
    /^BGPConfiguration\/default: spec/,
  ]);
  t.notMatch(JSON.stringify(first.problems), /canary/);
  await put("bgppeers/broken", '{"spec":{"asNumber":99999999999999999999}');
  const broken = await nextUpdate(updates, ({ problems }) =>
    problems.some(({ where }) => where === "BGPPeer/broken"),
  );
  t.equal(asNumberIn(broken, "BGPPeer/broken"), 65001);
  await put(
    "bgppeers/broken",
    '{"apiVersion":"projectcalico.org/v3","kind":"BGPPeer","metadata":{"name":"broken"},"spec":{"peerIP":"10.0.0.1","asNumber":99999999999999999999}}',
  );
  const tooLarge = await nextUpdate(updates, ({ problems }) =>
    problems.some(({ where, message }) => where === "BGPPeer/broken" && /asNumber/.test(message)),
  );
  t.equal(asNumberIn(tooLarge, "BGPPeer/broken"), 65001);
  await datastore.update(peer("broken", { asNumber: 3 }));
  const mended = await nextUpdate(updates, (update) => asNumberIn(update, "BGPPeer/broken") === 3);
  t.notOk(mended.problems.some(({ where }) => where === "BGPPeer/broken"));
  abort.abort();
  await updates.return(undefined);
});

t.test(
  "a write without an answer is done once, or its caller is told that it may be",
  async (t) => {
    await empty(cluster);
    const [member] = cluster.members;
    if (member === undefined) throw new Error("no member");
    t.teardown(() => member.clientWire.set("open"));
    const afterMute = async (write: (datastore: EtcdDatastore) => Promise<unknown>) => {
      const endpoints = [member.endpoint, member.directEndpoint];
      const datastore = openEtcd(t, cluster, { endpoints, timing: { attempt: 1500 } });
      await datastore.list();
      member.clientWire.set("mute");
      const result = await write(datastore).catch((error: Error) => error);
      member.clientWire.set("open");
      return result;
    };
    const created = await afterMute((datastore) => datastore.create(peer("a")));
    t.match(created, { type: "written", resource: { metadata: { name: "a" } } });
    const direct = openEtcd(t, cluster, { endpoints: [member.directEndpoint] });
    const stored = await direct.get({ kind: "BGPPeer", name: "a" });
    if (stored === undefined) throw new Error("not there");
    const changed = { ...stored, spec: { ...stored.spec, asNumber: 7 } };
    const updated = await afterMute((datastore) => datastore.update(changed));
    t.match(String(updated), /BGPPeer\/a may have been updated/);
    const several = await afterMute((datastore) =>
      datastore.transact([
        { type: "create", resource: peer("x") },
        { type: "expect", key: { kind: "BGPPeer", name: "y" }, resourceVersion: undefined },
      ]),
    );
    t.match(several, { type: "written", resources: [{ metadata: { name: "x" } }, undefined] });
    const now = await direct.get({ kind: "BGPPeer", name: "a" });
    t.equal(now?.spec["asNumber"], 7, "it was");
    const key = { kind: "BGPPeer", name: "a" };
    const deleted = await afterMute((datastore) => datastore.delete(key));
    t.match(String(deleted), /BGPPeer\/a may have been deleted/);
    t.equal(await direct.get(key), undefined, "it was");
  },
);

t.test("whoever has no certificate, or trusts another authority, is told so", async (t) => {
  const timing = { question: 3000 };
  const { certificates } = cluster;
  if (certificates === undefined) throw new Error("no certificates");
  const endpoints = cluster.endpoints;
  const without = new EtcdDatastore({ endpoints, caFile: certificates.ca, timing });
  await t.rejects(without.list(), /etcd at https:/);
  await without.close();
  const untrusting = new EtcdDatastore({
    endpoints,
    certFile: certificates.cert,
    keyFile: certificates.key,
    timing,
  });
  await t.rejects(untrusting.list(), /certificate/);
  await untrusting.close();
  const missing = new EtcdDatastore({ endpoints, caFile: "/nowhere/ca.crt", timing });
  await t.rejects(missing.list(), /ENOENT.*\/nowhere\/ca\.crt/);
  await missing.close();
});

t.test("user and password: right, wrong, and without the right to write", async (t) => {
  await empty(cluster);
  const root = ["--user", "root:root-canary"];
  for (const command of [
    "user add root:root-canary",
    "user add reader:reader-canary",
    "role add reading",
    "role grant-permission reading read --prefix=true /calico/",
    "user grant-role reader reading",
    "auth enable",
  ]) {
    await cluster.ctl(command.split(" "));
  }
  t.teardown(() => cluster.ctl([...root, "auth", "disable"]));
  const passwordFile = join(cluster.folder, "password");
  const as = (username: string, password: string) => {
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    return openEtcd(t, cluster, { username, passwordFile });
  };
  const writer = as("root", "root-canary");
  t.equal((await writer.create(peer("a"))).type, "written");
  const reader = as("reader", "reader-canary");
  t.equal((await reader.list()).resources.length, 1);
  await t.rejects(reader.create(peer("b")), /permission denied/);
  const stranger = as("root", "wrong-canary");
  const error = await stranger.list().catch((reason: Error) => reason);
  t.ok(error instanceof DatastoreError);
  t.match(String(error), /authentication failed/);
  t.notMatch(`${error} ${(error as Error).cause}`, /canary/);
  const nobody = new EtcdDatastore(optionsFor(cluster, { timing: { question: 1500 } }));
  await t.rejects(nobody.list(), /permission denied|user name/);
  await nobody.close();
});
