import t from "tap";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import type { AssignRequest } from "../../../src/ipam/assign-request.ts";
import { settingsOf } from "../../../src/ipam/settings.ts";
import { ensureTunnelAddress } from "../../../src/ipam/tunnel-address.ts";
import { addressesOf, cluster, configuration, object, outcome, pool } from "./ipam-support.ts";

const V4 = pool("192.168.0.0/16");
const V6 = pool("fd80:24e2:f998:72d6::/64", {}, "pool6");
const SMALL = pool("10.0.0.0/28", { blockSize: 30 });

function want(
  handle: string,
  host = "a",
  more: Partial<AssignRequest> = { ipv4Count: 1 },
): AssignRequest {
  return { host, handle, intendedUse: "Workload", ...more };
}

t.test("a block is claimed with its first address, as Calico would have left it", async (t) => {
  const { ipam, datastore } = cluster(V4);
  const [address = ""] = addressesOf(await ipam.assign(want("net.c1")));
  const { resources } = await datastore.list({
    kinds: ["IPAMBlock", "BlockAffinity", "IPAMHandle"],
  });
  const block = resources.find(({ kind }) => kind === "IPAMBlock");
  const cidr = String(block?.spec["cidr"]);
  t.equal(`${address}/26`, cidr);
  t.match(block?.spec, {
    affinity: "host:a",
    affinityClaimTime: "2026-01-01T00:00:00Z",
    attributes: [{ handle_id: "net.c1", secondary: { node: "a" } }],
    deleted: false,
    sequenceNumber: 1767225600000000001n,
    sequenceNumberForAllocation: { "0": 1767225600000000000n },
  });
  const { allocations, unallocated } = (block?.spec ?? {}) as Record<string, unknown[]>;
  t.strictSame(allocations?.slice(0, 3), [0, null, null]);
  t.strictSame(unallocated?.slice(0, 2), [1, 2]);
  t.match(
    resources.find(({ kind }) => kind === "BlockAffinity"),
    {
      metadata: { name: `host.${cidr.replaceAll(/[./]/g, "-")}.a` },
      spec: { state: "confirmed", node: "a", type: "host", cidr, deleted: false },
    },
  );
  t.match(
    resources.find(({ kind }) => kind === "IPAMHandle"),
    { metadata: { name: "net.c1" }, spec: { block: { [cidr]: 1 }, deleted: false } },
  );
});

t.test("the front door of 2015 gives the first container 192.168.0.1", async (t) => {
  const { ipam } = cluster(V4, V6);
  const lowest = { ipv4Count: 1, ipv6Count: 1, lowestFreeBlock: true };
  t.equal(
    outcome(await ipam.assign(want("one", "a", lowest))),
    "192.168.0.1 fd80:24e2:f998:72d6::1",
  );
  t.equal(
    outcome(await ipam.assign(want("two", "a", lowest))),
    "192.168.0.2 fd80:24e2:f998:72d6::2",
  );
  t.equal(
    outcome(await ipam.assign(want("other", "b", lowest))),
    "192.168.0.64 fd80:24e2:f998:72d6::40",
  );
  const rest = { ipv4Count: 61, lowestFreeBlock: true };
  t.equal(addressesOf(await ipam.assign(want("rest", "a", rest))).at(-1), "192.168.0.63");
  t.notMatch(
    addressesOf(await ipam.assign(want("next", "a", lowest))),
    ["192.168.0.0"],
    "the network address is never handed out",
  );
});

t.test("addresses return to the tail of the queue", async (t) => {
  const { ipam } = cluster(pool("10.0.0.0/30", { blockSize: 30 }));
  t.equal(outcome(await ipam.assign(want("x", "a", { ipv4Count: 2 }))), "10.0.0.0 10.0.0.1");
  t.strictSame((await ipam.release({ handle: "x" })).released, ["10.0.0.0", "10.0.0.1"]);
  t.equal(
    outcome(await ipam.assign(want("y", "a", { ipv4Count: 4 }))),
    "10.0.0.2 10.0.0.3 10.0.0.0 10.0.0.1",
  );
});

