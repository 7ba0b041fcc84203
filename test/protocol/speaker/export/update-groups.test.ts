import t from "tap";
import { ACCEPT_ALL, type Policy } from "../../../../protocol/policy/policy.ts";
import { DEFAULT_DECISION } from "../../../../protocol/rib/decision-config.ts";
import { wordsOfPrefix } from "../../../../protocol/rib/prefix-words.ts";
import type { ExportProfile } from "../../../../protocol/speaker/export/export-profile.ts";
import { UpdateGroups } from "../../../../protocol/speaker/export/update-groups.ts";
import { Asn } from "../../../../protocol/types/asn.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../../../protocol/types/family.ts";
import { Instant } from "../../../../protocol/types/instant.ts";
import { IpAddress } from "../../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../../protocol/types/prefix.ts";
import { RouterId } from "../../../../protocol/types/router-id.ts";
import type { AttributeSet } from "../../../../protocol/wire/attribute-set.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../../../protocol/wire/wire-context.ts";
import { BY_SET } from "../../../support/export-policies.ts";
import { pick, type Random, randomFrom, randomSet, World } from "../../rib/world.ts";
import { expectedAdjRibOut } from "./model.ts";
import { Receiver } from "./receiver.ts";

const NOW = Instant(0);
const V4 = Array.from({ length: 12 }, (_, i) => `10.1.${i}.0/24`).concat(
  "10.1.0.0/16",
  "0.0.0.0/0",
);
const V6 = Array.from({ length: 12 }, (_, i) => `2001:db8:0:${i}::/64`).concat(
  "2001:db8::/32",
  "::/0",
);

const BY_PREFIX: Policy = {
  name: "by-prefix",
  rules: [
    {
      name: "no-subnet-3",
      match: { prefix: { cidr: Prefix("10.1.3.0/24"), operator: "equal" } },
      action: "reject",
    },
    {
      name: "med-inside",
      match: {
        prefix: { cidr: Prefix("10.1.0.0/16"), operator: "in", maxLength: 24 },
        source: "peer",
      },
      action: "accept",
      operations: [{ type: "setMed", med: 9 }],
    },
  ],
  otherwise: "accept",
};
const POLICIES = [ACCEPT_ALL, BY_PREFIX, BY_SET];

type Setting = { readonly family: Family; readonly addPath: boolean };

function profileOf(peer: number, policy: Policy, { family, addPath }: Setting): ExportProfile {
  return {
    target: peer === 1 || peer === 2 ? "ebgp" : peer < 6 ? "client" : "nonClient",
    localAsn: Asn(65000),
    routerId: RouterId(99),
    clusterId: RouterId(99),
    nextHopMode: peer === 7 ? "self" : "auto",
    nextHopSelf: IpAddress(family === IPV4_UNICAST ? "10.0.0.99" : "fd00::99"),
    exportLearned: peer === 2,
    exportPolicy: policy,
    wireContext: {
      ...DEFAULT_WIRE_CONTEXT,
      addPath: new Set(addPath && peer > 3 ? [family] : []),
      peerType: peer < 3 ? "external" : "internal",
    },
    enhancedRefresh: true,
    advertisementIntervalSeconds: 0,
  };
}

/** A world with update groups, and a receiver behind each member. */
class ExportWorld {
  readonly world: World;
  readonly groups: UpdateGroups;
  readonly receivers = new Map<number, Receiver>();
  readonly profiles = new Map<number, ExportProfile>();
  readonly peers = [1, 2, 3, 4, 5, 6, 7];
  readonly setting: Setting;
  readonly nextHops: readonly IpAddress[];
  now = NOW;

  constructor(setting: Setting, limits = { maxLagOctets: 500, logCapacity: 16 }) {
    this.setting = setting;
    this.world = new World(DEFAULT_DECISION, {
      family: setting.family,
      logCapacity: limits.logCapacity,
    });
    this.groups = new UpdateGroups(this.world.rib, { maxLagOctets: limits.maxLagOctets });
    for (const peer of this.peers) {
      this.world.setPeer(peer, { type: peer < 3 ? "ebgp" : "ibgp", client: peer >= 3 && peer < 6 });
    }
    const ipv4 = setting.family === IPV4_UNICAST;
    this.nextHops = ["1", "2", "3"].map((i) => IpAddress(ipv4 ? `10.9.0.${i}` : `fd00::9:${i}`));
    for (const nextHop of this.nextHops)
      this.world.nextHop(nextHop, { reachable: true, metric: 1 });
  }

  key(peerIndex: number): { readonly peerIndex: number; readonly family: Family } {
    return { peerIndex, family: this.setting.family };
  }

