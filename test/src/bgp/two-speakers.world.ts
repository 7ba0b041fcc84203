import { connect, createServer, type Server } from "node:net";
import t from "tap";
import type { BestRouteBatch } from "../../../protocol/rib/best-route-batch.ts";
import { Speaker } from "../../../protocol/speaker/speaker.ts";
import type { Origination, PeerConfig } from "../../../protocol/speaker/speaker-config.ts";
import type { SpeakerEvent } from "../../../protocol/speaker/speaker-io.ts";
import { IPV4_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { BgpDriver } from "../../../src/bgp/bgp-driver.ts";
import type { BgpSockets } from "../../../src/bgp/bgp-sockets.ts";
import { processClock } from "../../../src/bgp/clock.ts";
import { nativeBgpSockets } from "../../../src/bgp/native-bgp-sockets.ts";

import { PORT, peerConfig, speakerConfig, type Teardown, until } from "./driver-support.ts";

function workloads(count: number, third: number): Origination[] {
  return Array.from({ length: count }, (_, i) => ({
    prefix: Prefix(`10.${third + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`),
    kind: "workload" as const,
  }));
}

/** One host: a Speaker, its driver, and what the driver told. Its kernel resolves every next hop. */
class Host {
  readonly address: string;
  readonly speaker = new Speaker({ random: Math.random });
  readonly driver: BgpDriver;
  readonly events: SpeakerEvent[] = [];
  readonly converged: number[] = [];
  readonly table = new Map<string, number>();
  failure: Error | undefined;

  constructor(address: string, sockets: BgpSockets = nativeBgpSockets()) {
    this.address = address;
    this.driver = new BgpDriver({
      speaker: this.speaker,
      clock: processClock,
      sockets,
      outputs: {
        event: (event) => this.events.push(event),
        bestRoutes: (batch) => this.#install(batch),
        acceptsBestRoutes: () => true,
        trackNextHops: (nextHops) =>
          this.driver.feed({
            type: "nextHopChanged",
            nextHops: nextHops.map((nextHop) => ({
              nextHop,
              reachable: true,
              metric: 0,
              onLink: true,
            })),
          }),
        familyConverged: (family) => this.converged.push(family),
        failed: (error) => {
          this.failure = error;
        },
      },
    });
  }

  async configure(peers: readonly PeerConfig[], routes: readonly Origination[]): Promise<void> {
    await this.driver.configure(speakerConfig(this.address, peers), {
      port: PORT,
      addresses: [IpAddress(this.address)],
    });
    this.driver.feed({ type: "originated", routes, complete: true });
  }

  get isUp(): boolean {
    const peers = this.speaker.peers();
    return peers.length > 0 && peers.every(({ state }) => state === "Established");
  }

  eventNames(): string[] {
    return this.events.map(({ name }) => name);
  }

  #install({ addresses, lengths, nextHopSets, count }: BestRouteBatch): void {
    for (let i = 0; i < count; i++) {
      const key = `${addresses[i]}/${lengths[i]}`;
      const set = nextHopSets[i] ?? 0;
      if (set === 0) this.table.delete(key);
      else this.table.set(key, set);
    }
  }
}

/** Two hosts that peer with one another. */
async function twoHosts(
  test: Teardown,
  {
    first = 1,
    second = 1,
    fields = {},
  }: { first?: number; second?: number; fields?: Partial<PeerConfig> },
): Promise<readonly [Host, Host]> {
  const [a, b] = [new Host("127.0.0.11"), new Host("127.0.0.12")];
  test.teardown(() => {
    a.driver.close();
    b.driver.close();
  });
  await a.configure([peerConfig(b.address, a.address, fields)], workloads(first, 20));
  await b.configure([peerConfig(a.address, b.address, fields)], workloads(second, 60));
  return [a, b];
}

t.test("two speakers meet over real sockets and exchange what they originate", async (t) => {
  const [a, b] = await twoHosts(t, { first: 3, second: 5 });
  await until("both have the other's routes", () => a.table.size === 5 && b.table.size === 3);
  t.ok(a.isUp && b.isUp);
  t.ok(a.eventNames().includes("peer.up"), a.eventNames().join());
  await until("End-of-RIB", () => a.converged.includes(IPV4_UNICAST));
  a.driver.feed({ type: "originated", routes: workloads(1, 20), complete: true });
  await until("a withdrawal arrives", () => b.table.size === 1);
  t.equal(a.failure, undefined);
  t.equal(b.failure, undefined);
});

