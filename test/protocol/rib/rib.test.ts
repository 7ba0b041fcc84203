import t from "tap";
import { DEFAULT_DECISION, type DecisionConfig } from "../../../protocol/rib/decision-config.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import type { Prefix } from "../../../protocol/types/prefix.ts";
import type { AttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { lineOf, pick, type Random, randomFrom, randomSet, World } from "./world.ts";

const NEXT_HOPS = ["10.9.0.1", "10.9.0.2", "10.9.0.3"].map(IpAddress);
const V4 = ["10.1.0.0/16", "10.1.1.0/24", "10.1.1.1/32", "10.1.1.0/25", "0.0.0.0/0"];
const V6 = ["2001:db8::/32", "2001:db8::/48", "2001:db8::1/128", "2001:db8:0:1::/64", "::/0"];
const PEERS = [1, 2, 3, 4, 5];

const CONFIGS: readonly DecisionConfig[] = [
  DEFAULT_DECISION,
  { ...DEFAULT_DECISION, alwaysCompareMed: true },
  { ...DEFAULT_DECISION, missingMedIsWorst: true, maxPaths: 2 },
  { ...DEFAULT_DECISION, compareRouterId: false, maxPaths: 1 },
];

function peopled(config: DecisionConfig, ipv6: boolean): World {
  const world = new World(config, { family: ipv6 ? IPV6_UNICAST : IPV4_UNICAST });
  for (const peer of PEERS) {
    // Two peers with one router id, two with one address.
    world.setPeer(peer, {
      type: peer < 3 ? "ebgp" : "ibgp",
      routerId: Math.ceil(peer / 2),
      address: `10.0.0.${peer === 5 ? 4 : peer}`,
    });
  }
  return world;
}

function act(world: World, random: Random, prefixes: readonly string[]): void {
  const peer = pick(random, PEERS);
  const prefix = pick(random, prefixes);
  const pathId = random() < 0.2 ? 1 : 0;
  const dice = random();
  if (dice < 0.5) {
    const set = randomSet(random, NEXT_HOPS);
    const other = random();
    const accepted = other < 0.15 ? "refused" : other < 0.3 ? randomSet(random, NEXT_HOPS) : set;
    world.announce(peer, prefix, set, { pathId, accepted });
  } else if (dice < 0.55) {
    const { nextHop: _, ...set } = randomSet(random, NEXT_HOPS);
    world.announce(0, prefix, { ...set, nextHop: undefined });
  } else if (dice < 0.6) world.withdraw(0, prefix);
  else if (dice < 0.75) world.withdraw(peer, prefix, pathId);
  else if (dice < 0.8) {
    const state = { reachable: random() < 0.7, metric: Math.floor(random() * 3) };
    world.nextHop(pick(random, NEXT_HOPS), state);
  } else if (dice < 0.85) {
    world.family.markStale(peer);
    world.model.markStale(peer);
  } else if (dice < 0.9) {
    world.family.sweepStale(peer);
    world.model.sweepStale(peer);
  } else if (dice < 0.93) {
    world.family.removePeer(peer);
    world.model.removePeer(peer);
  } else if (dice < 0.96) rejudge(world, peer, random() < 0.5);
  else world.rib.work(1 + Math.floor(random() * 5));
}

/** Accepts what came, or refuses all with MED. Settled at once: later announcements of this history follow no policy. */
function rejudge(world: World, peer: number, refuseMed: boolean): void {
  world.family.rejudge(peer, (_words, _length, received) =>
    refuseMed && world.set(received).med !== undefined ? -1 : received,
  );
  world.model.rejudge(peer, ({ received }) =>
    refuseMed && received.med !== undefined ? undefined : received,
  );
  world.settle();
}

function compare(world: World): string | undefined {
  for (const prefix of world.model.prefixes()) {
    const views = world.family.explain(prefix);
    const expected = {
      best: lineOf(world.model.best(prefix)),
      multipath: world.model.multipath(prefix).map(lineOf).sort(),
      eligible: world.model.eligible(prefix).map(lineOf).sort(),
      stale: world.model
        .routes(prefix)
        .filter((r) => r.stale)
        .map(lineOf)
        .sort(),
      sets: world.model
        .routes(prefix)
        .map((r) => `${lineOf(r)} ${text(r.accepted)}`)
        .sort(),
    };
    const line = (view: { prefix: Prefix; peerIndex: number; pathId: number }) =>
      `${view.prefix} from ${view.peerIndex}/${view.pathId}`;
    const best = views.find((view) => view.best);
    const found = {
      best: best && line(best),
      multipath: views
        .filter((view) => view.multipath)
        .map(line)
        .sort(),
      eligible: views
        .filter((view) => view.eligible)
        .map(line)
        .sort(),
      stale: views
        .filter((view) => view.stale)
        .map(line)
        .sort(),
      sets: views
        .map(
          (v) =>
            `${line(v)} ${text(v.acceptedSet === undefined ? undefined : world.set(v.acceptedSet))}`,
        )
        .sort(),
    };
    if (text(found) !== text(expected)) return `${text(found)}\n  is not\n${text(expected)}`;
  }
  for (const peer of [0, ...PEERS]) {
    const [found, expected] = [world.family.counts(peer), world.model.counts(peer)];
    if (text(found) !== text(expected))
      return `peer ${peer}: ${text(found)}, not ${text(expected)}`;
  }
  const prefixes = world.family.page(0, 100).prefixes.toSorted();
  if (text(prefixes) !== text(world.model.prefixes())) return `prefixes ${text(prefixes)}`;
  return undefined;
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, item) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

t.test("random histories leave columns and model with the same routes", (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const ipv6 = seed % 3 === 0;
    const random = randomFrom(seed);
    const world = peopled(pick(random, CONFIGS), ipv6);
    for (let step = 0; step < 150; step++) {
      act(world, random, ipv6 ? V6 : V4);
      if (step % 10 !== 9) continue;
      world.settle();
      const difference = compare(world);
      if (difference !== undefined) {
        t.fail(`seed ${seed}, step ${step}: ${difference}`);
        t.end();
        return;
      }
    }
    drain(world);
    t.equal(world.rib.attributeSets.count(), 0, `seed ${seed}: no attribute set is left over`);
    t.equal(world.family.prefixCount(), 0, `seed ${seed}: no prefix is left over`);
    t.equal(world.family.routeCount(), 0, `seed ${seed}: no route is left over`);
  }
  t.end();
});