  join(peer: number, policy: Policy = ACCEPT_ALL): void {
    const profile = profileOf(peer, policy, this.setting);
    this.profiles.set(peer, profile);
    this.receivers.set(peer, new Receiver(profile.wireContext));
    this.groups.join(this.key(peer), profile);
  }

  leave(peer: number): void {
    this.groups.leave(this.key(peer));
    this.receivers.delete(peer);
    this.profiles.delete(peer);
  }

  regroup(peer: number, policy: Policy): void {
    const profile = profileOf(peer, policy, this.setting);
    this.profiles.set(peer, profile);
    this.groups.regroup(this.key(peer), profile);
  }

  pull(peer: number, maxBytes: number): number {
    const buffers = this.groups.pull(peer, maxBytes, this.now);
    this.receivers.get(peer)?.receive(buffers);
    return buffers.length;
  }

  quiesce(budget = 7): void {
    this.world.settle(budget);
    for (const peer of this.receivers.keys()) {
      for (let i = 0; this.groups.hasOutput(peer, this.now); i++) {
        this.pull(peer, 1 << 16);
        if (i > 10_000) throw new Error(`peer ${peer} always has output`);
      }
    }
  }

  /** The first difference between what receivers hold, what the groups list, and what the model expects. */
  difference(): string | undefined {
    for (const [peer, receiver] of this.receivers) {
      const profile = this.profiles.get(peer) as ExportProfile;
      const addPath = profile.wireContext.addPath.size > 0;
      const expected = lines(expectedAdjRibOut(this.world.model, peer, profile, { addPath }));
      const held = lines([...receiver.routes.values()].map(({ prefix, set }) => [prefix, set]));
      const listed = lines(
        this.groups
          .adjRibOut(this.key(peer), 0, 1000)
          .routes.map((route) => [route.prefix, this.world.set(route.attributeSet)]),
      );
      if (held !== expected) return `peer ${peer} holds\n${held}\ninstead of\n${expected}`;
      if (listed !== expected) return `peer ${peer} is listed\n${listed}\ninstead of\n${expected}`;
      const advertised = this.groups.advertised(this.key(peer));
      if (advertised !== receiver.routes.size) return `peer ${peer}: ${advertised} advertised`;
      if (receiver.needless.length > 0) return `peer ${peer} lost ${receiver.needless} needlessly`;
      if (!receiver.events.includes("endOfRib")) return `peer ${peer} has no End-of-RIB`;
    }
    return undefined;
  }
}

function lines(routes: readonly (readonly [string, object])[]): string {
  const text = (set: object) =>
    JSON.stringify(Object.entries(set).sort(([a], [b]) => (a < b ? -1 : 1)));
  return routes
    .map(([prefix, set]) => `  ${prefix} ${text(set)}`)
    .sort()
    .join("\n");
}

function act(it: ExportWorld, random: Random): void {
  const peer = pick(random, it.peers);
  const prefix = pick(random, it.setting.family === IPV4_UNICAST ? V4 : V6);
  const pathId = random() < 0.2 ? 1 : 0;
  const dice = random();
  if (dice < 0.45) {
    // eBGP peers send no LOCAL_PREF, ORIGINATOR_ID or CLUSTER_LIST: the codec drops them.
    const { localPref, originatorId, clusterList, ...set } = randomSet(random, it.nextHops);
    const internal = {
      ...set,
      ...(localPref && { localPref }),
      ...(originatorId && { originatorId }),
      ...(clusterList && { clusterList }),
    };
    it.world.announce(peer, prefix, peer < 3 ? set : internal, { pathId });
  } else if (dice < 0.5) {
    it.world.announce(0, prefix, { nextHop: undefined, origin: "igp", asPath: [], med: 5 });
  } else if (dice < 0.55) it.world.withdraw(0, prefix);
  else if (dice < 0.68) it.world.withdraw(peer, prefix, pathId);
  else if (dice < 0.7) {
    it.world.family.removePeer(peer);
    it.world.model.removePeer(peer);
  } else if (dice < 0.72) {
    it.world.nextHop(pick(random, it.nextHops), { reachable: random() < 0.8, metric: 1 });
  } else if (dice < 0.8) it.world.rib.work(3);
  else if (dice < 0.92) it.pull(pick(random, [3, 4, 6, 1, peer]), pick(random, [1, 100, 4096]));
  else if (dice < 0.94) it.leave(peer);
  else if (dice < 0.97) it.receivers.has(peer) ? it.groups.refresh(it.key(peer)) : it.join(peer);
  else if (it.receivers.has(peer)) it.regroup(peer, pick(random, POLICIES));
  else it.join(peer, pick(random, POLICIES));
}