t.test(
  "own blocks, free blocks, empty blocks of others after a minute, then borrowing",
  async (t) => {
    const { ipam, clock, datastore } = cluster(SMALL);
    addressesOf(await ipam.assign(want("a1", "a", { ipv4Count: 4 })));
    addressesOf(await ipam.assign(want("b1", "b", { ipv4Count: 7 })));
    addressesOf(await ipam.assign(want("c1", "c", { ipv4Count: 1 })));
    await ipam.release({ handle: "c1" });
    const borrowed = await ipam.assign(want("a2", "a"));
    t.match(borrowed, { type: "assigned", assignments: [{ borrowed: true }] }, "c's is too young");
    await ipam.release({ handle: "a2" });
    clock.now += 61_000;
    const own = await ipam.assign(want("a3", "a"));
    t.match(own, { type: "assigned", assignments: [{ borrowed: false }] }, "c's was taken over");
    const { resources } = await datastore.list({ kinds: ["BlockAffinity"] });
    t.strictSame(resources.map(({ spec }) => spec["node"]).toSorted(), ["a", "a", "b", "b"]);
    t.equal(addressesOf(await ipam.assign(want("a4", "a", { ipv4Count: 4 }))).length, 4);
    t.equal(outcome(await ipam.assign(want("a5", "a"))), "exhausted");
  },
);

t.test("strict affinity and limits", async (t) => {
  const strict = cluster(SMALL, configuration({ strictAffinity: true, maxBlocksPerHost: 1 }));
  t.equal(addressesOf(await strict.ipam.assign(want("1", "a", { ipv4Count: 4 }))).length, 4);
  t.equal(outcome(await strict.ipam.assign(want("2"))), "blockLimit");
  t.equal(outcome(await strict.ipam.assign(want("3", "b"))).includes("10.0.0."), true);
  t.equal(
    (await strict.datastore.list({ kinds: ["IPAMHandle"] })).resources.length,
    2,
    "a refusal leaves nothing behind",
  );
  const manual = cluster(SMALL, configuration({ autoAllocateBlocks: false, strictAffinity: true }));
  t.equal(outcome(await manual.ipam.assign(want("1"))), "blockLimit");
  const many = cluster(pool("10.0.0.0/24", { blockSize: 32 }));
  t.equal(addressesOf(await many.ipam.assign(want("1", "a", { ipv4Count: 20 }))).length, 20);
  t.equal(outcome(await many.ipam.assign(want("2"))), "blockLimit", "20 blocks, built in");
});

t.test("all that is asked for, or nothing", async (t) => {
  const { ipam, datastore } = cluster(SMALL);
  t.equal(outcome(await ipam.assign(want("17", "a", { ipv4Count: 17 }))), "exhausted");
  t.equal(outcome(await ipam.assign(want("v6", "a", { ipv4Count: 1, ipv6Count: 1 }))), "noPool");
  t.equal((await datastore.list()).resources.length, 1);
  t.equal(addressesOf(await ipam.assign(want("16", "a", { ipv4Count: 16 }))).length, 16);
});

t.test("reservations are passed over, and cost a host no block that it cannot use", async (t) => {
  const reserve = (...reservedCIDRs: string[]) => object("IPReservation", "r", { reservedCIDRs });
  const { ipam, datastore } = cluster(SMALL, reserve("10.0.0.0/29", "10.0.0.9/32"));
  const taken = addressesOf(await ipam.assign(want("x", "a", { ipv4Count: 7 })));
  t.strictSame(
    taken.toSorted(),
    [10, 11, 12, 13, 14, 15, 8].map((each) => `10.0.0.${each}`),
  );
  t.equal((await datastore.list({ kinds: ["IPAMBlock"] })).resources.length, 2);
  t.equal(outcome(await ipam.assign(want("y"))), "exhausted");
  const addresses = [IpAddress("10.0.0.9")];
  t.equal(
    outcome(await ipam.assignAddresses({ host: "a", handle: "z", addresses })),
    "10.0.0.9",
    "whoever asks for it by its value gets it",
  );
});

