import fc from "fast-check";
import t from "tap";
import {
  LossGuard,
  type LossGuardOptions,
  type Population,
} from "../../../src/datastore/loss-guard.ts";
import { MemoryDatastore } from "../../../src/datastore/memory.ts";
import { type SyncUpdate, syncDatastore } from "../../../src/datastore/syncer.ts";
import { keyOf, type Resource } from "../../../src/resources/resource.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import { nextUpdate, V3 } from "./datastore-support.ts";

function make(kind: string, name: string): Resource {
  const namespace = kind === "WorkloadEndpoint" ? { namespace: "ns" } : {};
  const specs: Readonly<Record<string, object>> = {
    WorkloadEndpoint: { node: "n" },
    BGPPeer: { peerIP: "10.0.0.1", asNumber: 1 },
  };
  return { apiVersion: V3, kind, metadata: { name, ...namespace }, spec: { ...specs[kind] } };
}

function many(kind: string, count: number): Resource[] {
  return Array.from({ length: count }, (_, at) => make(kind, `${kind.toLowerCase()}-${at}`));
}

/** A guard that has seen these, and a clock. */
function guardOf(resources: readonly Resource[], options: LossGuardOptions = {}) {
  const clock = { now: 0 };
  const guard = new LossGuard({ now: () => clock.now, ...options });
  for (const resource of resources) guard.added(resource);
  guard.listed();
  const remove = (gone: readonly Resource[]) =>
    guard.vanished(new Map(gone.map((resource) => [resource.metadata.name, resource])));
  return { guard, clock, remove };
}

t.test("what counts as a loss, and what does not", async (t) => {
  const rows: readonly (readonly [string, readonly Resource[], number, "gone" | "held"])[] = [
    ["one of one", many("IPPool", 1), 1, "gone"],
    ["two of two objects", many("BGPPeer", 2), 2, "gone"],
    ["all three", many("BGPPeer", 3), 3, "held"],
    ["all but one of eight", many("BGPPeer", 8), 7, "gone"],
    ["eight of fifteen", many("BGPPeer", 15), 8, "held"],
    ["eight of sixteen", many("BGPPeer", 16), 8, "gone"],
    ["both nodes", [...many("Node", 2), ...many("BGPPeer", 10)], 2, "held"],
    ["half of the nodes", [...many("Node", 6), ...many("BGPPeer", 20)], 3, "gone"],
    ["most of the nodes", [...many("Node", 5), ...many("BGPPeer", 20)], 3, "held"],
    ["the workloads of a small cluster", many("WorkloadEndpoint", 49), 49, "gone"],
    ["most workloads of a cluster", many("WorkloadEndpoint", 99), 50, "held"],
    ["half of the workloads", many("WorkloadEndpoint", 100), 50, "gone"],
    ["most blocks of a cluster", many("IPAMBlock", 60), 50, "held"],
    ["what daemons tell of themselves", many("CalicoNodeStatus", 100), 100, "gone"],
    [
      "eight of fifteen beside that",
      [...many("BGPPeer", 15), ...many("CalicoNodeStatus", 100)],
      8,
      "held",
    ],
  ];
  for (const [what, all, count, type] of rows) {
    const together = guardOf(all);
    t.equal(together.remove(all.slice(0, count)).type, type, `${what}, at once`);
    t.equal(together.guard.loss === undefined, type === "gone");
    const alone = guardOf(all);
    const verdicts = all.slice(0, count).map((each) => {
      alone.clock.now += 29_000 / count;
      return alone.remove([each]).type;
    });
    t.equal(verdicts.at(-1), type, `${what}, one after another`);
    t.equal(verdicts.slice(0, -1).includes("held"), false);
    const slowly = guardOf(all);
    for (const each of all.slice(0, count)) {
      slowly.clock.now += 31_000;
      t.equal(slowly.remove([each]).type, "gone", `${what}, slowly`);
    }
  }
});

