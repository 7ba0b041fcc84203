/*
 * Bugs that other BGP speakers had in the field, each as a small world in false time. The title names the thread.
 */
import t from "tap";
import { Asn } from "../../protocol/types/asn.ts";
import { IPV4_UNICAST } from "../../protocol/types/family.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { RouterId } from "../../protocol/types/router-id.ts";
import type { SimHost } from "./sim-host.ts";
import { addressOf, fullMesh, hostConfig, ibgp, originate, workload } from "./topology.ts";
import { bestRoutes, peering, World } from "./world.ts";

const client = { routeReflectorClient: true };

/** Hosts 1 and 2 reflect (each with its own cluster id, or with one), hosts 3 and on are clients of both. */
function reflected(
  world: World,
  clients: number,
  { sameCluster }: { readonly sameCluster: boolean },
) {
  const numbers = Array.from({ length: clients }, (_, i) => i + 3);
  const reflectors = [1, 2].map((n) =>
    world.add(
      `h${n}`,
      hostConfig(n, {
        clusterId: RouterId(sameCluster ? 100 : 100 + n),
        peers: [ibgp(3 - n), ...numbers.map((each) => ibgp(each, client))],
      }),
    ),
  );
  const hosts = numbers.map((n) => {
    const host = world.add(`h${n}`, hostConfig(n, { peers: [ibgp(1), ibgp(2)] }));
    host.originations = originate(workload(n));
    return host;
  });
  return { reflectors, clients: hosts };
}

function startAll(world: World): void {
  for (const host of world.hosts) if (!host.isListening) host.start();
  world.runUntil("all sessions", () => world.allEstablished());
  world.run(3);
}

function kernelOf(host: SimHost): ReadonlyMap<Prefix, unknown> {
  return host.kernel(IPV4_UNICAST).routes;
}

t.test(
  "redundant reflectors do not keep a withdrawn route alive between them (gobgp #2166)",
  (t) => {
    for (const sameCluster of [true, false]) {
      for (let seed = 1; seed <= 5; seed++) {
        const world = new World(seed);
        const { clients } = reflected(world, 3, { sameCluster });
        startAll(world);
        const [first, ...others] = clients as [SimHost, ...SimHost[]];
        for (const other of others) t.ok(kernelOf(other).has(workload(3)), "it was there");
        first.originate([]);
        world.run(5);
        for (const host of world.hosts) {
          t.notOk(bestRoutes(host).has(workload(3)), `${host.name}, seed ${seed}`);
          t.notOk(kernelOf(host).has(workload(3)), `kernel of ${host.name}`);
        }
      }
    }
    t.end();
  },
);

t.test("our own route does not come back as an echo after its local delete (gobgp #2414)", (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const world = new World(seed);
    const { clients } = reflected(world, 2, { sameCluster: false });
    startAll(world);
    const [owner] = clients as [SimHost, SimHost];
    owner.originate([]);
    for (let i = 0; i < 200; i++) {
      world.run(0.01);
      t.notOk(kernelOf(owner).has(workload(3)), "never installed towards ourselves");
    }
  }
  t.end();
});

t.test("a restarting client shows R to each of its reflectors (gobgp #3431)", (t) => {
  const world = new World(3);
  const { clients, reflectors } = reflected(world, 2, { sameCluster: true });
  startAll(world);
  const [owner] = clients as [SimHost, SimHost];
  const [, second] = reflectors as [SimHost, SimHost];
  world.network.cut(owner, second);
  owner.crash();
  world.run(1);
  owner.start({
    preservedFamilies: [IPV4_UNICAST],
    waitForPeers: ["h1", "h2"],
    selectionDeferralSeconds: 10,
  });
  world.run(20);
  world.network.mend(owner, second);
  world.runUntil("both reflectors", () => world.allEstablished());
  for (const host of reflectors) {
    const peer = host.speaker.peers().find(({ name }) => name === "h3");
    const said = peer?.capabilitiesReceived.find(({ type }) => type === "gracefulRestart");
    t.match(said, { restarting: true, families: [{ forwarding: true }] }, host.name);
  }
  t.end();
});

