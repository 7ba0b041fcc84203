/*
 * Restarts must not be seen by packets: while daemons restart, in whatever order and weather, no kernel loses a route.
 */
import t from "tap";
import type { RestartingConfig } from "../../protocol/speaker/speaker-config.ts";
import { IPV4_UNICAST } from "../../protocol/types/family.ts";
import { RouterId } from "../../protocol/types/router-id.ts";
import { FAIR, STORMY } from "./network.ts";
import type { SimHost } from "./sim-host.ts";
import { fullMesh, hostConfig, ibgp, originate, workload } from "./topology.ts";
import { World } from "./world.ts";

function restarting(host: SimHost): RestartingConfig {
  return {
    preservedFamilies: [IPV4_UNICAST],
    waitForPeers: host.config.peers.map(({ name }) => name),
    selectionDeferralSeconds: 10,
  };
}

/** The journals of all kernels, from here on. */
function marks(hosts: readonly SimHost[]): readonly number[] {
  return hosts.map((host) => host.kernel(IPV4_UNICAST).journal.length);
}

function changesSince(hosts: readonly SimHost[], from: readonly number[]): readonly string[] {
  return hosts.flatMap((host, i) =>
    host
      .kernel(IPV4_UNICAST)
      .journal.slice(from[i])
      .map((line) => `${host.name}: ${line}`),
  );
}

function ready(world: World, hosts: readonly SimHost[]): void {
  for (const [i, host] of hosts.entries()) {
    host.originations = originate(workload(i + 1, 0), workload(i + 1, 1));
    host.start();
  }
  world.runUntil("all sessions", () => world.allEstablished());
  world.run(5);
}

/** Two reflectors and their clients. */
function reflected(world: World): readonly SimHost[] {
  const numbers = [1, 2, 3, 4, 5];
  return numbers.map((n) => {
    const others = numbers.filter((other) => other !== n && (n <= 2 || other <= 2));
    const peers = others.map((other) => ibgp(other, { routeReflectorClient: n <= 2 && other > 2 }));
    return world.add(`h${n}`, hostConfig(n, { peers, ...(n <= 2 && { clusterId: RouterId(n) }) }));
  });
}

for (const [name, make] of [
  ["full mesh", (world: World) => fullMesh(world, 5)],
  ["two reflectors", reflected],
] as const) {
  t.test(`${name}: twenty kills and starts, one after another, change no kernel`, (t) => {
    for (const weather of [FAIR, STORMY]) {
      const world = new World(20, weather);
      const hosts = make(world);
      ready(world, hosts);
      const before = marks(hosts);
      for (let i = 0; i < 20; i++) {
        const host = hosts[i % hosts.length] as SimHost;
        if (i % 3 === 2)
          host.feed({ type: "operator", command: { type: "stop", mode: "restart" } });
        host.crash();
        world.run(world.random() * 3);
        host.start(restarting(host));
        world.runUntil("sessions", () => world.allEstablished());
        world.run(12);
        t.same(changesSince(hosts, before), [], `restart ${i} of ${host.name}`);
      }
    }
    t.end();
  });

  t.test(`${name}: a storm of overlapping restarts changes no kernel`, (t) => {
    for (let seed = 1; seed <= 15; seed++) {
      const world = new World(seed, seed % 2 === 0 ? FAIR : STORMY);
      const hosts = make(world);
      ready(world, hosts);
      const before = marks(hosts);
      for (const host of hosts) {
        world.scheduler.after(world.random() * 4000, () => host.crash());
        world.scheduler.after(4000 + world.random() * 4000, () => host.start(restarting(host)));
      }
      world.run(8.5);
      world.runUntil("sessions", () => world.allEstablished());
      world.run(15);
      t.same(changesSince(hosts, before), [], `seed ${seed}`);
    }
    t.end();
  });
}

t.test(
  "what changed while a host was away is right after its restart, and nothing else is touched",
  (t) => {
    const world = new World(4);
    const hosts = fullMesh(world, 4);
    ready(world, hosts);
    const [a, b] = hosts as [SimHost, SimHost];
    const before = marks(hosts);
    a.crash();
    b.originate(originate(workload(2, 0), workload(2, 7)));
    world.run(2);
    a.start(restarting(a));
    world.runUntil("sessions", () => world.allEstablished());
    world.run(12);
    const changes = changesSince([a], before);
    t.same([...changes].sort(), [
      `h1: + ${workload(2, 7)} via 10.200.0.2`,
      `h1: - ${workload(2, 1)}`,
    ]);
    t.end();
  },
);

t.test(
  "what a restarted host does not announce again goes at its End-of-RIB, and not before",
  (t) => {
    const world = new World(7);
    const hosts = fullMesh(world, 3);
    ready(world, hosts);
    const [a, ...others] = hosts as [SimHost, ...SimHost[]];
    const before = marks(others);
    a.crash();
    a.originate(originate(workload(1, 0)));
    world.run(5);
    t.same(changesSince(others, before), [], "nobody knows yet");
    a.start(restarting(a));
    world.runUntil("sessions", () => world.allEstablished());
    world.run(12);
    const expected = others.map((host) => `${host.name}: - ${workload(1, 1)}`);
    t.same(changesSince(others, before), expected);
    t.end();
  },
);

t.test("a host that does not come back is forgotten after its restart time", (t) => {
  const world = new World(5);
  const hosts = fullMesh(world, 3, { gracefulRestart: { restartTimeSeconds: 40 } });
  ready(world, hosts);
  const [gone, ...others] = hosts as [SimHost, ...SimHost[]];
  gone.crash();
  world.run(38);
  for (const host of others) t.ok(host.kernel(IPV4_UNICAST).routes.has(workload(1)), "kept");
  world.run(5);
  for (const host of others) t.notOk(host.kernel(IPV4_UNICAST).routes.has(workload(1)), "gone");
  t.end();
});

t.test("a shutdown is no restart: the peers forget at once", (t) => {
  const world = new World(6);
  const hosts = fullMesh(world, 3);
  ready(world, hosts);
  const [gone, ...others] = hosts as [SimHost, ...SimHost[]];
  const command = { type: "stop", mode: "shutdown", message: "moving" } as const;
  gone.feed({ type: "operator", command });
  world.run(3);
  for (const host of others) {
    t.notOk(host.kernel(IPV4_UNICAST).routes.has(workload(1)), host.name);
    const down = host.events.find(({ name, peer }) => name === "peer.down" && peer === "h1");
    t.match(down?.fields["reason"], /moving/);
  }
  t.end();
});

t.test("a hundred and ten hosts in full mesh find one another and converge", (t) => {
  const world = new World(100);
  const hosts = fullMesh(world, 110);
  for (const host of hosts) host.start();
  world.runUntil("5,995 sessions", () => world.allEstablished());
  const complete = () => hosts.every((host) => host.kernel(IPV4_UNICAST).routes.size === 109);
  world.runUntil("all routes", complete, 10);
  t.ok(world.now < 10_000, `${world.now} ms of false time`);
  const [first] = hosts as [SimHost];
  first.originate([]);
  world.run(1);
  for (const host of hosts.slice(1)) t.notOk(host.kernel(IPV4_UNICAST).routes.has(workload(1)));
  t.end();
});
