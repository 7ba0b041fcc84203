import t from "tap";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { Prefix, prefixAddress, prefixFamily, prefixLength } from "../../protocol/types/prefix.ts";
import { listRoutes } from "../../src/kernel/kernel-lists.ts";
import { FLAG, MESSAGE } from "../../src/kernel/netlink/netlink-constants.ts";
import { NetlinkSocket } from "../../src/kernel/netlink/netlink-socket.ts";
import { writeRoute } from "../../src/kernel/netlink/route-codec.ts";
import type { OwnRouteSource } from "../../src/kernel/route-driver.ts";
import { TORTIE_ROUTE_PROTOCOL } from "../../src/kernel/route-protocol.ts";
import { formatRouteTarget, type RouteTarget } from "../../src/kernel/route-target.ts";
import { prefixWords } from "../../src/kernel/routes/own-wishes.ts";
import { RouteTargetTable } from "../../src/kernel/routes/route-target-table.ts";
import { KernelHost } from "./kernel-host.ts";

/*
 * Random wishes, limits, restarts, and another program that adds, replaces and deletes routes at the same keys, its own and
 * ours; then all is let come to rest. In the end each key holds the other's route, untouched, or exactly the strongest wish.
 */

const METRIC = 1024;
const STEPS = 150;
const SEEDS = [1, 2, 3, 4, 5, 6];
const STATIC = 4;

const PREFIXES = [
  ...[1, 2, 3, 4, 5, 6].map((i) => Prefix(`10.90.${i}.0/24`)),
  Prefix("0.0.0.0/0"),
  ...[1, 2, 3, 4, 5].map((i) => Prefix(`fd90:${i}::/64`)),
];

/** Numbers that look random and are the same in every run. */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * limit);
  };
}

class Chaos {
  readonly host: KernelHost;
  readonly random: (limit: number) => number;
  readonly #other: NetlinkSocket;
  readonly own = new Map<OwnRouteSource, Map<Prefix, RouteTarget>>();
  readonly learned = new Map<Prefix, number>();
  readonly sets = new Map<number, RouteTarget | undefined>();
  readonly done = new Map<string, number>();

  constructor(host: KernelHost, seed: number) {
    this.host = host;
    this.random = randomFrom(seed);
    this.#other = host.inside(() => new NetlinkSocket());
  }

  step(): void {
    const acts = [
      this.wish,
      this.learn,
      this.define,
      this.meddle,
      this.meddle,
      this.work,
      this.work,
    ];
    const act = this.random(60) === 0 ? this.restart : acts[this.random(acts.length)];
    act?.call(this);
    this.done.set(act?.name ?? "", (this.done.get(act?.name ?? "") ?? 0) + 1);
  }

  wish(): void {
    const source = (["local", "static", "blackhole"] as const)[this.random(3)] ?? "local";
    const wishes = new Map<Prefix, RouteTarget>();
    for (const prefix of PREFIXES) {
      if (this.random(4) === 0) wishes.set(prefix, this.#target(prefix));
    }
    this.own.set(source, wishes);
    this.#tellOwn(source);
  }

  learn(): void {
    const prefix = this.#prefix();
    const set = this.random(4) === 0 ? 0 : 1 + this.random(6);
    if (set === 0) this.learned.delete(prefix);
    else this.learned.set(prefix, set);
    this.#tellLearned(prefix, set);
  }

  /** Sets 1 to 3 are for both families, being IPv6; 4 to 6 are IPv4 and mean nothing to IPv6 routes. */
  define(): void {
    const index = 1 + this.random(6);
    const prefix = index <= 3 ? Prefix("fd00::/8") : Prefix("10.0.0.0/8");
    const target = this.random(5) === 0 ? undefined : this.#gateways(prefix);
    this.sets.set(index, target);
    this.host.driver.defineGatewaySets([{ index, target }]);
  }

  /** Another program, at one of the keys: its own route or, blindly, ours. */
  meddle(): void {
    const prefix = this.#prefix();
    const act = this.random(4);
    const remove = act === 0 || act === 1;
    this.#other.tryRequest({
      type: remove ? MESSAGE.deleteRoute : MESSAGE.newRoute,
      flags: remove ? 0 : FLAG.create | (act === 2 ? FLAG.exclusive : FLAG.replace),
      write: (writer) =>
        writeRoute(writer, {
          prefix,
          table: 254,
          metric: METRIC,
          tos: 0,
          protocol: act === 0 ? 0 : STATIC,
          scope: remove ? 255 : 0,
          kind: remove ? "unspecified" : "unreachable",
          legs: [],
          cloned: false,
        }),
    });
  }

  work(): void {
    this.host.driver.apply({ maxRoutes: 1 + this.random(4) });
  }

  restart(): void {
    this.host.restart();
    this.host.driver.adopt();
    this.host.driver.defineGatewaySets(
      [...this.sets].map(([index, target]) => ({ index, target })),
    );
    for (const source of this.own.keys()) this.#tellOwn(source);
    for (const [prefix, set] of this.learned) this.#tellLearned(prefix, set);
  }

  /** The strongest wish as text; undefined for none. */
  wanted(prefix: Prefix): string | undefined {
    for (const source of ["local", "static", "blackhole"] as const) {
      const target = this.own.get(source)?.get(prefix);
      if (target !== undefined) return canonical(prefix, target);
    }
    const target = this.sets.get(this.learned.get(prefix) ?? 0);
    return target && canonical(prefix, target);
  }

  close(): void {
    this.#other.close();
  }

  #prefix(): Prefix {
    return PREFIXES[this.random(PREFIXES.length)] as Prefix;
  }

  #target(prefix: Prefix): RouteTarget {
    const kind = this.random(4);
    if (kind === 0) return { type: "blackhole" };
    if (kind === 1) return { type: "interface", interfaceIndex: this.host.link("a") };
    return this.#gateways(prefix);
  }

  #gateways(prefix: Prefix): RouteTarget {
    const [a, b] = prefix.includes(":") ? ["fd00:1::", "fd00:2::"] : ["10.0.1.", "10.0.2."];
    const legs = [`a ${a}${2 + this.random(2)}`, `b ${b}${2 + this.random(2)}`];
    const count = this.random(3);
    return count === 2 ? this.host.via(...legs) : this.host.via(legs[count] as string);
  }

  #tellOwn(source: OwnRouteSource): void {
    const wishes = [...(this.own.get(source) ?? [])];
    this.host.driver.setOwnRoutes(
      source,
      wishes.map(([prefix, target]) => ({ prefix, metric: METRIC, target })),
    );
  }

  #tellLearned(prefix: Prefix, set: number): void {
    this.host.driver.setLearnedRoutes({
      family: prefixFamily(prefix),
      metric: METRIC,
      count: 1,
      addresses: prefixWords(prefix),
      lengths: Uint8Array.of(prefixLength(prefix)),
      gatewaySets: Uint32Array.of(set),
    });
  }
}