t.test("a helper does not lock out a peer whose OPEN comes without R (gobgp #1296)", (t) => {
  const world = new World(4);
  const [a, b] = fullMesh(world, 2) as [SimHost, SimHost];
  startAll(world);
  a.crash();
  world.run(1);
  t.ok(kernelOf(b).has(workload(1)), "kept while it restarts");
  a.start();
  world.runUntil("the session", () => world.allEstablished(), 30);
  world.run(2);
  t.ok(kernelOf(b).has(workload(1)));
  t.end();
});

t.test("a reflector with 8,000 routes leaves none out (gobgp #1759)", (t) => {
  const world = new World(5);
  const { clients } = reflected(world, 4, { sameCluster: true });
  const [big, ...others] = clients as [SimHost, ...SimHost[]];
  const prefixes = Array.from({ length: 8000 }, (_, i) => Prefix(`100.64.${i >> 8}.${i & 255}/32`));
  big.originations = originate(...prefixes);
  startAll(world);
  world.run(5);
  const late = world.add("h9", hostConfig(9, { peers: [ibgp(1), ibgp(2)] }));
  for (const n of [1, 2]) {
    const reflector = world.hosts[n - 1] as SimHost;
    reflector.configure({
      ...reflector.config,
      peers: [...reflector.config.peers, ibgp(9, client)],
    });
  }
  late.start();
  world.runUntil("the late one", () => world.allEstablished());
  world.run(5);
  for (const host of [...others, late]) {
    const missing = prefixes.filter((prefix) => !kernelOf(host).has(prefix));
    t.equal(missing.length, 0, `${host.name} has all`);
  }
  t.end();
});

t.test("a new neighbour does not keep routes from clients with ADD-PATH (FRR #5329)", (t) => {
  const world = new World(6);
  const families = [{ family: IPV4_UNICAST, addPath: "both" as const }];
  const numbers = [2, 3, 4];
  const reflector = world.add(
    "h1",
    hostConfig(1, {
      clusterId: RouterId(1),
      peers: numbers.slice(0, 2).map((n) => ibgp(n, { ...client, families })),
    }),
  );
  const shared = Prefix("10.99.0.0/24");
  for (const n of numbers) {
    const host = world.add(`h${n}`, hostConfig(n, { peers: [ibgp(1, { families })] }));
    host.originations = originate(workload(n), ...(n === 2 ? [] : [shared]));
  }
  const fourth = world.hosts[3] as SimHost;
  for (const host of world.hosts) if (host !== fourth) host.start();
  world.runUntil("three", () => reflector.speaker.status().peers.established === 2);
  world.run(3);
  const peers = [...reflector.config.peers, ibgp(4, { ...client, families })];
  reflector.configure({ ...reflector.config, peers });
  fourth.start();
  world.runUntil("four", () => world.allEstablished());
  world.run(3);
  const second = world.hosts[1] as SimHost;
  const paths = second.speaker.routes({
    table: "adj-in",
    family: IPV4_UNICAST,
    peer: "h1",
    limit: 100,
  }).routes;
  const of = (prefix: Prefix) => paths.filter((route) => route.prefix === prefix);
  t.equal(of(workload(4)).length, 1, "the new neighbour's own");
  t.same(
    of(shared)
      .map(({ attributes }) => attributes.nextHop)
      .sort(),
    [addressOf(3), addressOf(4)],
    "both paths of what two announce",
  );
  t.end();
});

t.test("a stop for a restart sends no Cease, so the peers keep the routes (cilium #39835)", (t) => {
  const world = new World(7);
  const [a, b] = fullMesh(world, 2) as [SimHost, SimHost];
  startAll(world);
  const seen = b.events.length;
  a.feed({ type: "operator", command: { type: "stop", mode: "restart" } });
  for (let i = 0; i < 100; i++) {
    world.run(0.1);
    t.ok(kernelOf(b).has(workload(1)), "at the peer");
    t.ok(kernelOf(a).has(workload(2)), "and here");
  }
  t.notOk(b.events.slice(seen).some(({ notification }) => notification !== undefined));
  t.end();
});

