import t, { type Test } from "tap";
import {
  type Datastore,
  type ListOptions,
  RevisionGone,
} from "../../../src/datastore/datastore.ts";
import { parseAffinityName } from "../../../src/resources/ipam-names.ts";
import { keyOf, type Resource } from "../../../src/resources/resource.ts";
import { peer, V3, Watched } from "./datastore-support.ts";

function block(sequenceNumber: bigint): Resource {
  const spec = {
    cidr: "10.0.0.0/31",
    allocations: [0, null],
    unallocated: [1],
    attributes: [{ handle_id: "h" }],
    sequenceNumber,
    sequenceNumberForAllocation: { "0": sequenceNumber },
  };
  return { apiVersion: V3, kind: "IPAMBlock", metadata: { name: "10-0-0-0-31" }, spec };
}

function affinity(name: string): Resource {
  const spec = { state: "confirmed", ...parseAffinityName(name), deleted: false };
  return { apiVersion: V3, kind: "BlockAffinity", metadata: { name }, spec };
}

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

    t.test("a transaction does all or nothing, and says what did not compare", async (t) => {
      const datastore = await open(t);
      const first = await datastore.transact([
        { type: "create", resource: peer("a") },
        { type: "create", resource: block(2n ** 64n - 1n) },
        { type: "expect", key: { kind: "BGPPeer", name: "absent" }, resourceVersion: undefined },
      ]);
      if (first.type !== "written") throw new Error("not written");
      const [a, stored, nothing] = first.resources;
      t.equal(nothing, undefined);
      t.strictSame(await datastore.get({ kind: "BGPPeer", name: "a" }), a);
      const blockKey = { kind: "IPAMBlock", name: "10-0-0-0-31" };
      const read = await datastore.get(blockKey);
      t.strictSame(read, stored);
      t.equal(read?.spec["sequenceNumber"], 2n ** 64n - 1n);
      t.match(a?.metadata, {
        uid: /^[-0-9a-f]{36}$/,
        creationTimestamp: /^\d{4}-\d\d-\d\dT[\d:]+Z$/,
      });
      if (a === undefined || stored === undefined) throw new Error("nothing written");
      const old = a.metadata.resourceVersion ?? "";
      const changed = { ...a, spec: { ...a.spec, asNumber: 2 } };
      const refused = await datastore.transact([
        { type: "update", resource: changed },
        { type: "create", resource: block(1n) },
        { type: "delete", key: { kind: "BGPPeer", name: "b" }, resourceVersion: old },
        { type: "expect", key: { kind: "Node", name: "n" }, resourceVersion: old },
      ]);
      t.strictSame(refused, {
        type: "refused",
        refusals: [
          { index: 1, reason: "alreadyExists" },
          { index: 2, reason: "notFound" },
          { index: 3, reason: "notFound" },
        ],
      });
      t.strictSame(await datastore.get(keyOf(a)), a, "nothing of it was done");
      const second = await datastore.transact([
        { type: "update", resource: changed },
        { type: "delete", key: blockKey, resourceVersion: stored.metadata.resourceVersion ?? "" },
      ]);
      if (second.type !== "written") throw new Error("not written");
      t.strictSame(second.resources[1], stored, "as it was");
      t.equal(await datastore.get(blockKey), undefined);
      t.strictSame(
        await datastore
          .transact([
            { type: "expect", key: keyOf(a), resourceVersion: old },
            { type: "update", resource: changed },
          ])
          .catch((error: Error) => error.message),
        "a transaction names an object twice",
      );
      t.strictSame(
        await datastore.transact([
          { type: "expect", key: keyOf(a), resourceVersion: old },
          { type: "create", resource: peer("c") },
        ]),
        { type: "refused", refusals: [{ index: 0, reason: "conflict" }] },
      );
      t.strictSame(await datastore.transact([]), { type: "written", resources: [] });
    });

    t.test("of transactions on the same objects, one wins", async (t) => {
      const datastore = await open(t);
      await datastore.transact([
        { type: "create", resource: peer("x", { asNumber: 1 }) },
        { type: "create", resource: peer("y", { asNumber: 1 }) },
      ]);
      const move = async (): Promise<void> => {
        for (;;) {
          const { resources } = await datastore.list({ kinds: ["BGPPeer"] });
          const writes = resources.map((resource) => ({
            type: "update" as const,
            resource: {
              ...resource,
              spec: { ...resource.spec, asNumber: Number(resource.spec["asNumber"]) + 1 },
            },
          }));
          if ((await datastore.transact(writes)).type === "written") return;
        }
      };
      await Promise.all(Array.from({ length: 5 }, move));
      const { resources } = await datastore.list();
      t.strictSame(
        resources.map(({ spec }) => spec["asNumber"]),
        [6, 6],
      );
    });

    t.test("listings by kind, without kinds, and of one host's affinities", async (t) => {
      const datastore = await open(t);
      const names = [
        "host.10-0-0-0-31.n",
        "host.10-0-0-2-31.n-2",
        "virtual.10-0-0-4-31.n",
        "host.fd00---127.n",
      ];
      for (const name of names) await datastore.create(affinity(name));
      await datastore.create(block(7n));
      await datastore.create(peer("a"));
      const namesOf = async (options: ListOptions) =>
        (await datastore.list(options)).resources.map(({ metadata }) => metadata.name).sort();
      t.strictSame(await namesOf({ kinds: ["BlockAffinity"] }), names.toSorted());
      t.strictSame(await namesOf({ kinds: ["BlockAffinity"], affinitiesOf: "n" }), [
        "host.10-0-0-0-31.n",
        "host.fd00---127.n",
      ]);
      t.strictSame(await namesOf({ kinds: ["IPAMBlock", "BGPPeer"] }), ["10-0-0-0-31", "a"]);
      t.strictSame(await namesOf({ without: ["BlockAffinity"] }), ["10-0-0-0-31", "a"]);
      t.equal((await namesOf({})).length, 6);
      const { revision } = await datastore.list();
      await datastore.delete({ kind: "BlockAffinity", name: "host.fd00---127.n" });
      const watched = new Watched(datastore, revision);
      await watched.until(() => watched.log.length > 0);
      t.strictSame(watched.log, ["delete BlockAffinity/host.fd00---127.n"]);
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
