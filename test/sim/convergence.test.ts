/*
 * Random histories, then quiet: whatever happened, each host ends with the table that the present state implies, and each
 * pair of ends agrees on what was told. A seed that ever failed belongs into FAILED_SEEDS.
 */
import t from "tap";
import { IPV4_UNICAST } from "../../protocol/types/family.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";
import { RouterId } from "../../protocol/types/router-id.ts";
import { FAIR, STORMY } from "./network.ts";
import type { SimHost } from "./sim-host.ts";
import { addressOf, fullMesh, hostConfig, ibgp, originate, workload } from "./topology.ts";
import { World } from "./world.ts";

const FAILED_SEEDS: readonly number[] = [287];
const SEEDS = [...FAILED_SEEDS, ...Array.from({ length: 60 }, (_, i) => i + 1)];

/** Short, so that a history fits into minutes. */
const TIMERS = {
  holdTimeSeconds: 9,
  connectRetrySeconds: 2,
  idleHoldSeconds: { initial: 1, max: 4 },
  gracefulRestart: { restartTimeSeconds: 20 },
} as const;

const QUIET_SECONDS = 60;

/** A workload address that several hosts may announce at once. */
function anycast(k: number): Prefix {
  return workload(250, k);
}

function mesh(world: World): readonly SimHost[] {
  return fullMesh(world, 3 + Math.floor(world.random() * 4), TIMERS);
}

/** One or two reflectors, the others their clients. */
function reflection(world: World): readonly SimHost[] {
  const reflectors = 1 + Math.floor(world.random() * 2);
  const count = reflectors + 2 + Math.floor(world.random() * 3);
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  const isReflector = (n: number) => n <= reflectors;
  return numbers.map((n) => {
    const peers = numbers
      .filter((other) => other !== n && (isReflector(n) || isReflector(other)))
      .map((other) =>
        ibgp(other, { ...TIMERS, routeReflectorClient: isReflector(n) && !isReflector(other) }),
      );
    const cluster = isReflector(n) ? { clusterId: RouterId(world.random() < 0.5 ? 9 : n) } : {};
    return world.add(`h${n}`, hostConfig(n, { peers, ...cluster }));
  });
}

type Incident = (world: World, hosts: readonly SimHost[]) => void;

function pick<Item>(world: World, items: readonly Item[]): Item {
  return items[Math.floor(world.random() * items.length)] as Item;
}

const restart = (host: SimHost) => ({
  preservedFamilies: [IPV4_UNICAST],
  waitForPeers: host.config.peers.map(({ name }) => name),
  selectionDeferralSeconds: 10,
});

const INCIDENTS: readonly Incident[] = [
  (world, hosts) => {
    const host = pick(world, hosts);
    const own = [0, 1, 2]
      .filter(() => world.random() < 0.5)
      .map((k) => workload(hosts.indexOf(host) + 1, k));
    const shared = [0, 1].filter(() => world.random() < 0.4).map(anycast);
    host.originate(originate(...own, ...shared));
  },
  (world, hosts) => world.network.reset(pick(world, hosts), pick(world, hosts)),
  (world, hosts) => world.network.cut(pick(world, hosts), pick(world, hosts)),
  (world, hosts) => {
    for (const a of hosts) for (const b of hosts) world.network.mend(a, b);
  },
  (world, hosts) => pick(world, hosts).crash({ silent: world.random() < 0.3 }),
  (world, hosts) => {
    const host = pick(world, hosts);
    if (!host.isListening) host.start(world.random() < 0.5 ? restart(host) : undefined);
  },
  (world, hosts) => {
    const host = pick(world, hosts);
    const mode = world.random() < 0.5 ? "restart" : "shutdown";
    host.feed({ type: "operator", command: { type: "stop", mode } });
  },
  (world, hosts) => {
    const host = pick(world, hosts);
    const { name } = pick(world, host.config.peers);
    const direction = pick(world, ["in", "out", "both"] as const);
    host.feed({ type: "operator", command: { type: "refreshPeer", peer: name, direction } });
  },
  (world, hosts) => {
    const host = pick(world, hosts);
    const { name } = pick(world, host.config.peers);
    host.feed({ type: "operator", command: { type: "resetPeer", peer: name } });
  },
  (world) => {
    world.network.weather = world.random() < 0.5 ? FAIR : STORMY;
  },
];