t.test("groups and naive export agree under random histories", (t) => {
  for (let seed = 1; seed <= 48; seed++) {
    const random = randomFrom(seed);
    const it = new ExportWorld({
      family: seed % 3 === 0 ? IPV6_UNICAST : IPV4_UNICAST,
      addPath: seed % 4 === 0,
    });
    for (const peer of it.peers) if (random() < 0.6) it.join(peer, pick(random, POLICIES));
    for (let step = 0; step < 250; step++) {
      act(it, random);
      if (step % 50 !== 49) continue;
      it.quiesce();
      const difference = it.difference();
      if (difference !== undefined) {
        t.fail(`seed ${seed}, step ${step}: ${difference}`);
        t.end();
        return;
      }
    }
    drain(it);
    t.equal(it.world.rib.attributeSets.count(), 0, `seed ${seed}: no attribute set is left over`);
    t.equal(it.world.family.prefixCount(), 0, `seed ${seed}: no prefix is left over`);
  }
  t.end();
});

/** More prefixes than a page or a batch holds. */
const MANY = Array.from({ length: 9000 }, (_, i) => Prefix(`10.${128 + (i >> 8)}.${i & 255}.0/24`));

/** What a peer holds that has heard the whole table from a group of its own, and nothing before. */
function naively(it: ExportWorld, peer: number, profile: ExportProfile): Receiver {
  const groups = new UpdateGroups(it.world.rib);
  const receiver = new Receiver(profile.wireContext);
  groups.join(it.key(peer), profile);
  while (groups.hasOutput(peer, it.now)) receiver.receive(groups.pull(peer, 1 << 16, it.now));
  groups.leave(it.key(peer));
  return receiver;
}

/** The first peer that holds something else than it would by naive export. */
function naiveDifference(it: ExportWorld): string | undefined {
  const text = ({ routes }: Receiver) =>
    [...routes]
      .map(([key, { set }]) => `${key} ${JSON.stringify(set)}`)
      .sort()
      .join("\n");
  for (const [peer, receiver] of it.receivers) {
    const expected = naively(it, peer, it.profiles.get(peer) as ExportProfile);
    if (text(receiver) !== text(expected)) {
      return `peer ${peer} holds ${receiver.routes.size} instead of ${expected.routes.size}`;
    }
    const advertised = it.groups.advertised(it.key(peer));
    if (advertised !== receiver.routes.size) return `peer ${peer}: ${advertised} advertised`;
    if (receiver.needless.length > 0)
      return `peer ${peer} lost ${receiver.needless.length} needlessly`;
  }
  return undefined;
}

/** A part of the table comes, changes or goes. */
function actOnMany(it: ExportWorld, random: Random): void {
  const peer = pick(random, [3, 4, 6]);
  const first = Math.floor(random() * 15) * 600;
  const sets = Array.from({ length: 20 }, () => it.world.intern(randomSet(random, it.nextHops)));
  const goes = random() < 0.4;
  const { family } = it.world;
  for (let i = first; i < first + 600; i++) {
    const { words, length } = wordsOfPrefix(MANY[i] as Prefix);
    const set = sets[i % 20] as number;
    if (goes) family.withdraw(peer, words, length, 0);
    else family.announce(peer, words, length, 0, set, set);
  }
}

const TAGGED: Policy = {
  name: "tagged",
  rules: [{ name: "all", match: {}, action: "accept", operations: [{ type: "setMed", med: 77 }] }],
  otherwise: "accept",
};
const LIVE_POLICIES = [ACCEPT_ALL, TAGGED, BY_SET];

/** Policies change for all and for one, while others are in the middle of what the last change brought. */
function actInSlices(it: ExportWorld, random: Random): void {
  const peer = pick(random, [3, 3, 4, 5, 6]);
  const dice = random();
  if (dice < 0.06) actOnMany(it, random);
  else if (dice < 0.2) it.world.rib.work(pick(random, [300, 3000]));
  else if (dice < 0.78) it.pull(peer, pick(random, [1, 1, 30_000]));
  else if (dice < 0.83) it.groups.refresh(it.key(peer));
  else if (dice < 0.85) it.join(peer, pick(random, LIVE_POLICIES));
  else if (dice < 0.97) it.regroup(peer, pick(random, LIVE_POLICIES));
  else {
    const policy = pick(random, LIVE_POLICIES);
    for (const each of it.peers) it.regroup(each, policy);
  }
}