t.test(
  "a peer whose failover eats TCP in silence is noticed by its hold timer (metallb #777)",
  (t) => {
    const world = new World(8);
    const timers = { holdTimeSeconds: 9 } as const;
    const [a, b] = fullMesh(world, 2, timers) as [SimHost, SimHost];
    startAll(world);
    world.network.cut(a, b);
    world.run(10);
    for (const host of [a, b]) t.not(host.speaker.peers()[0]?.state, "Established", host.name);
    world.network.mend(a, b);
    world.runUntil("they find one another again", () => world.allEstablished(), 60);
    t.end();
  },
);

t.test(
  "a peer that sends but never reads is noticed by the send hold timer (metallb #777, RFC 9687)",
  (t) => {
    const world = new World(9);
    const [a, b] = fullMesh(world, 2, { sendHoldSeconds: 30 }) as [SimHost, SimHost];
    startAll(world);
    world.network.stall(a, b);
    const flood = Array.from({ length: 30_000 }, (_, i) =>
      Prefix(`100.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`),
    );
    a.originate(originate(...flood));
    world.run(20);
    t.equal(a.speaker.peers()[0]?.state, "Established", "its KEEPALIVEs still come");
    world.run(15);
    t.match(a.speaker.peers()[0]?.lastError, { code: 8 });
    t.end();
  },
);

t.test("a wrong AS does not make anyone spin (metallb #1114)", (t) => {
  const world = new World(10);
  const config = (n: number, other: number) =>
    hostConfig(n, {
      peers: [
        peering({
          name: `h${other}`,
          address: addressOf(other),
          localAsn: Asn(64512),
          peerAsn: Asn(65000),
        }),
      ],
    });
  const [a, b] = [world.add("h1", config(1, 2)), world.add("h2", config(2, 1))];
  for (const host of [a, b]) host.start();
  world.run(600);
  for (const host of [a, b]) {
    const attempts = host.events.filter(({ name }) => name === "peer.failed").length;
    t.ok(attempts > 3, "they go on trying");
    t.ok(attempts < 150, `${attempts} attempts in ten minutes`);
    t.match(host.speaker.peers()[0]?.lastError, { code: 2, subcode: 2 });
  }
  t.end();
});

t.test(
  "becoming a route-reflector client keeps the session, and routes follow (FRR #7808)",
  (t) => {
    const world = new World(11);
    const reflector = world.add(
      "h1",
      hostConfig(1, { clusterId: RouterId(1), peers: [ibgp(2), ibgp(3)] }),
    );
    for (const n of [2, 3]) {
      world.add(`h${n}`, hostConfig(n, { peers: [ibgp(1)] })).originations = originate(workload(n));
    }
    startAll(world);
    const third = world.hosts[2] as SimHost;
    t.notOk(kernelOf(third).has(workload(2)), "between non-clients nothing is reflected");
    reflector.configure({ ...reflector.config, peers: [ibgp(2, client), ibgp(3)] });
    world.run(3);
    t.ok(kernelOf(third).has(workload(2)));
    for (const peer of reflector.speaker.peers()) t.equal(peer.establishedCount, 1, peer.name);
    reflector.configure({ ...reflector.config, peers: [ibgp(2), ibgp(3)] });
    world.run(3);
    t.notOk(kernelOf(third).has(workload(2)), "and back");
    t.end();
  },
);

t.test(
  "two hosts that restart together and dial together keep their routes (Calico node #79)",
  (t) => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World(seed);
      const [a, b] = fullMesh(world, 2) as [SimHost, SimHost];
      startAll(world);
      for (const host of [a, b]) host.crash();
      world.run(1);
      const before = [a, b].map((host) => host.kernel(IPV4_UNICAST).journal.length);
      for (const [host, other] of [
        [a, "h2"],
        [b, "h1"],
      ] as const) {
        host.start({
          preservedFamilies: [IPV4_UNICAST],
          waitForPeers: [other],
          selectionDeferralSeconds: 10,
        });
      }
      world.run(30);
      t.ok(world.allEstablished(), `seed ${seed}: established`);
      for (const [i, host] of [a, b].entries()) {
        const after = host.kernel(IPV4_UNICAST).journal.slice(before[i]);
        t.same(after, [], `seed ${seed}: the kernel of ${host.name} was left alone`);
        t.equal(host.speaker.peers()[0]?.establishedCount, 1, "and the session came up once");
      }
    }
    t.end();
  },
);