/** Lets things happen, then heals all wires, starts everybody, and waits. */
function history(world: World, hosts: readonly SimHost[]): void {
  for (const host of hosts) host.workBudget = 1 + Math.floor(world.random() * 5);
  for (const [i, host] of hosts.entries()) {
    host.originations = originate(workload(i + 1));
    if (world.random() < 0.8) host.start();
  }
  for (let i = 0; i < 40; i++) {
    pick(world, INCIDENTS)(world, hosts);
    world.run(world.random() * 4);
  }
  for (const a of hosts) for (const b of hosts) world.network.mend(a, b);
  world.network.weather = FAIR;
  // A host that is shutting down needs a moment to be gone.
  world.run(5);
  for (const host of hosts) if (!host.isListening) host.start();
  world.run(QUIET_SECONDS);
  world.runUntil("all sessions are up", () => world.allEstablished(), 120);
  world.run(QUIET_SECONDS);
}

/** Who announces what, now. */
function originators(hosts: readonly SimHost[]): ReadonlyMap<Prefix, readonly SimHost[]> {
  const byPrefix = new Map<Prefix, SimHost[]>();
  for (const host of hosts) {
    for (const { prefix } of host.originations) {
      byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), host]);
    }
  }
  return byPrefix;
}

function heard(host: SimHost, table: "adj-in" | "adj-out", peer: string): string {
  const query = { table, family: IPV4_UNICAST, peer, limit: 1000 } as const;
  return host.speaker
    .routes(query)
    .routes.map(({ prefix, attributes }) => `${prefix} via ${attributes.nextHop}`)
    .sort()
    .join(", ");
}

function checkAgreement(t: Check, hosts: readonly SimHost[], seed: number): void {
  for (const [i, host] of hosts.entries()) {
    for (const { name } of host.config.peers) {
      const peer = hosts.find((each) => each.name === name) as SimHost;
      const [told, known] = [heard(host, "adj-out", name), heard(peer, "adj-in", `h${i + 1}`)];
      t.equal(known, told, `seed ${seed}: what ${host.name} told ${name} is what ${name} knows`);
    }
  }
}

type Check = Pick<typeof t, "equal">;

for (const seed of SEEDS) {
  t.test(`a mesh after history ${seed}`, (t) => {
    const world = new World(seed);
    const hosts = mesh(world);
    history(world, hosts);
    const announced = originators(hosts);
    for (const host of hosts) {
      const expected: [Prefix, readonly IpAddress[]][] = [];
      for (const [prefix, owners] of announced) {
        if (owners.includes(host)) continue;
        expected.push([prefix, owners.map((owner) => addressOf(hosts.indexOf(owner) + 1)).sort()]);
      }
      const kernel = [...host.kernel(IPV4_UNICAST).routes].map(
        ([prefix, nextHops]) => [prefix, [...nextHops].sort()] as const,
      );
      t.same(kernel.sort(), expected.sort(), `seed ${seed}: ${host.name}`);
    }
    checkAgreement(t, hosts, seed);
    t.end();
  });

  t.test(`route reflection after history ${seed}`, (t) => {
    const world = new World(seed);
    const hosts = reflection(world);
    history(world, hosts);
    const announced = originators(hosts);
    for (const host of hosts) {
      const kernel = host.kernel(IPV4_UNICAST).routes;
      for (const [prefix, owners] of announced) {
        if (owners.includes(host)) {
          t.notOk(kernel.has(prefix), `seed ${seed}: ${host.name} owns ${prefix}`);
          continue;
        }
        const addresses = owners.map((owner) => addressOf(hosts.indexOf(owner) + 1));
        const nextHops = kernel.get(prefix) ?? [];
        const fine = nextHops.length > 0 && nextHops.every((each) => addresses.includes(each));
        t.ok(fine, `seed ${seed}: ${host.name} to ${prefix} by ${nextHops.join(" ")}`);
      }
      for (const prefix of kernel.keys())
        t.ok(announced.has(prefix), `seed ${seed}: ${prefix} is no ghost`);
    }
    checkAgreement(t, hosts, seed);
    t.end();
  });
}