t.test("policies change in the middle of slices, over many pages of what was sent", (t) => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = randomFrom(seed);
    const it = new ExportWorld(
      { family: IPV4_UNICAST, addPath: seed % 3 === 0 },
      { maxLagOctets: 20_000, logCapacity: 1 << 13 },
    );
    for (let i = 0; i < 10; i++) actOnMany(it, random);
    for (const peer of [1, 3, 4, 5, 6, 7]) it.join(peer, pick(random, LIVE_POLICIES));
    it.quiesce(1000);
    for (let step = 1; step <= 240; step++) {
      actInSlices(it, random);
      if (step % 80 !== 0) continue;
      it.quiesce(1000);
      t.equal(naiveDifference(it), undefined, `seed ${seed}, step ${step}`);
    }
    drain(it);
    t.equal(it.world.rib.attributeSets.count(), 0, `seed ${seed}: no attribute set is left over`);
    t.equal(it.world.family.prefixCount(), 0, `seed ${seed}: no prefix is left over`);
  }
  t.end();
});

t.test(
  "a table that goes reaches every peer, after a change log that was large has become small",
  (t) => {
    const count = 28_000;
    const it = new ExportWorld(
      { family: IPV4_UNICAST, addPath: false },
      { maxLagOctets: 4 << 20, logCapacity: 1 << 18 },
    );
    const { family, rib } = it.world;
    const set = it.world.intern({ nextHop: it.nextHops[0], origin: "igp", asPath: [] });
    const words = (i: number) => Uint32Array.of(((10 << 24) | (i << 8)) >>> 0);
    for (const peer of [3, 4]) it.join(peer);
    for (let i = 0; i < count; i++) family.announce(5, words(i), 24, 0, set, set);
    it.quiesce(1000);
    while (rib.hasGarbage()) rib.work(1000);
    for (const peer of [3, 4]) t.equal(it.receivers.get(peer)?.routes.size, count);
    for (let i = 0; i < count; i++) family.withdraw(5, words(i), 24, 0);
    // All is decided before anyone has room for what it means.
    it.quiesce(1000);
    for (const peer of [3, 4]) t.equal(it.receivers.get(peer)?.routes.size, 0);
    t.end();
  },
);

t.test("what a walk over the table withdraws keeps its id until every member has read it", (t) => {
  const it = new ExportWorld(
    { family: IPV4_UNICAST, addPath: false },
    { maxLagOctets: 100, logCapacity: 1 << 10 },
  );
  const set: AttributeSet = { nextHop: it.nextHops[0], origin: "igp", asPath: [] };
  const names = (net: number) => Array.from({ length: 30 }, (_, i) => `10.${net}.${i}.0/24`);
  for (const peer of [3, 4]) it.join(peer);
  for (const prefix of names(1)) it.world.announce(5, prefix, set);
  it.quiesce();
  for (const prefix of names(1)) it.world.withdraw(5, prefix);
  it.world.settle();
  // Another router id makes the group walk; peer 4 does not read what comes of it.
  it.world.setPeer(1, { type: "ebgp", routerId: 77 });
  it.pull(3, 1 << 16);
  for (let i = 0; i < 100 && it.world.rib.hasGarbage(); i++) it.world.rib.work(100);
  for (const prefix of names(2)) it.world.announce(5, prefix, set);
  it.world.settle();
  it.pull(3, 1 << 16);
  it.quiesce();
  t.equal(it.difference(), undefined);
  t.end();
});

t.test("a refresh that a change of policy interrupts begins anew (RFC 7313 §4)", (t) => {
  const it = new ExportWorld(
    { family: IPV4_UNICAST, addPath: false },
    { maxLagOctets: 1 << 20, logCapacity: 1 << 14 },
  );
  for (let i = 0, random = randomFrom(1); i < 20; i++) actOnMany(it, random);
  it.join(3, ACCEPT_ALL);
  it.join(4, TAGGED);
  it.quiesce(1000);
  it.groups.refresh(it.key(3));
  while (!it.receivers.get(3)?.events.includes("refresh 1")) it.pull(3, 1);
  it.regroup(3, TAGGED);
  it.quiesce(1000);
  t.equal(naiveDifference(it), undefined);
  t.same(it.receivers.get(3)?.events.slice(1), ["refresh 1", "refresh 1", "refresh 2"]);
  t.end();
});

function drain(it: ExportWorld): void {
  for (const peer of [0, ...it.peers]) it.world.family.removePeer(peer);
  it.quiesce(1000);
  for (const peer of it.peers) it.leave(peer);
  for (let i = 0; i < 5 || it.world.rib.hasGarbage(); i++) it.world.rib.work(10_000);
}
