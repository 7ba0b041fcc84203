/* What peers of other ASes are told, and what no one is told: as seen by the peer. */
import t from "tap";
import type { PeerConfig } from "../../protocol/speaker/speaker-config.ts";
import { Asn } from "../../protocol/types/asn.ts";
import { WELL_KNOWN } from "../../protocol/types/community.ts";
import { IPV4_UNICAST } from "../../protocol/types/family.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import type { SimHost } from "./sim-host.ts";
import { addressOf, hostConfig, ibgp, originate, workload } from "./topology.ts";
import { peering, World } from "./world.ts";

const TOR = 99;

function toTor(change: Partial<PeerConfig> = {}): PeerConfig {
  return peering({
    name: `h${TOR}`,
    address: addressOf(TOR),
    localAsn: Asn(64512),
    peerAsn: Asn(65000),
    ...change,
  });
}

/** Three hosts in full mesh, each with an eBGP session to one top of rack. */
function rack(change: Partial<PeerConfig> = {}) {
  const world = new World(1);
  const numbers = [1, 2, 3];
  const hosts = numbers.map((n) => {
    const mesh = numbers.filter((other) => other !== n).map((other) => ibgp(other));
    const host = world.add(`h${n}`, hostConfig(n, { peers: [...mesh, toTor(change)] }));
    host.originations = originate(workload(n));
    return host;
  });
  const below = numbers.map((n) =>
    peering({ name: `h${n}`, address: addressOf(n), localAsn: Asn(65000), peerAsn: Asn(64512) }),
  );
  const tor = world.add(`h${TOR}`, { ...hostConfig(TOR, { peers: below }), asn: Asn(65000) });
  tor.originations = originate(Prefix("0.0.0.0/0"), Prefix("192.0.2.0/24"));
  for (const host of world.hosts) host.start();
  world.runUntil("all sessions", () => world.allEstablished());
  world.run(5);
  return { world, hosts, tor };
}

function heardFrom(tor: SimHost, peer: string) {
  const query = { table: "adj-in", family: IPV4_UNICAST, peer, limit: 100 } as const;
  return tor.speaker.routes(query).routes;
}

t.test("the top of rack sends each workload's packets to the host that owns it", (t) => {
  const { tor, hosts } = rack();
  for (const n of [1, 2, 3]) {
    t.same(tor.kernel(IPV4_UNICAST).routes.get(workload(n)), [addressOf(n)], `host ${n}`);
    const routes = heardFrom(tor, `h${n}`);
    t.same(
      routes.map(({ prefix }) => prefix),
      [workload(n)],
      "and is told nothing else",
    );
    t.match(routes[0]?.attributes, {
      nextHop: addressOf(n),
      asPath: [{ type: "sequence", asns: [64512] }],
      localPref: undefined,
    });
  }
  for (const host of hosts) {
    const table = host.kernel(IPV4_UNICAST).routes;
    t.same(table.get(Prefix("192.0.2.0/24")), [addressOf(TOR)], `${host.name} goes out directly`);
  }
  t.end();
});

t.test(
  "with exportLearned the top of rack hears what a host learned over iBGP, through that host",
  (t) => {
    const { tor } = rack({ exportLearned: true });
    const routes = heardFrom(tor, "h1");
    t.same(
      routes.map(({ prefix }) => prefix).sort(),
      [1, 2, 3].map((n) => workload(n)),
    );
    t.end();
  },
);

t.test("routes of one top of rack are not told to another, nor back", (t) => {
  const { tor } = rack();
  for (const n of [1, 2, 3]) {
    const back = heardFrom(tor, `h${n}`).filter(({ prefix }) => prefix === "192.0.2.0/24");
    t.same(back, []);
  }
  t.end();
});

t.test("NO_EXPORT stays in the AS, NO_ADVERTISE with us", (t) => {
  const { world, hosts, tor } = rack();
  const [one, two] = hosts as [SimHost, SimHost];
  const kept = workload(1, 7);
  const silent = workload(1, 8);
  one.originate([
    { prefix: kept, kind: "workload", communities: [WELL_KNOWN.noExport] },
    { prefix: silent, kind: "workload", communities: [WELL_KNOWN.noAdvertise] },
  ]);
  world.run(2);
  t.ok(two.kernel(IPV4_UNICAST).routes.has(kept), "within the AS");
  t.notOk(tor.kernel(IPV4_UNICAST).routes.has(kept), "not beyond");
  for (const host of [two, tor]) t.notOk(host.kernel(IPV4_UNICAST).routes.has(silent));
  t.end();
});