t.test("pools are chosen by use, selectors and name", async (t) => {
  const { ipam } = cluster(
    pool("10.1.0.0/24", { nodeSelector: "zone == 'one'" }, "one"),
    pool("10.2.0.0/24", { namespaceSelector: "team == 'blue'" }, "blue"),
    pool("10.3.0.0/24", { allowedUses: ["Tunnel"] }, "tunnels"),
    pool("10.4.0.0/24", { assignmentMode: "Manual" }, "manual"),
    pool("10.5.0.0/24", { disabled: true }, "off"),
    object("Node", "a", {}, { zone: "one" }),
    object("Node", "b", {}, { zone: "two" }),
  );
  const nth = async (handle: string, host: string, more: Partial<AssignRequest> = {}) =>
    outcome(await ipam.assign(want(handle, host, { ipv4Count: 1, ...more }))).slice(0, 5);
  t.equal(await nth("1", "a"), "10.1.");
  t.equal(await nth("2", "b"), "noPoo");
  t.equal(await nth("3", "b", { namespaceLabels: { team: "blue" } }), "10.2.");
  t.equal(await nth("4", "b", { intendedUse: "Tunnel" }), "10.3.");
  t.equal(await nth("5", "b", { pools: ["manual"] }), "10.4.");
  t.equal(await nth("6", "b", { pools: ["10.1.0.0/24"] }), "10.1.", "no selector is looked at");
  t.equal(await nth("7", "b", { pools: ["off"] }), "unkno");
  t.equal(await nth("8", "b", { pools: ["tunnels"] }), "unkno");
  t.equal(await nth("9", "b", { pools: ["nil"] }), "unkno");
});

t.test("an empty block in a pool that is no longer for the host is given up", async (t) => {
  const { ipam, datastore } = cluster(
    pool("10.1.0.0/24", { nodeSelector: "zone == 'one'" }, "one"),
    pool("10.2.0.0/24", { nodeSelector: "zone == 'two'" }, "two"),
    object("Node", "a", {}, { zone: "one" }),
  );
  addressesOf(await ipam.assign(want("x")));
  await ipam.release({ handle: "x" });
  await datastore.update(object("Node", "a", {}, { zone: "two" }));
  t.match(outcome(await ipam.assign(want("y"))), /^10\.2\./);
  const { resources } = await datastore.list({ kinds: ["BlockAffinity", "IPAMBlock"] });
  t.ok(resources.every(({ spec }) => String(spec["cidr"]).startsWith("10.2.")));
  t.equal(resources.length, 2);
});

t.test("explicit addresses", async (t) => {
  const { ipam } = cluster(V4, pool("10.0.0.0/8", { allowedUses: ["Tunnel"] }, "tunnels"));
  const ask = (handle: string, addresses: readonly string[], more = {}) =>
    ipam.assignAddresses({ host: "a", handle, addresses: addresses.map(IpAddress), ...more });
  t.equal(outcome(await ask("1", ["192.168.7.9"])), "192.168.7.9");
  const again = await ask("2", ["192.168.7.10", "192.168.7.9"]);
  t.match(again, { reason: "taken", message: "192.168.7.9 belongs to 1 on a" });
  t.equal(await ipam.ownerOf(IpAddress("192.168.7.10")), undefined, "nothing of it was assigned");
  t.equal(outcome(await ask("1", ["192.168.7.9"])), "taken", "even by the same handle");
  t.equal(
    outcome(await ask("1", ["192.168.7.9", "192.168.7.8"], { reuse: true })),
    "192.168.7.9 192.168.7.8",
  );
  t.equal(outcome(await ask("3", ["172.16.0.1"])), "outsidePools");
  t.equal(outcome(await ask("3", ["10.9.9.9"], { intendedUse: "Workload" })), "unknownPool");
  t.equal(outcome(await ask("3", ["10.9.9.9"])), "10.9.9.9");
  t.equal(outcome(await ask("4", ["192.168.7.1", "192.168.7.1"])), "invalid");
  t.equal(outcome(await ask("a/b", ["192.168.7.1"])), "invalid", "a key of something else");
  t.match(await ipam.ownerOf(IpAddress("192.168.7.8")), { handle: "1", pool: "pool" });
});

t.test("strict affinity keeps explicit addresses at home", async (t) => {
  const { ipam } = cluster(V4, configuration({ strictAffinity: true }));
  const ask = (host: string, address: string) =>
    ipam.assignAddresses({ host, handle: `${host}-${address}`, addresses: [IpAddress(address)] });
  t.equal(outcome(await ask("a", "192.168.7.9")), "192.168.7.9");
  t.equal(outcome(await ask("b", "192.168.7.10")), "foreignBlock");
});