function sorted(map: ReadonlyMap<string, string>): string[] {
  return [...map].sort().map((entry) => entry.join(" "));
}

/** As the kernel would show it; undefined when the family cannot express it. */
function canonical(prefix: Prefix, target: RouteTarget): string | undefined {
  const targets = new RouteTargetTable(prefixAddress(prefix).includes(":") ? 6 : 4);
  const id = targets.intern(target);
  return id === 0 ? undefined : targets.get(id).text;
}

/** What the kernel has at our keys: "static", or our route in words. */
function kernelState(host: KernelHost): Map<string, string> {
  const state = new Map<string, string>();
  for (const version of [4, 6] as const) {
    const targets = new RouteTargetTable(version);
    for (const route of listRoutes(host.socket, { version, table: 254 })) {
      if (route.metric !== METRIC) continue;
      const ours = route.protocol === TORTIE_ROUTE_PROTOCOL;
      const text = ours ? targets.get(targets.internMessage(route)).text : "static";
      state.set(route.prefix, `${state.get(route.prefix) ?? ""}${text}`);
    }
  }
  return state;
}

for (const seed of SEEDS) {
  t.test(`seed ${seed}: everything comes to rest as wanted`, async (t) => {
    const host = await KernelHost.create();
    const chaos = new Chaos(host, seed);
    t.teardown(() => {
      chaos.close();
      host.remove();
    });
    host.driver.adopt();
    for (let i = 0; i < STEPS; i++) {
      chaos.step();
      // Notifications come in between, or late.
      if (chaos.random(3) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    host.driver.sweep(IPV4_UNICAST);
    host.driver.sweep(IPV6_UNICAST);

    const foreign = new Map([...kernelState(host)].filter(([, text]) => text === "static"));
    const expected = new Map<string, string>(foreign);
    for (const prefix of PREFIXES) {
      const wanted = chaos.wanted(prefix);
      if (wanted !== undefined && !foreign.has(prefix)) expected.set(prefix, wanted);
    }
    const refused = PREFIXES.filter((prefix) => foreign.has(prefix) && chaos.wanted(prefix));
    const reasons = refused
      .map((prefix) => `${prefix} metric ${METRIC}: a route of static is already there`)
      .sort();
    const pending = () =>
      host
        .pending()
        .filter((line) => !line.endsWith("does not resolve"))
        .sort();
    const state = () => sorted(kernelState(host));
    // A condition that never comes true shows its difference below.
    await host
      .until("rest", () => {
        const same = state().join() === sorted(expected).join();
        return same && pending().join() === reasons.join() && !host.driver.hasWork;
      })
      .catch(() => undefined);
    t.strictSame(state(), sorted(expected));
    t.strictSame(pending(), reasons);
    host.driver.audit();
    host.apply();
    t.strictSame(state(), sorted(expected), "the audit changes nothing");
    t.ok((chaos.done.get("meddle") ?? 0) > 20 && (chaos.done.get("work") ?? 0) > 20);
  });
}

t.test("targets in words are what the driver prints", async (t) => {
  t.equal(
    canonical(Prefix("10.0.0.0/8"), { type: "blackhole" }),
    formatRouteTarget({ type: "blackhole" }),
  );
});
