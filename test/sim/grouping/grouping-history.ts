import { ACCEPT_ALL, type Policy, REJECT_ALL } from "../../../protocol/policy/policy.ts";
import { Community } from "../../../protocol/types/community.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import type { AttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { pick, type Random, randomFrom, randomSet } from "../../protocol/rib/world.ts";
import { BY_SET } from "../../support/export-policies.ts";
import { GroupingWorld, HUGE_COMMUNITIES, NEXT_HOPS } from "./grouping-world.ts";
import {
  type Abilities,
  type Announcement,
  BOTH,
  OWN_CLUSTER,
  type Role,
  ScriptedPeer,
} from "./scripted-peer.ts";

const V4 = [...Array.from({ length: 14 }, (_, i) => `10.1.${i}.0/24`), "10.1.0.0/16"].map(Prefix);
const V6 = [...Array.from({ length: 14 }, (_, i) => `2001:db8:0:${i}::/64`), "2001:db8::/32"].map(
  Prefix,
);

const BY_PREFIX: Policy = {
  name: "by-prefix",
  rules: [
    {
      name: "one less",
      match: { prefix: { cidr: Prefix("10.1.3.0/24"), operator: "equal" } },
      action: "reject",
    },
    {
      name: "half of IPv6",
      match: { prefix: { cidr: Prefix("2001:db8::/61"), operator: "in" }, source: "peer" },
      action: "accept",
      operations: [{ type: "setMed", med: 9 }],
    },
  ],
  otherwise: "accept",
};
const PREFERRED: Policy = {
  name: "preferred",
  rules: [
    {
      name: "of eBGP",
      match: { peerType: "ebgp" },
      action: "accept",
      operations: [{ type: "setLocalPref", localPref: 150 }],
    },
  ],
  otherwise: "accept",
};
const EXPORTS = [ACCEPT_ALL, ACCEPT_ALL, BY_PREFIX, BY_SET, REJECT_ALL];
const IMPORTS = [ACCEPT_ALL, ACCEPT_ALL, BY_PREFIX, PREFERRED];

const PLAIN: Abilities = {
  families: BOTH,
  fourOctetAsn: true,
  extendedMessage: false,
  receivesPaths: false,
  sendsPaths: false,
  enhancedRefresh: true,
};

/** The cast: enough equal ones that groups have several members, and one of everything that makes a group of its own. */
const CAST: readonly (readonly [Role, Partial<Abilities>])[] = [
  ["client", {}],
  ["client", {}],
  ["client", {}],
  ["client", { extendedMessage: true }],
  ["client", { extendedMessage: true, sendsPaths: true }],
  ["client", { receivesPaths: true, sendsPaths: true }],
  ["client", { receivesPaths: true, sendsPaths: true }],
  ["client", { families: [IPV4_UNICAST] }],
  ["nonClient", {}],
  ["nonClient", {}],
  ["nonClient", { families: [IPV6_UNICAST], enhancedRefresh: false }],
  ["ebgp", { fourOctetAsn: false }],
  ["transit", {}],
  ["transit", { receivesPaths: true, fourOctetAsn: false }],
];

/** How often each act was done, so that a history that misses what it was made for is seen. */
export type Tally = Map<string, number>;

type Act = (it: GroupingWorld, random: Random, peer: ScriptedPeer) => void;

/** Acts with their weights. */
const ACTS: readonly (readonly [name: string, weight: number, act: Act])[] = [
  ["announce", 30, announce],
  ["withdraw", 8, withdraw],
  ["work", 12, (it, random) => it.work(pick(random, [1, 2, 5, 40]))],
  ["take", 30, (it, random, peer) => it.take(peer, pick(random, [1, 100, 4096, 65_536]))],
  ["connect", 5, (it, _random, peer) => it.connect(peer)],
  ["lose", 1, (it, _random, peer) => it.lose(peer)],
  ["stall", 2, (_it, _random, peer) => (peer.stalled = true)],
  ["read on", 2, (_it, _random, peer) => (peer.stalled = false)],
  ["export policy", 2, (it, r, peer) => it.change(peer, { exportPolicy: pick(r, EXPORTS) })],
  ["everybody's policy", 0.5, everybodysPolicy],
  ["import policy", 1, (it, r, peer) => it.change(peer, { importPolicy: pick(r, IMPORTS) })],
  ["next hop mode", 1, changeNextHopMode],
  ["role in reflection", 1, changeRole],
  ["interval", 1, changeInterval],
  ["cluster id", 0.2, changeCluster],
  ["next hop", 1, (it, random) => it.resolve(pick(random, NEXT_HOPS), random() < 0.7)],
  ["originate", 1, (it, random) => it.originate([...V4, ...V6].filter(() => random() < 0.1))],
  ["peer asks for refresh", 1.5, askForRefresh],
  ["operator refreshes", 1, refreshByOperator],
  ["operator resets", 0.5, resetByOperator],
  ["removed and added", 0.5, removeOrAdd],
  ["time", 2, letTimePass],
];

/** Lets one history happen; the first difference that quiescence showed, or undefined. */
export function playHistory(
  seed: number,
  { steps, every }: { readonly steps: number; readonly every: number },
  tally: Tally = new Map(),
): string | undefined {
  const random = randomFrom(seed);
  const cast = CAST.filter(() => random() < 0.75);
  const peers = cast.map(
    ([role, abilities], i) => new ScriptedPeer(i + 2, role, { ...PLAIN, ...abilities }),
  );
  if (peers.length === 0) return undefined;
  const limits = { logCapacity: pick(random, [16, 1024]), maxLagOctets: pick(random, [300, 2000]) };
  const it = new GroupingWorld(peers, limits);
  for (const peer of peers) it.connect(peer);
  for (let step = 1; step <= steps; step++) {
    const name = act(it, random);
    tally.set(name, (tally.get(name) ?? 0) + 1);
    if (step % every !== 0) continue;
    it.quiesce();
    const difference = it.difference();
    if (difference !== undefined) return `seed ${seed}, step ${step}: ${difference}`;
  }
  const left = leftOver(it);
  return left === undefined ? undefined : `seed ${seed}: ${left}`;
}