function drain(world: World): void {
  for (const peer of [0, ...PEERS]) world.family.removePeer(peer);
  world.settle();
  world.rib.work(1000);
  world.rib.work(1000);
}

t.test("the result does not depend on the order of arrival", (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomFrom(seed * 7919);
    const config = pick(random, CONFIGS);
    const routes = PEERS.flatMap((peer) =>
      [0, 1].map((pathId) => ({ peer, pathId, set: randomSet(random, NEXT_HOPS) })),
    );
    const results = [routes, routes.toReversed(), routes.toSorted(() => random() - 0.5)].map(
      (order) => {
        const world = peopled(config, false);
        for (const nextHop of NEXT_HOPS) world.nextHop(nextHop, { reachable: true, metric: 1 });
        for (const { peer, pathId, set } of order) {
          world.announce(peer, "10.1.0.0/16", set, { pathId });
          if (random() < 0.5) world.settle();
        }
        world.settle();
        const views = world.family.explain("10.1.0.0/16" as Prefix);
        return text(
          views.map((v) => [v.peerIndex, v.pathId, v.best, v.multipath, v.reason]).sort(),
        );
      },
    );
    t.equal(new Set(results).size, 1, `seed ${seed}`);
  }
  t.end();
});

t.test("explain names the step and the route that eliminated each loser", (t) => {
  const world = peopled(DEFAULT_DECISION, false);
  for (const nextHop of NEXT_HOPS) world.nextHop(nextHop, { reachable: true, metric: 1 });
  const set = (more: Partial<AttributeSet>): AttributeSet => ({
    nextHop: IpAddress("10.9.0.1"),
    origin: "igp",
    asPath: [],
    ...more,
  });
  world.announce(1, "10.1.0.0/16", set({ localPref: 200 }));
  world.announce(2, "10.1.0.0/16", set({ localPref: 100 }));
  world.announce(3, "10.1.0.0/16", set({ localPref: 300 }), { accepted: "refused" });
  world.announce(4, "10.1.0.0/16", set({ nextHop: IpAddress("10.9.9.9"), localPref: 300 }));
  world.settle();
  const views = world.family.explain("10.1.0.0/16" as Prefix);
  t.same(
    views.map((view) => [view.peerIndex, view.reason, view.eliminatedBy?.peerIndex]),
    [
      [1, undefined, undefined],
      [2, "its LOCAL_PREF is lower (RFC 4271 §9.1.1)", 1],
      [3, "the import policy rejects it", undefined],
      [4, "its next hop is unreachable (RFC 4271 §9.1.2)", undefined],
    ],
  );
  t.equal(world.family.longestMatch(IpAddress("10.1.2.3")), "10.1.0.0/16");
  t.equal(world.family.longestMatch(IpAddress("10.2.2.3")), undefined);
  t.end();
});
