import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { RevisionGone } from "../../src/datastore/datastore.ts";
import { syncDatastore } from "../../src/datastore/syncer.ts";
import { formatKey, keyOf } from "../../src/resources/resource.ts";
import { asNumberIn, nextUpdate, peer, Watched } from "../src/datastore/datastore-support.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { openEtcd } from "./etcd-support.ts";
import { WatchHistory } from "./watch-history.ts";

const cluster = await EtcdCluster.start({ members: 3, tls: true });
t.teardown(() => cluster.close());

function setWires(state: "open" | "cut" | "stalled"): void {
  for (const { clientWire } of cluster.members) clientWire.set(state);
}

t.test("the link flaps", async (t) => {
  const history = await WatchHistory.start(t, cluster);
  t.teardown(() => setWires("open"));
  // A quarter of a second is about what a new connection needs: some flaps come while one is made.
  for (let flaps = 0; flaps < 20; flaps++) {
    setWires("cut");
    await sleep(20);
    setWires("open");
    await sleep(50 + 25 * (flaps % 10));
  }
  await history.moves();
  await history.check(t);
});

t.test("a black hole of 15 s", async (t) => {
  const history = await WatchHistory.start(t, cluster);
  t.teardown(() => setWires("open"));
  setWires("stalled");
  await sleep(15_000);
  setWires("open");
  await history.moves();
  await history.check(t);
});

t.test("a backlog of 10 MB", async (t) => {
  const datastore = openEtcd(t, cluster);
  const { revision } = await datastore.list();
  const filling = "x".repeat(256 * 1024);
  for (let asNumber = 1; asNumber <= 40; asNumber++) {
    const large = peer("large", { asNumber, filling });
    const { type } = await (asNumber === 1 ? datastore.create(large) : datastore.update(large));
    t.equal(type, "written");
  }
  const watched = new Watched(datastore, revision);
  await watched.until(() => watched.events.length >= 40);
  const expected = Array.from({ length: 40 }, (_, index) => `put BGPPeer/large ${index + 1}`);
  t.strictSame(watched.log, expected);
  watched.stop();
  await datastore.delete({ kind: "BGPPeer", name: "large" });
});

t.test("what a stale watcher missed is compacted: it lists again and has all", async (t) => {
  const followed = openEtcd(t, cluster);
  const direct = cluster.members.map(({ directEndpoint }) => directEndpoint);
  const writer = openEtcd(t, cluster, { endpoints: direct });
  await writer.create(peer("kept"));
  await writer.create(peer("goes"));
  const abort = new AbortController();
  const updates = syncDatastore(followed, { signal: abort.signal });
  const before = await nextUpdate(updates, ({ inSync }) => inSync);
  t.ok(before.resources.has("BGPPeer/goes"));
  const { revision } = await followed.list();
  setWires("cut");
  t.teardown(() => setWires("open"));
  await writer.delete({ kind: "BGPPeer", name: "goes" });
  for (let asNumber = 1; asNumber <= 50; asNumber++) {
    await writer.update(peer("kept", { asNumber }));
  }
  const { revision: present } = await writer.list();
  await cluster.ctl(["compact", present.split("@")[0] ?? ""]);
  setWires("open");
  const after = await nextUpdate(updates, (update) => asNumberIn(update, "BGPPeer/kept") === 50);
  const { resources } = await writer.list();
  t.strictSame(
    [...after.resources.keys()].sort(),
    resources.map((each) => formatKey(keyOf(each))).sort(),
  );
  const stale = new Watched(followed, revision);
  const late = stale.until(() => false);
  await t.rejects(late, RevisionGone);
  abort.abort();
  await updates.return(undefined);
});