t.test("what daemons tell of themselves is held with the rest, and not counted", async (t) => {
  const all = [...many("BGPPeer", 4), ...many("CalicoNodeStatus", 3)];
  const { guard, remove } = guardOf(all);
  t.equal(remove(all).type, "held");
  t.match(guard.loss, { lost: 4, of: 4 });
  guard.seen("caliconodestatus-0");
  t.match(guard.loss, { lost: 4 });
  guard.seen("bgppeer-0");
  t.match(guard.loss, { lost: 3 });
  t.equal(guard.confirm().size, 5, "what is confirmed goes, all of it");
  const started = guardOf(many("CalicoNodeStatus", 6), {
    remembered: { nodes: 2, configuration: 4, endpoints: 2, ipam: 0 },
  });
  t.match(started.guard.loss, { lost: 6, of: 6, atStart: true }, "nor does it make up for a loss");
});

t.test("what went just before a loss comes back; what returns is no longer lost", async (t) => {
  const peers = many("BGPPeer", 15);
  const { guard, remove } = guardOf(peers);
  const [first, second] = [peers.slice(0, 5), peers.slice(5, 8)];
  t.equal(remove(first).type, "gone");
  t.strictSame(guard.population, { nodes: 0, configuration: 10, endpoints: 0, ipam: 0 });
  t.strictSame(remove(second), { type: "held", restored: first });
  t.match(guard.loss, { lost: 8, of: 15, atStart: false });
  t.equal(guard.population.configuration, 15);
  t.strictSame(
    remove(peers.slice(8, 9)),
    { type: "held", restored: [] },
    "and everything after it",
  );
  for (const { metadata } of peers.slice(0, 8)) guard.seen(metadata.name);
  t.equal(guard.loss?.lost, 1, "still lost, however many are back");
  guard.seen(peers[8]?.metadata.name ?? "");
  t.equal(guard.loss, undefined);
  t.equal(remove(peers.slice(0, 1)).type, "gone", "a new count begins");
});

t.test("a person confirms, or a timer that somebody has set", async (t) => {
  const peers = many("BGPPeer", 3);
  const { guard, remove } = guardOf(peers);
  guard.requestConfirmation();
  t.notOk(guard.isConfirmationRequested, "there is nothing to confirm");
  remove(peers);
  let asked = 0;
  guard.onConfirm = () => asked++;
  guard.requestConfirmation();
  t.strictSame([asked, guard.isConfirmationRequested], [1, true]);
  t.equal(guard.confirm().size, 3);
  t.strictSame([guard.loss, guard.isConfirmationRequested], [undefined, false]);
  t.equal(guard.population.configuration, 0);
  const timed = guardOf(peers, { confirmAfterSeconds: 0.001 });
  timed.remove(peers);
  const { promise, resolve } = Promise.withResolvers<void>();
  timed.guard.onConfirm = resolve;
  // The guard's own timer does not keep the process.
  const deadline = setTimeout(resolve, 5000);
  await promise;
  clearTimeout(deadline);
  t.ok(timed.guard.isConfirmationRequested);
  timed.guard.close();
});

t.test("at the start, the first listing is compared with what is remembered", async (t) => {
  const remembered: Population = { nodes: 5, configuration: 20, endpoints: 100, ipam: 5 };
  t.equal(guardOf(many("BGPPeer", 20), {}).guard.loss, undefined, "nothing is remembered");
  const whole = [...many("Node", 5), ...many("BGPPeer", 15), ...many("WorkloadEndpoint", 100)];
  t.equal(guardOf(whole, { remembered }).guard.loss, undefined);
  const { guard, remove } = guardOf(many("Node", 2), { remembered });
  t.match(guard.loss, { atStart: true, of: 125, lost: 18 + 100 + 5 });
  t.equal(remove(many("Node", 2)).type, "gone", "none of it is in force");
  t.equal(guard.loss?.atStart, true);
  for (const resource of [...whole, ...many("IPAMBlock", 4)]) guard.added(resource);
  t.equal(guard.loss?.atStart, true, "one is missing");
  guard.added(make("IPAMBlock", "last"));
  t.equal(guard.loss, undefined, "it is back");
  const confirmed = guardOf([], { remembered }).guard;
  t.equal(confirmed.confirm().size, 0);
  t.equal(confirmed.loss, undefined);
});

