import t, { type Test } from "tap";
import { type Datastore, RevisionGone } from "../../../src/datastore/datastore.ts";
import { keyOf, type Resource } from "../../../src/resources/resource.ts";
import { peer, Watched } from "./datastore-support.ts";

function asOf({ resource }: { readonly resource: Resource }): unknown {
  return resource.spec["asNumber"];
}

/** What every datastore does; `open` gives one that holds nothing. */
export function testContract(
  name: string,
  open: (t: Test) => Datastore | Promise<Datastore>,
): void {
  t.test(`${name}: the contract of every datastore`, async (t) => {
    t.test("create is for what is not there; get, list and delete see it", async (t) => {
      const datastore = await open(t);
      t.strictSame((await datastore.list()).resources, []);
      const created = await datastore.create(peer("a"));
      t.equal(created.type, "written");
      t.equal((await datastore.create(peer("a", { asNumber: 2 }))).type, "alreadyExists");
      const found = await datastore.get({ kind: "BGPPeer", name: "a" });
      t.match(found, peer("a"));
      t.match(found?.metadata.resourceVersion, /^\d+$/);
      if (created.type === "written") t.strictSame(created.resource, found);
      t.equal(await datastore.get({ kind: "Node", name: "a" }), undefined);
      t.strictSame((await datastore.list()).resources, [found]);
      t.strictSame((await datastore.list({ kinds: ["Node"] })).resources, []);
      t.equal((await datastore.delete({ kind: "BGPPeer", name: "a" })).type, "deleted");
      t.equal((await datastore.delete({ kind: "BGPPeer", name: "a" })).type, "notFound");
      t.strictSame((await datastore.list()).resources, []);
    });

    t.test("update and delete compare the version that was read", async (t) => {
      const datastore = await open(t);
      t.equal((await datastore.update(peer("a"))).type, "notFound");
      const first = await datastore.create(peer("a"));
      if (first.type !== "written") throw new Error("not written");
      const changed = { ...first.resource, spec: { ...first.resource.spec, asNumber: 2 } };
      const second = await datastore.update(changed);
      t.equal(second.type === "written" && asOf(second), 2);
      t.equal((await datastore.update(changed)).type, "conflict");
      const { resourceVersion } = first.resource.metadata;
      const stale = resourceVersion === undefined ? {} : { resourceVersion };
      t.equal((await datastore.delete(keyOf(first.resource), stale)).type, "conflict");
      t.equal(
        (await datastore.update(peer("a", { asNumber: 3 }))).type,
        "written",
        "unconditional",
      );
      const now = await datastore.get(keyOf(first.resource));
      const fresh = now?.metadata.resourceVersion;
      t.equal(
        (await datastore.delete(keyOf(first.resource), fresh ? { resourceVersion: fresh } : {}))
          .type,
        "deleted",
      );
    });

    t.test("a watch tells every change after the listing, once and in order", async (t) => {
      const datastore = await open(t);
      await datastore.create(peer("before"));
      const { revision } = await datastore.list();
      await datastore.create(peer("a", { asNumber: 1 }));
      const watched = new Watched(datastore, revision);
      await watched.until(() => watched.log.includes("put BGPPeer/a 1"));
      const late = await datastore.list();
      await datastore.update(peer("a", { asNumber: 2 }));
      await datastore.create(peer("b", { asNumber: 1 }));
      await datastore.delete({ kind: "BGPPeer", name: "a" });
      await datastore.delete({ kind: "BGPPeer", name: "before" });
      const rest = [
        "put BGPPeer/a 2",
        "put BGPPeer/b 1",
        "delete BGPPeer/a",
        "delete BGPPeer/before",
      ];
      await watched.until(() => watched.log.includes("delete BGPPeer/before"));
      t.strictSame(watched.log, ["put BGPPeer/a 1", ...rest]);
      const again = new Watched(datastore, late.revision);
      await again.until(() => again.log.includes("delete BGPPeer/before"));
      t.strictSame(again.log, rest);
      for (const each of [watched, again]) each.stop();
    });

    t.test("a revision that is not known is gone", async (t) => {
      const datastore = await open(t);
      await datastore.list();
      const watched = new Watched(datastore, "elsewhere-7");
      await t.rejects(
        watched.until(() => false),
        RevisionGone,
      );
      watched.stop();
    });

    t.test("of writers that read the same version, one wins", async (t) => {
      const datastore = await open(t);
      await datastore.create(peer("a", { asNumber: 1 }));
      let [written, conflicts] = [0, 0];
      const increment = async (): Promise<void> => {
        for (;;) {
          const read = await datastore.get({ kind: "BGPPeer", name: "a" });
          if (read === undefined) throw new Error("gone");
          const asNumber = Number(read.spec["asNumber"]) + 1;
          const result = await datastore.update({ ...read, spec: { ...read.spec, asNumber } });
          if (result.type === "written") return void written++;
          conflicts++;
        }
      };
      await Promise.all(Array.from({ length: 8 }, increment));
      const last = await datastore.get({ kind: "BGPPeer", name: "a" });
      t.equal(last?.spec["asNumber"], 9);
      t.equal(written, 8);
      t.ok(conflicts > 0, `${conflicts} conflicts`);
    });
  });
}
