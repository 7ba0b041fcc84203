/**
 * Benchmarks of the RIB core and of export, on a synthetic full table; one JSON line a measurement. Figures are CPU time
 * of this process (other work on the machine does not count), the best of some rounds.
 *
 *   sh .ci/with-node node test/bench/rib.bench.ts [prefixes]
 */
import type { Policy } from "../../protocol/policy/policy.ts";
import { DEFAULT_DECISION } from "../../protocol/rib/decision-config.ts";
import type { FamilyRib } from "../../protocol/rib/family-rib.ts";
import { Rib } from "../../protocol/rib/rib.ts";
import { totalOctets } from "../../protocol/rib/rib-memory.ts";
import type { ExportProfile } from "../../protocol/speaker/export/export-profile.ts";
import { UpdateGroups } from "../../protocol/speaker/export/update-groups.ts";
import { Community } from "../../protocol/types/community.ts";
import { IPV4_UNICAST } from "../../protocol/types/family.ts";
import { Instant } from "../../protocol/types/instant.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { CLIENT_PROFILE } from "./client-profile.ts";
import { type SyntheticTable, synthesiseTable } from "./rib-table.ts";

const PREFIXES = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = 3;
/** As a driver does it: decide and send after about this many prefixes. */
const SLICE = 4096;
const NOW = Instant(0);

const BY_PREFIX: Policy = {
  name: "by-prefix",
  rules: [
    {
      name: "nets",
      match: { prefix: { cidr: Prefix("10.0.0.0/8"), operator: "in" } },
      action: "reject",
    },
    { name: "tagged", match: { community: Community(1) }, action: "reject" },
  ],
  otherwise: "accept",
};

type Bench = { readonly rib: Rib; readonly family: FamilyRib; readonly groups: UpdateGroups };

function newBench(): Bench {
  const rib = new Rib(DEFAULT_DECISION);
  for (let peer = 1; peer <= 12; peer++) {
    const address = IpAddress(`10.0.0.${peer}`);
    rib.setPeer(peer, { type: "ibgp", routeReflectorClient: true, routerId: peer, address });
  }
  rib.nextHopChanged([
    { nextHop: IpAddress("10.0.0.1"), reachable: true, metric: 1, onLink: true },
  ]);
  return { rib, family: rib.family(IPV4_UNICAST), groups: new UpdateGroups(rib) };
}

/** Announces the table as UPDATEs bring it: a set, then its prefixes; `afterSlice` stands for the driver's turn. */
function feed(it: Bench, table: SyntheticTable, peer: number, afterSlice: () => void): void {
  const words = new Uint32Array(1);
  let slice = 0;
  for (let i = 0; i < table.prefixes.length; ) {
    const number = table.setOf[i] as number;
    const start = table.setStart[number] as number;
    const end = table.setStart[number + 1] as number;
    const set = it.rib.attributeSets.intern(table.octets, start, end);
    for (; i < table.prefixes.length && table.setOf[i] === number; i++, slice++) {
      words[0] = table.prefixes[i] as number;
      it.family.announce(peer, words, table.lengths[i] as number, 0, set, set);
    }
    if (slice < SLICE) continue;
    slice = 0;
    it.rib.work(2 * SLICE);
    afterSlice();
  }
  while (it.rib.work(2 * SLICE));
  afterSlice();
}

function pullAll(it: Bench, peers: readonly number[]): number {
  let octets = 0;
  for (let given = true; given; ) {
    given = false;
    for (const peer of peers) {
      for (const buffer of it.groups.pull(peer, 1 << 18, NOW)) {
        octets += buffer.length;
        given = true;
      }
    }
  }
  return octets;
}

function cpuMilliseconds(action: () => void): number {
  const before = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function report(name: string, milliseconds: number, more: Record<string, unknown> = {}): void {
  const perSecond = Math.round(PREFIXES / milliseconds) * 1000;
  console.log(
    JSON.stringify({ bench: `rib.${name}`, ms: Math.round(milliseconds), perSecond, ...more }),
  );
}

/** The least of some rounds, each on a state of its own. */
function best(rounds: number, measure: () => number): number {
  return Math.min(...Array.from({ length: rounds }, measure));
}

const table = synthesiseTable(PREFIXES);
console.log(
  JSON.stringify({ bench: "rib.table", prefixes: PREFIXES, attributeSets: table.setCount }),
);

function measureCore(): void {
  let bytes = 0;
  const first = best(ROUNDS, () => {
    const it = newBench();
    const ms = cpuMilliseconds(() => feed(it, table, 1, () => {}));
    const { prefixes, prefixIndex, routes } = it.family.memory();
    bytes = prefixes + prefixIndex + routes;
    return ms;
  });
  report("announceAndDecide", first, { bytesPerRoute: Math.round(bytes / PREFIXES) });
  const it = newBench();
  feed(it, table, 1, () => {});
  report(
    "secondPeer",
    cpuMilliseconds(() => feed(it, table, 2, () => {})),
  );
  report(
    "announceUnchanged",
    cpuMilliseconds(() => feed(it, table, 1, () => {})),
  );
  const two = totalOctets(it.rib.memory());
  report(
    "removePeer",
    cpuMilliseconds(() => {
      it.family.removePeer(1);
      while (it.rib.work(2 * SLICE));
    }),
    { bytesPerRouteAllIn: Math.round(two / (2 * PREFIXES)) },
  );
}

function measureReflection(name: string, profile: ExportProfile, clients: number): void {
  const peers = Array.from({ length: clients }, (_, i) => i + 2);
  let octets = 0;
  const ms = best(ROUNDS, () => {
    const it = newBench();
    for (const peerIndex of peers) it.groups.join({ peerIndex, family: IPV4_UNICAST }, profile);
    octets = 0;
    return cpuMilliseconds(() =>
      feed(it, table, 1, () => {
        octets += pullAll(it, peers);
      }),
    );
  });
  report(name, ms, { octets });
}

function measureDump(): void {
  const it = newBench();
  feed(it, table, 1, () => {});
  let octets = 0;
  it.groups.join({ peerIndex: 2, family: IPV4_UNICAST }, CLIENT_PROFILE);
  const first = cpuMilliseconds(() => {
    octets = pullAll(it, [2]);
  });
  report("dumpFirstMember", first, { octets });
  it.groups.join({ peerIndex: 3, family: IPV4_UNICAST }, CLIENT_PROFILE);
  report(
    "dumpLateMember",
    cpuMilliseconds(() => {
      octets = pullAll(it, [3]);
    }),
    { octets },
  );
}

measureCore();
measureReflection("reflectToOne", CLIENT_PROFILE, 1);
measureReflection("reflectToTen", CLIENT_PROFILE, 10);
measureReflection("reflectWithPrefixPolicy", { ...CLIENT_PROFILE, exportPolicy: BY_PREFIX }, 1);
measureDump();
