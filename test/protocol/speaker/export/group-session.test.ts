import t from "tap";
import type { UpdateGroups } from "../../../../protocol/speaker/export/update-groups.ts";
import { Community } from "../../../../protocol/types/community.ts";
import { IPV6_UNICAST } from "../../../../protocol/types/family.ts";
import { Instant } from "../../../../protocol/types/instant.ts";
import { IpAddress } from "../../../../protocol/types/ip-address.ts";
import { bench, CLIENT, EBGP, EBGP_LEARNED, NON_CLIENT, NOW, PREFIX, SET } from "./export-bench.ts";
import { Receiver } from "./receiver.ts";

/** All that peer 9 is to hear now. */
function pullAll(groups: UpdateGroups, now: Instant): Uint8Array[] {
  const buffers: Uint8Array[] = [];
  while (groups.hasOutput(9, now)) buffers.push(...groups.pull(9, 1 << 20, now));
  return buffers;
}

t.test("a pull looks at a bounded number of prefixes, fewer where sets must be worked out", (t) => {
  const { world, groups, key } = bench();
  const receiver = new Receiver(CLIENT.wireContext);
  const announceAll = (setOf: (i: number) => number) => {
    for (let i = 0; i < 5000; i++) {
      const set = world.intern({ ...SET, med: setOf(i), localPref: 100 });
      world.family.announce(3, Uint32Array.of(((20 << 24) | (i << 8)) >>> 0), 24, 0, set, set);
    }
    world.settle(10_000);
  };
  const mostPulled = (): number => {
    let most = 0;
    while (groups.hasOutput(9, NOW)) {
      const before = receiver.routes.size + receiver.changed;
      receiver.receive(groups.pull(9, 1 << 20, NOW));
      most = Math.max(most, receiver.routes.size + receiver.changed - before);
    }
    return most;
  };
  groups.join(key, CLIENT);
  announceAll(() => 1);
  t.ok(mostPulled() <= 2048, "prefixes of one set");
  t.equal(receiver.routes.size, 5000);
  announceAll((i) => 10 + i);
  const most = mostPulled();
  t.ok(most > 0 && most <= 2048 / 12, `prefixes with a set each: ${most}`);
  t.end();
});

t.test("what no message can hold is withdrawn, not sent (RFC 8654 §5)", (t) => {
  const { world, groups, key } = bench();
  const huge = { ...SET, communities: Array.from({ length: 1020 }, (_, i) => Community(i)) };
  const receiver = new Receiver(EBGP_LEARNED.wireContext);
  groups.join(key, EBGP_LEARNED);
  world.announce(3, PREFIX, SET);
  world.settle();
  receiver.receive(pullAll(groups, NOW));
  t.equal(receiver.routes.size, 1);
  world.announce(3, PREFIX, huge);
  world.announce(3, "10.2.0.0/16", SET);
  world.settle();
  receiver.receive(pullAll(groups, NOW));
  t.same(
    [...receiver.routes.values()].map((route) => route.prefix),
    ["10.2.0.0/16"],
  );
  t.equal(groups.advertised(key), 1);
  t.end();
});

t.test(
  "End-of-RIB comes once, after everything, and not while a decision is due (RFC 4724 §2)",
  (t) => {
    const { world, groups, key } = bench();
    const receiver = new Receiver(EBGP.wireContext);
    world.announce(0, PREFIX, { ...SET, nextHop: undefined });
    groups.join(key, EBGP);
    receiver.receive(pullAll(groups, NOW));
    t.same(receiver.events, [], "the route is not decided yet");
    world.settle();
    t.ok(groups.hasOutput(9, NOW));
    receiver.receive(pullAll(groups, NOW));
    t.equal(receiver.routes.size, 1);
    t.same(receiver.events, ["endOfRib"]);
    t.ok(groups.endOfRibSent(key));
    t.notOk(groups.hasOutput(9, NOW));
    world.announce(0, "10.2.0.0/16", { ...SET, nextHop: undefined });
    world.settle();
    receiver.receive(pullAll(groups, NOW));
    t.same(receiver.events, ["endOfRib"]);
    t.end();
  },
);

t.test("nothing is sent while selection is deferred (RFC 4724 §4.1)", (t) => {
  const { world, groups, key } = bench();
  world.family.deferSelection(true);
  groups.join(key, EBGP);
  t.notOk(groups.hasOutput(9, NOW));
  t.same(groups.pull(9, 1 << 20, NOW), []);
  world.family.deferSelection(false);
  t.equal(groups.pull(9, 1 << 20, NOW).length, 1, "End-of-RIB");
  t.end();
});

t.test(
  "a refresh sends everything again, between BoRR and EoRR where negotiated (RFC 7313)",
  (t) => {
    for (const enhancedRefresh of [true, false]) {
      const { world, groups, key } = bench();
      const receiver = new Receiver(EBGP.wireContext);
      for (let i = 0; i < 20; i++)
        world.announce(0, `10.${i}.0.0/16`, { ...SET, nextHop: undefined });
      world.settle();
      groups.join(key, { ...EBGP, enhancedRefresh });
      receiver.receive(pullAll(groups, NOW));
      groups.refresh(key);
      t.ok(groups.hasOutput(9, NOW));
      receiver.receive(pullAll(groups, NOW));
      t.equal(receiver.repeated, 20);
      const marks = enhancedRefresh ? ["refresh 1", "refresh 2"] : [];
      t.same(receiver.events, ["endOfRib", ...marks]);
      t.notOk(groups.hasOutput(9, NOW));
    }
    t.end();
  },
);