t.test("counts are right after any history", async (t) => {
  let losses = 0;
  const event = fc.record({
    type: fc.constantFrom("put", "delete", "deleteAll", "confirm", "wait"),
    at: fc.nat(11),
  });
  fc.assert(
    fc.property(fc.array(event, { minLength: 10, maxLength: 60, size: "max" }), (events) => {
      const all = [...many("BGPPeer", 8), ...many("Node", 4)];
      const { guard, clock, remove } = guardOf([]);
      const [inForce, stored] = [new Set<string>(), new Set<string>()];
      for (const { type, at } of events) {
        const resource = all[at] ?? make("Node", "x");
        const name = resource.metadata.name;
        if (type === "wait") clock.now += 40_000;
        if (type === "confirm") for (const key of guard.confirm().keys()) inForce.delete(key);
        if (type === "put") {
          guard.seen(name);
          if (!inForce.has(name)) guard.added(resource);
          inForce.add(name);
          stored.add(name);
        }
        if (type === "delete" || type === "deleteAll") {
          const gone = type === "delete" ? [resource] : all;
          const known = gone.filter((each) => inForce.has(each.metadata.name));
          for (const each of gone) stored.delete(each.metadata.name);
          if (known.length === 0) continue;
          const verdict = remove(known);
          if (verdict.type === "gone") for (const each of known) inForce.delete(each.metadata.name);
          else {
            losses++;
            for (const each of verdict.restored) inForce.add(each.metadata.name);
          }
        }
        const { nodes, configuration } = guard.population;
        if (configuration !== inForce.size) return false;
        if (nodes !== [...inForce].filter((each) => each.startsWith("node")).length) return false;
        // In force and not stored is exactly what is held.
        const held = [...inForce].filter((each) => !stored.has(each)).length;
        if ((guard.loss?.lost ?? 0) !== held) return false;
      }
      return true;
    }),
    { numRuns: 300 },
  );
  t.ok(losses > 100, `${losses} losses`);
});

t.test(
  "syncer: a store that is emptied leaves everything in force until that is confirmed",
  async (t) => {
    const peers = many("BGPPeer", 4);
    const datastore = new MemoryDatastore(peers);
    const guard = new LossGuard<AnyResource>();
    const abort = new AbortController();
    const updates = syncDatastore(datastore, { signal: abort.signal, guard });
    const next = (is: (update: SyncUpdate) => boolean) => nextUpdate(updates, is);
    t.equal((await next(() => true)).loss, undefined);
    for (const peer of peers) await datastore.delete(keyOf(peer));
    const lost = await next(({ loss }) => loss !== undefined);
    t.equal(lost.resources.size, 4);
    t.match(lost.loss, { lost: 4, of: 4 });
    await datastore.create(make("IPPool", "new"));
    // A pool without a cidr is refused as ever, and one of the lost comes back with another content.
    await datastore.create({
      ...make("BGPPeer", "bgppeer-0"),
      spec: { peerIP: "10.0.0.9", asNumber: 9 },
    });
    const partly = await next(({ loss }) => loss?.lost === 3);
    t.match(partly.resources.get("BGPPeer/bgppeer-0")?.spec, { asNumber: 9 });
    t.equal(partly.resources.size, 4);
    setImmediate(() => guard.requestConfirmation());
    const confirmed = await next(({ loss }) => loss === undefined);
    t.strictSame([...confirmed.resources.keys()], ["BGPPeer/bgppeer-0"]);
    t.strictSame([...confirmed.changed].sort(), [
      "BGPPeer/bgppeer-1",
      "BGPPeer/bgppeer-2",
      "BGPPeer/bgppeer-3",
    ]);
    abort.abort();
    t.equal((await updates.next()).done, true);
  },
);