t.test("the same call with reuse gives the same addresses, also at once", async (t) => {
  const { open } = cluster(V4);
  const ask = () => open().assign(want("h", "a", { ipv4Count: 2, reuse: true }));
  const first = outcome(await ask());
  t.strictSame((await Promise.all([ask(), ask(), ask()])).map(outcome), [first, first, first]);
  const fresh = () => open().assign(want("new", "a", { ipv4Count: 1, reuse: true }));
  const [one, ...others] = (await Promise.all([fresh(), fresh(), fresh()])).map(outcome);
  t.strictSame(others, [one, one]);
});

t.test("a release names what it means to release", async (t) => {
  const { ipam, datastore } = cluster(V4);
  const result = await ipam.assign(want("h"));
  if (result.type === "refused") throw new Error(result.message);
  const [{ address, sequenceNumber } = { address: IpAddress("::"), sequenceNumber: 0n }] =
    result.assignments;
  const stale = { address, sequenceNumber: (sequenceNumber ?? 0n) + 1n };
  t.strictSame((await ipam.release({ addresses: [stale] })).kept, [address]);
  t.strictSame((await ipam.release({ addresses: [{ address, handle: "x" }] })).kept, [address]);
  const right = { address, handle: "h", ...(sequenceNumber !== undefined && { sequenceNumber }) };
  t.strictSame((await ipam.release({ addresses: [right] })).released, [address]);
  t.strictSame((await ipam.release({ addresses: [right] })).notAssigned, [address]);
  t.strictSame((await ipam.release({ handle: "h" })).released, []);
  t.strictSame((await datastore.list({ kinds: ["IPAMHandle"] })).resources, []);
});

t.test("more addresses, each with its handle, than one transaction holds", async (t) => {
  const { ipam, datastore } = cluster(V4);
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, index) => ipam.assign(want(`h${index}`))),
  );
  const addresses = results.flatMap(addressesOf).map(IpAddress);
  t.equal(new Set(addresses).size, 200);
  const released = await ipam.release({ addresses: addresses.map((address) => ({ address })) });
  t.equal(released.released.length, 200);
  t.strictSame((await datastore.list({ kinds: ["IPAMHandle"] })).resources, []);
});

t.test("a host that goes leaves an orphan for as long as somebody needs it", async (t) => {
  const { ipam, datastore } = cluster(SMALL);
  const [kept = "", ...others] = addressesOf(await ipam.assign(want("k", "a", { ipv4Count: 5 })));
  await ipam.release({ addresses: others.map((each) => ({ address: IpAddress(each) })) });
  await ipam.releaseHost("a");
  const blocks = async () => (await datastore.list({ kinds: ["IPAMBlock"] })).resources;
  t.match(await blocks(), [{ spec: { affinity: null } }]);
  t.strictSame((await datastore.list({ kinds: ["BlockAffinity"] })).resources, []);
  t.match(await ipam.ownerOf(IpAddress(kept)), { handle: "k", borrowed: true });
  await ipam.release({ handle: "k" });
  t.strictSame(await blocks(), []);
});

t.test("a released address cools down", async (t) => {
  const { ipam, clock, datastore } = cluster(
    pool("10.0.0.0/30", { blockSize: 30 }),
    configuration({ ipCooldownSeconds: 60 }),
  );
  addressesOf(await ipam.assign(want("x", "a", { ipv4Count: 4 })));
  await ipam.release({ addresses: [{ address: IpAddress("10.0.0.2") }] });
  t.equal(await ipam.ownerOf(IpAddress("10.0.0.2")), undefined);
  t.match((await datastore.list({ kinds: ["IPAMBlock"] })).resources, [
    { spec: { attributes: [{ handle_id: "x" }, { releasedAt: "2026-01-01T00:00:00Z" }] } },
  ]);
  clock.now += 59_000;
  t.equal(outcome(await ipam.assign(want("y"))), "exhausted");
  clock.now += 1_000;
  t.equal(outcome(await ipam.assign(want("y"))), "10.0.0.2");
});