t.test(
  "an advertisement interval holds changes back, and the last state is sent (RFC 4271 §9.2.1.1)",
  (t) => {
    const { world, groups, key } = bench();
    const receiver = new Receiver(EBGP.wireContext);
    groups.join(key, { ...EBGP, advertisementIntervalSeconds: 5 });
    receiver.receive(pullAll(groups, NOW));
    const announce = (med: number) => {
      world.announce(0, PREFIX, { ...SET, asPath: [], nextHop: undefined, med });
      world.settle();
    };
    announce(1);
    receiver.receive(pullAll(groups, NOW));
    t.equal(receiver.routes.get(`${PREFIX} 0`)?.set.med, 1, "a lone change leaves at once");
    announce(2);
    announce(3);
    t.notOk(groups.hasOutput(9, Instant(4999)));
    t.equal(groups.nextDeadline(), 5000);
    t.ok(groups.hasOutput(9, Instant(5000)));
    const updates = receiver.updates;
    receiver.receive(pullAll(groups, Instant(5000)));
    t.equal(receiver.routes.get(`${PREFIX} 0`)?.set.med, 3);
    t.equal(receiver.updates, updates + 1);
    t.equal(groups.nextDeadline(), undefined);
    t.end();
  },
);

t.test("a large table crosses buffers whole, for first and late members, in shared octets", (t) => {
  const { world, groups, key } = bench();
  world.setPeer(8);
  const count = 12_000;
  for (let i = 0; i < count; i++) {
    const set = world.intern({ ...SET, med: i, localPref: 100 });
    world.family.announce(3, Uint32Array.of(((20 << 24) | (i << 8)) >>> 0), 24, 0, set, set);
  }
  world.settle(10_000);
  const profile = { ...CLIENT };
  const first = new Receiver(profile.wireContext);
  const second = new Receiver(profile.wireContext);
  const late = new Receiver(profile.wireContext);
  const pullAll = (peer: number, receiver: Receiver) => {
    const buffers: ArrayBufferLike[] = [];
    while (groups.hasOutput(peer, NOW)) {
      const octets = groups.pull(peer, 1 << 16, NOW);
      buffers.push(...octets.map(({ buffer }) => buffer));
      receiver.receive(octets);
    }
    return buffers;
  };
  groups.join(key, profile);
  groups.join({ ...key, peerIndex: 8 }, profile);
  const shared = new Set(pullAll(9, first));
  const own = pullAll(8, second).filter((buffer) => !shared.has(buffer));
  t.ok(shared.size > 2);
  t.equal(own.length, 1, "all but its End-of-RIB was encoded once, for both");
  world.setPeer(7);
  groups.join({ ...key, peerIndex: 7 }, profile);
  pullAll(7, late);
  for (const receiver of [first, second, late]) {
    t.equal(receiver.routes.size, count);
    t.same(receiver.events, ["endOfRib"]);
    t.equal(receiver.repeated, 0);
  }
  t.end();
});

t.test(
  "a peer that becomes a client is told at once what reflection owes it (RFC 4456 §6)",
  (t) => {
    const { world, groups, key } = bench();
    const receiver = new Receiver(NON_CLIENT.wireContext);
    world.announce(3, PREFIX, { ...SET, localPref: 100 });
    world.settle();
    groups.join(key, NON_CLIENT);
    receiver.receive(pullAll(groups, NOW));
    t.equal(receiver.routes.size, 0, "from one non-client to another");
    world.setPeer(3, { client: true });
    t.ok(groups.hasOutput(9, NOW));
    receiver.receive(pullAll(groups, NOW));
    t.equal(receiver.routes.size, 1);
    t.end();
  },
);

t.test("a family with much to say does not starve the other", (t) => {
  const { world, groups, key } = bench();
  const ipv6 = world.rib.family(IPV6_UNICAST);
  for (let i = 0; i < 200; i++)
    world.announce(0, `10.${i}.0.0/16`, { ...SET, nextHop: undefined, med: i });
  const set = world.intern({ ...SET, nextHop: undefined });
  ipv6.announce(0, Uint32Array.of(0x2001_0db8, 0, 0, 0), 32, 0, set, set);
  world.settle();
  groups.join(key, EBGP);
  groups.join({ ...key, family: IPV6_UNICAST }, { ...EBGP, nextHopSelf: IpAddress("fd00::99") });
  const receiver = new Receiver(EBGP.wireContext);
  receiver.receive(groups.pull(9, 1, NOW));
  t.ok(receiver.routes.size > 0);
  receiver.receive(groups.pull(9, 1, NOW));
  t.ok([...receiver.routes.values()].some(({ prefix }) => prefix === "2001:db8::/32"));
  t.end();
});