function act(it: GroupingWorld, random: Random): string {
  const [name, , chosen] = weighted(random);
  chosen(it, random, pick(random, it.peers));
  return name;
}

function weighted(random: Random): (typeof ACTS)[number] {
  let dice = random() * ACTS.reduce((sum, [, weight]) => sum + weight, 0);
  for (const each of ACTS) {
    dice -= each[1];
    if (dice < 0) return each;
  }
  throw new Error("the dice fell off the table");
}

/** Everybody leaves: nothing must be remembered. */
function leftOver(it: GroupingWorld): string | undefined {
  it.originate([]);
  for (const peer of it.peers) it.lose(peer);
  for (let i = 0; i < 20; i++) {
    it.quiesce();
    it.feed({ type: "workResumed", budget: 1000 });
  }
  const left = it.speaker.status().families.filter(({ prefixes, routes }) => prefixes + routes > 0);
  return left.length === 0 ? undefined : `left over: ${JSON.stringify(left)}`;
}

function announce(it: GroupingWorld, random: Random, peer: ScriptedPeer): void {
  if (peer.connection === undefined) return;
  const family = pick(random, peer.abilities.families);
  const prefixes = family === IPV4_UNICAST ? V4 : V6;
  const routes: Announcement[] = [];
  const set = setFor(random, peer, family);
  for (let i = 0; i <= random() * 4; i++) {
    const pathId = peer.abilities.sendsPaths ? pick(random, [1, 2, 3]) : 0;
    routes.push({ family, prefix: pick(random, prefixes), pathId, set });
  }
  it.announce(peer, routes);
}

/** eBGP peers send no LOCAL_PREF, ORIGINATOR_ID or CLUSTER_LIST, iBGP peers always send LOCAL_PREF. RFC 7606 §7. */
function setFor(
  random: Random,
  { isExternal, abilities }: ScriptedPeer,
  family: Family,
): AttributeSet {
  const nextHops = NEXT_HOPS.filter((each) => each.includes(":") === (family === IPV6_UNICAST));
  const made = randomSet(random, nextHops);
  const { localPref, originatorId, clusterList, ...set } = made;
  if (isExternal) return set;
  const huge = abilities.extendedMessage && random() < 0.1;
  return {
    ...made,
    localPref: localPref ?? 100,
    ...(huge && {
      communities: Array.from({ length: HUGE_COMMUNITIES }, (_, i) => Community(i + 2)),
    }),
  };
}

/** One route, or most: prefixes must die, so that their ids come back under others while slow peers still name them. */
function withdraw(it: GroupingWorld, random: Random, peer: ScriptedPeer): void {
  if (peer.connection === undefined) return;
  const share = pick(random, [0, 0, 0.8]);
  const mine = it.model.routes().filter((route) => route.peer === peer.number);
  for (const [i, { prefix, pathId }] of mine.entries()) {
    if (i > 0 && random() >= share) continue;
    it.withdraw(peer, prefix.includes(":") ? IPV6_UNICAST : IPV4_UNICAST, prefix, pathId);
  }
}

function everybodysPolicy(it: GroupingWorld, random: Random): void {
  const exportPolicy = pick(random, EXPORTS);
  for (const peer of it.peers) it.change(peer, { exportPolicy });
}

function changeNextHopMode(it: GroupingWorld, random: Random, peer: ScriptedPeer): void {
  it.change(peer, { nextHopMode: pick(random, ["auto", "self", "keep"] as const) });
}

function changeRole(it: GroupingWorld, _random: Random, peer: ScriptedPeer): void {
  if (peer.isExternal) return;
  it.change(peer, { routeReflectorClient: !peer.config.routeReflectorClient });
}

function changeInterval(it: GroupingWorld, random: Random, peer: ScriptedPeer): void {
  it.change(peer, { advertisementIntervalSeconds: pick(random, [0, 0, 5]) });
}

function changeCluster(it: GroupingWorld, random: Random): void {
  it.clusterId = pick(random, [OWN_CLUSTER, RouterId(78)]);
  it.configure();
}

function askForRefresh(it: GroupingWorld, random: Random, peer: ScriptedPeer): void {
  it.say(peer, peer.askForRefresh(pick(random, peer.abilities.families)));
}

function refreshByOperator(it: GroupingWorld, _random: Random, peer: ScriptedPeer): void {
  const command = { type: "refreshPeer", peer: peer.name, direction: "out" } as const;
  it.feed({ type: "operator", command });
}

function resetByOperator(it: GroupingWorld, _random: Random, peer: ScriptedPeer): void {
  it.feed({ type: "operator", command: { type: "resetPeer", peer: peer.name } });
}

function removeOrAdd(it: GroupingWorld, _random: Random, peer: ScriptedPeer): void {
  if (it.configured.has(peer)) it.configured.delete(peer);
  else it.configured.add(peer);
  it.configure();
}

function letTimePass(it: GroupingWorld, random: Random): void {
  it.now += random() * 4000;
  it.feed({ type: "deadlineReached" });
}