t.test("what Calico leaves when it dies half way is mended by the next address", async (t) => {
  const affinity = (node: string, cidr: string, state: string) =>
    object("BlockAffinity", `host.${cidr.replaceAll(/[./]/g, "-")}.${node}`, {
      state,
      node,
      type: "host",
      cidr,
      deleted: false,
    });
  const states = async (datastore: ReturnType<typeof cluster>["datastore"]) =>
    (await datastore.list({ kinds: ["BlockAffinity"] })).resources
      .map(({ spec }) => `${spec["node"]} ${spec["cidr"]} ${spec["state"]}`)
      .toSorted();
  for (const state of ["pending", "pendingDeletion", "confirmed"]) {
    const { ipam, datastore, open } = cluster(SMALL, affinity("a", "10.0.0.4/30", state));
    t.equal(outcome(await ipam.assign(want("x"))), "10.0.0.4", `${state} without a block`);
    t.strictSame(await states(datastore), ["a 10.0.0.4/30 confirmed"]);
    await datastore.update(affinity("a", "10.0.0.4/30", state));
    t.equal(outcome(await open().assign(want("y"))), "10.0.0.5", `${state} with its block`);
    t.strictSame(await states(datastore), ["a 10.0.0.4/30 confirmed"]);
  }
  const other = cluster(SMALL);
  const [taken = ""] = addressesOf(await other.ipam.assign(want("x", "b")));
  const cidr = `${taken}/30`;
  await other.datastore.create(affinity("a", cidr, "pending"));
  t.notMatch(outcome(await other.ipam.assign(want("y", "a"))), taken);
  t.notOk(
    (await states(other.datastore)).some((each) => each.startsWith(`a ${cidr}`)),
    "stale",
  );
});

t.test("a block that cannot be read is left alone", async (t) => {
  const wrong = {
    cidr: "10.0.0.0/30",
    affinity: "host:a",
    allocations: [9],
    unallocated: [],
    attributes: [],
  };
  const { ipam, datastore } = cluster(
    pool("10.0.0.0/29", { blockSize: 30 }),
    object("IPAMBlock", "10-0-0-0-30", wrong),
  );
  t.equal(addressesOf(await ipam.assign(want("x", "a", { ipv4Count: 4 }))).length, 4);
  t.equal(outcome(await ipam.assign(want("y"))), "exhausted");
  t.match((await datastore.get({ kind: "IPAMBlock", name: "10-0-0-0-30" }))?.spec, wrong);
  const addresses = [IpAddress("10.0.0.1")];
  t.equal(outcome(await ipam.assignAddresses({ host: "a", handle: "z", addresses })), "invalid");
});

t.test("fields of a newer Calico stay where they are", async (t) => {
  const { ipam, datastore } = cluster(SMALL);
  const cidr = Prefix(`${addressesOf(await ipam.assign(want("x")))[0]}/30`);
  const key = { kind: "IPAMBlock", name: cidr.replaceAll(/[./]/g, "-") };
  const stored = await datastore.get(key);
  if (stored === undefined) throw new Error("no block");
  const [attribute] = stored.spec["attributes"] as readonly object[];
  const attributes = [{ ...attribute, alternateOwnerAttrs: { pod: "old" } }];
  await datastore.update({ ...stored, spec: { ...stored.spec, attributes, novelty: 7 } });
  addressesOf(await ipam.assign(want("y")));
  t.match((await datastore.get(key))?.spec, { attributes, novelty: 7 });
});

t.test("a tunnel keeps its address while its pool is there", async (t) => {
  const tunnels = pool("10.7.0.0/24", { ipipMode: "Always" }, "tunnels");
  const { ipam } = cluster(V4, tunnels);
  const ensure = (...pools: ReturnType<typeof pool>[]) =>
    ensureTunnelAddress(ipam, { type: "ipip", host: "a", pools: settingsOf(pools).pools });
  const first = outcome(await ensure(tunnels));
  t.match(first, /^10\.7\.0\./);
  t.equal(outcome(await ensure(tunnels)), first);
  t.match(await ipam.byHandle("ipip-tunnel-addr-a"), [
    { attributes: { node: "a", type: "ipipTunnelAddress" } },
  ]);
  t.match(outcome(await ensure(V4)), /^192\.168\./, "another pool, another address");
  t.equal(outcome(await ensure()), "");
  t.strictSame(await ipam.byHandle("ipip-tunnel-addr-a"), []);
});

t.test("an error of the datastore reaches whoever asked, and the next call works", async (t) => {
  const { ipam, datastore } = cluster(V4);
  datastore.failWith("no etcd");
  await t.rejects(ipam.assign(want("x")), { name: "DatastoreError", message: "no etcd" });
  datastore.failWith(undefined);
  t.equal(addressesOf(await ipam.assign(want("x"))).length, 1);
});