t.test("20,000 routes each way, while keepalives keep their time", async (t) => {
  const [a, b] = await twoHosts(t, { first: 20_000, second: 20_000 });
  await until("all routes are there", () => a.table.size === 20_000 && b.table.size === 20_000);
  t.ok(a.isUp && b.isUp);
  const { workBudget, connections, inboxLength } = a.driver.statistics();
  t.ok(workBudget >= 64, "the budget was tuned, and has a floor");
  t.equal(connections, 1, "of two crossing connections one survived");
  t.ok(inboxLength < 100);
});

t.test(
  "with MD5: a key that both ends change keeps the session; one that only one end has ends it",
  async (t) => {
    const [a, b] = await twoHosts(t, { fields: { password: "canary-key-1" } });
    await until("up with a key", () => a.isUp && b.isUp);
    const useKey = async (host: Host, other: Host, password: string, third: number) =>
      host.configure([peerConfig(other.address, host.address, { password })], workloads(2, third));
    await useKey(b, a, "canary-key-2", 60);
    await useKey(a, b, "canary-key-2", 20);
    await until(
      "routes pass over the same session",
      () => a.table.size === 2 && b.table.size === 2,
    );
    for (const { speaker } of [a, b]) t.match(speaker.peers()[0], { establishedCount: 1 });
    // A third key at one end: what it sends is not heard, and a session that begins anew does not come up.
    await useKey(b, a, "canary-key-3", 60);
    a.driver.feed({
      type: "operator",
      command: { type: "resetPeer", peer: peerConfig(b.address, a.address).name },
    });
    await until("down with different keys", () => !a.isUp);
    await useKey(a, b, "canary-key-3", 20);
    await until("up with the new key", () => a.isUp && b.isUp);
    const told = JSON.stringify([a.events, b.events, a.driver.journal(), a.speaker.peers()]);
    t.notMatch(told, /canary-key/, "no key in events, journal or snapshots");
  },
);

t.test("a shutdown withdraws and says goodbye; a restart keeps the peer's routes", async (t) => {
  const [a, b] = await twoHosts(t, { first: 2 });
  await until("up", () => b.table.size === 2);
  await a.driver.stop("restart");
  await until("b notices", () => !b.isUp);
  t.equal(b.table.size, 2, "graceful restart: routes stay");
  const again = new Host(a.address);
  t.teardown(() => again.driver.close());
  await again.configure([peerConfig(b.address, a.address)], workloads(2, 20));
  await until("up again", () => again.isUp && b.isUp);
  await again.driver.stop("shutdown", "for ever");
  await until("b forgets", () => b.table.size === 0);
  const cease = b.events.find(({ notification }) => notification?.direction === "received");
  t.match(cease?.notification?.message, { code: 6, subcode: 2 });
});

t.test("a connection from nobody's address is closed, and costs nothing", async (t) => {
  const [a, b] = await twoHosts(t, {});
  await until("up", () => a.isUp && b.isUp);
  const stranger = connect({ port: PORT, host: a.address, localAddress: "127.0.0.99" });
  await new Promise<void>((resolve) => {
    stranger.on("error", () => {});
    stranger.on("close", () => resolve());
  });
  t.equal(a.driver.statistics().connections, 1);
  t.ok(a.isUp);
});

t.test("a port that is taken: named in a problem, taken over when it is free", async (t) => {
  const squatter: Server = createServer().listen(PORT, "127.0.0.21");
  await new Promise((resolve) => squatter.once("listening", resolve));
  const host = new Host("127.0.0.21");
  t.teardown(() => host.driver.close());
  await host.configure([], []);
  const [problem] = host.driver.statistics().listenProblems;
  t.match(problem?.reason, /port 21179 on 127.0.0.21 is taken by/);
  t.match(problem?.reason, `(pid ${process.pid})`);
  t.ok(host.eventNames().includes("listen.failed"));
  await new Promise((resolve) => squatter.close(resolve));
  await until("it listens", () => host.driver.listeningPorts().includes(PORT));
  t.strictSame(host.driver.statistics().listenProblems, []);
});
