import t from "tap";
import { DatastoreError } from "../../../src/datastore/datastore.ts";
import { MemoryDatastore } from "../../../src/datastore/memory.ts";
import { syncDatastore } from "../../../src/datastore/syncer.ts";
import { testContract } from "./datastore-contract.ts";
import { asNumberIn, nextUpdate, openDirectory, peer } from "./datastore-support.ts";

testContract("memory", () => new MemoryDatastore());
testContract("directory", (t) => openDirectory(t));

t.test(
  "syncer: a bad object is kept out alone and its last good version stays; failure keeps all",
  async (t) => {
    const datastore = new MemoryDatastore([peer("a"), peer("bad", { asNumber: "x" })]);
    const abort = new AbortController();
    const retryMilliseconds = { initial: 1, max: 2 };
    const updates = syncDatastore(datastore, { signal: abort.signal, retryMilliseconds });
    const first = await nextUpdate(updates, () => true);
    t.strictSame([...first.resources.keys()], ["BGPPeer/a"]);
    t.strictSame(first.problems, [
      {
        where: "BGPPeer/bad",
        message: 'spec.asNumber: "x": must be an AS number, such as 65001 or "1.10"',
        lastGoodInForce: false,
      },
    ]);
    await datastore.update(peer("a", { asNumber: "x", novelty: 1 }));
    const kept = await nextUpdate(updates, () => true);
    t.equal(asNumberIn(kept, "BGPPeer/a"), 65001);
    t.equal(kept.problems.find(({ where }) => where === "BGPPeer/a")?.lastGoodInForce, true);
    t.strictSame([...kept.changed], []);
    await datastore.update(peer("a", { asNumber: 2, novelty: 1 }));
    const mended = await nextUpdate(updates, () => true);
    t.strictSame([...mended.changed], ["BGPPeer/a"]);
    t.match(mended.resources.get("BGPPeer/a")?.spec, { novelty: 1 }, "unknown fields are kept");
    await datastore.delete({ kind: "BGPPeer", name: "bad" });
    await datastore.delete({ kind: "BGPPeer", name: "a" });
    const deleted = await nextUpdate(updates, ({ resources }) => resources.size === 0);
    t.strictSame(deleted.problems, []);
    abort.abort();
    t.equal((await updates.next()).done, true);
  },
);

t.test("syncer: tries again, and says that it is out of sync", async (t) => {
  const datastore = new MemoryDatastore([peer("a")]);
  datastore.failWith("no route to host");
  await t.rejects(datastore.list(), DatastoreError);
  const abort = new AbortController();
  const retryMilliseconds = { initial: 1, max: 2 };
  const updates = syncDatastore(datastore, { signal: abort.signal, retryMilliseconds });
  const failed = await nextUpdate(updates, () => true);
  t.match(failed, {
    inSync: false,
    problems: [{ where: "datastore", message: "no route to host" }],
  });
  datastore.failWith(undefined);
  const back = await nextUpdate(updates, ({ inSync }) => inSync);
  t.strictSame([...back.resources.keys()], ["BGPPeer/a"]);
  t.strictSame(back.problems, []);
  abort.abort();
});

t.test("syncer: an object that cannot even be checked is kept out alone", async (t) => {
  const strange = { ...peer("strange"), apiVersion: (2n ** 64n) as unknown as string };
  const datastore = new MemoryDatastore([strange, peer("a")]);
  const abort = new AbortController();
  const updates = syncDatastore(datastore, { signal: abort.signal });
  const first = await nextUpdate(updates, () => true);
  t.equal(first.inSync, true);
  t.strictSame([...first.resources.keys()], ["BGPPeer/a"]);
  t.match(first.problems, [{ where: "BGPPeer/strange", message: /^cannot be checked/ }]);
  abort.abort();
  await updates.return(undefined);
});
