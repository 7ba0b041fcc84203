import assert from "node:assert/strict";
import fc from "fast-check";
import t from "tap";
import type { BestRouteBatch, NextHopSet } from "../../../protocol/rib/best-route-batch.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress, ipv4FromNumber } from "../../../protocol/types/ip-address.ts";
import {
  type BestRouteDriver,
  BestRoutes,
  MAX_ROUTE_LEGS,
  targetOf,
} from "../../../src/dataplane/best-routes.ts";
import type { Resolution } from "../../../src/dataplane/next-hop-resolver.ts";
import type { GatewaySetDefinition, LearnedRouteBatch } from "../../../src/kernel/route-driver.ts";
import { formatRouteTarget, type RouteTarget } from "../../../src/kernel/route-target.ts";

/** The route driver as a table of text: prefix → gateways, obviously right and slow. */
class FakeDriver implements BestRouteDriver {
  readonly targets = new Map<number, RouteTarget | undefined>();
  readonly metrics = new Map<number, number | undefined>();
  readonly routes = new Map<Family, Map<string, number>>();
  readonly unlisted = new Map<Family, Set<string>>();
  readonly swept: Family[] = [];
  definitions = 0;

  defineGatewaySets(definitions: readonly GatewaySetDefinition[]): void {
    this.definitions += definitions.length;
    for (const { index, target, metric } of definitions) {
      this.targets.set(index, target);
      this.metrics.set(index, metric);
    }
  }

  forgetGatewaySets(indexes: readonly number[]): void {
    for (const index of indexes) {
      for (const routes of this.routes.values())
        assert(![...routes.values()].includes(index), `set ${index} is still in use`);
      assert(this.targets.delete(index));
    }
  }

  setLearnedRoutes({ family, count, addresses, lengths, gatewaySets }: LearnedRouteBatch): void {
    const routes = this.#of(family);
    for (let i = 0; i < count; i++) {
      const prefix = `${addresses[i]}/${lengths[i]}`;
      const index = gatewaySets[i] as number;
      assert(index === 0 || this.targets.has(index), "a set is defined before it is used");
      this.unlisted.get(family)?.delete(prefix);
      if (index === 0) routes.delete(prefix);
      else routes.set(prefix, index);
    }
  }

  beginLearnedGeneration(family: Family): void {
    this.unlisted.set(family, new Set(this.#of(family).keys()));
  }

  endLearnedGeneration(family: Family): void {
    for (const prefix of this.unlisted.get(family) ?? []) this.#of(family).delete(prefix);
    this.unlisted.delete(family);
  }

  sweep(family: Family): void {
    this.swept.push(family);
  }

  /** What the kernel would hold: prefix → target as text. */
  installed(family: Family): Map<string, string> {
    const installed = new Map<string, string>();
    for (const [prefix, index] of this.#of(family)) {
      const target = this.targets.get(index);
      if (target !== undefined) installed.set(prefix, formatRouteTarget(target));
    }
    return installed;
  }

  #of(family: Family): Map<string, number> {
    const routes = this.routes.get(family) ?? new Map<string, number>();
    this.routes.set(family, routes);
    return routes;
  }
}

/** Next hops whose resolution the test decides. */
class FakeResolver {
  readonly gateways = new Map<IpAddress, readonly string[]>();

  set(nextHop: string, gateways: readonly string[]): Resolution {
    this.gateways.set(IpAddress(nextHop), gateways);
    return this.resolution(IpAddress(nextHop));
  }

  resolution(nextHop: IpAddress): Resolution {
    const gateways = (this.gateways.get(nextHop) ?? []).map((gateway) => ({
      gateway: IpAddress(gateway),
      interfaceIndex: 2,
      onLink: false,
    }));
    return { nextHop, reachable: gateways.length > 0, metric: 0, onLink: true, gateways };
  }
}

type Row = readonly [address: number, set: number];

function batch(
  rows: readonly Row[],
  options: Partial<Pick<BestRouteBatch, "generation" | "complete" | "family">> & {
    readonly sets?: readonly NextHopSet[];
  } = {},
): BestRouteBatch {
  const { generation = 1, complete = true, family = IPV4_UNICAST, sets = [] } = options;
  return {
    family,
    generation,
    complete,
    count: rows.length,
    addresses: Uint32Array.from(rows, ([address]) => address),
    lengths: Uint8Array.from(rows, () => 32),
    nextHopSets: Uint32Array.from(rows, ([, set]) => set),
    newNextHopSets: sets,
  };
}

function set(id: number, ...nextHops: string[]): NextHopSet {
  return { id, nextHops: nextHops.map((nextHop) => IpAddress(nextHop)) };
}

function fixture() {
  const driver = new FakeDriver();
  const resolver = new FakeResolver();
  const bestRoutes = new BestRoutes(driver, resolver);
  const feed = (one: BestRouteBatch) => bestRoutes.handle(one, { metric: 1024 });
  return { driver, resolver, bestRoutes, feed };
}

t.test("an elevated priority is a metric, and its routes have a set of their own", async (t) => {
  const { driver, resolver, feed } = fixture();
  resolver.set("192.0.2.1", ["10.0.0.1"]);
  // 2147483647 less the metric; the usual one and what is beyond the scale are none.
  const prefs = [2147483135, 2147482623, 2147482624, 2147483646, 2147483647, 4294967295, 100_000];
  const sets = prefs.map((localPref, id) => ({ ...set(id + 1, "192.0.2.1"), localPref }));
  feed(
    batch(
      prefs.map((_, id) => [id + 1, id + 1] as const),
      { sets },
    ),
  );
  const metrics = prefs.map((_, id) => {
    const index = driver.routes.get(IPV4_UNICAST)?.get(`${id + 1}/32`);
    return index === undefined ? "absent" : driver.metrics.get(index);
  });
  t.same(metrics, [512, undefined, 1023, 1, undefined, undefined, undefined]);
  t.equal(driver.targets.size, 4, "what has the usual metric shares a set");
});

t.test("a set's gateways are the union over its next hops, each once, in one order", async (t) => {
  const { driver, resolver, feed } = fixture();
  resolver.set("192.0.2.1", ["10.0.0.9", "10.0.0.1"]);
  resolver.set("192.0.2.2", ["10.0.0.1"]);
  feed(batch([[7, 1]], { sets: [set(1, "192.0.2.1", "192.0.2.2", "192.0.2.3")] }));
  t.same([...driver.installed(IPV4_UNICAST)], [["7/32", "via 10.0.0.1 dev 2, via 10.0.0.9 dev 2"]]);
});

t.test(
  "a change of a next hop redefines the sets that use it, once each, and no others",
  async (t) => {
    const { driver, resolver, bestRoutes, feed } = fixture();
    resolver.set("192.0.2.1", ["10.0.0.1"]);
    resolver.set("192.0.2.2", ["10.0.0.2"]);
    const rows = Array.from({ length: 1000 }, (_, i): Row => [i, 1 + (i % 2)]);
    feed(batch(rows, { sets: [set(1, "192.0.2.1"), set(2, "192.0.2.2")] }));
    t.equal(driver.definitions, 2);
    bestRoutes.nextHopsChanged([resolver.set("192.0.2.1", ["10.0.0.3"])]);
    t.equal(driver.definitions, 3, "one set, not 500 routes");
    t.equal(driver.installed(IPV4_UNICAST).get("0/32"), "via 10.0.0.3 dev 2");
    t.equal(driver.installed(IPV4_UNICAST).get("1/32"), "via 10.0.0.2 dev 2");
    bestRoutes.nextHopsChanged([resolver.resolution(IpAddress("192.0.2.1"))]);
    t.equal(driver.definitions, 3, "a metric that changed is no change for the kernel");
  },
);

t.test("routes without a gateway are withdrawn and come back", async (t) => {
  const { driver, resolver, bestRoutes, feed } = fixture();
  feed(batch([[7, 1]], { sets: [set(1, "192.0.2.1")] }));
  t.equal(driver.installed(IPV4_UNICAST).size, 0);
  bestRoutes.nextHopsChanged([resolver.set("192.0.2.1", ["10.0.0.1"])]);
  t.equal(driver.installed(IPV4_UNICAST).size, 1);
  bestRoutes.nextHopsChanged([resolver.set("192.0.2.1", [])]);
  t.equal(driver.installed(IPV4_UNICAST).size, 0);
});

t.test(
  "a new generation keeps what it lists, and drops the rest when it is complete",
  async (t) => {
    const { driver, resolver, feed } = fixture();
    resolver.set("192.0.2.1", ["10.0.0.1"]);
    resolver.set("192.0.2.2", ["10.0.0.2"]);
    feed(
      batch(
        [
          [1, 1],
          [2, 2],
          [3, 2],
        ],
        { sets: [set(1, "192.0.2.1"), set(2, "192.0.2.2")] },
      ),
    );
    // The same numbers mean other sets now.
    feed(batch([[1, 2]], { generation: 2, complete: false, sets: [set(2, "192.0.2.1")] }));
    t.equal(driver.installed(IPV4_UNICAST).size, 3, "nothing goes before the table is whole");
    t.equal(driver.definitions, 2, "an old friend by a new number needs no definition");
    feed(batch([], { generation: 2 }));
    t.same([...driver.installed(IPV4_UNICAST)], [["1/32", "via 10.0.0.1 dev 2"]]);
    t.same([...driver.targets.keys()], [1], "sets that nobody names are forgotten");
  },
);

t.test(
  "a sweep waits for the generation that is being listed, and only for its family",
  async (t) => {
    const { driver, bestRoutes, feed } = fixture();
    feed(batch([], { complete: false }));
    bestRoutes.sweep(IPV4_UNICAST);
    bestRoutes.sweep(IPV6_UNICAST);
    t.same(driver.swept, [IPV6_UNICAST]);
    feed(batch([], { generation: 2, complete: false }));
    t.same(driver.swept, [IPV6_UNICAST], "a restart of the listing does not lose it");
    feed(batch([], { generation: 2 }));
    t.same(driver.swept, [IPV6_UNICAST, IPV4_UNICAST]);
  },
);

t.test("a number that was never described is a bug, not a route", async (t) => {
  const { feed } = fixture();
  t.throws(() => feed(batch([[1, 9]])), /never described/);
});

t.test("a route has a limited number of legs", async (t) => {
  const gateways = Array.from({ length: MAX_ROUTE_LEGS + 10 }, (_, i) => ({
    gateway: ipv4FromNumber(0x0a000001 + i),
    interfaceIndex: 2,
  }));
  const target = targetOf(gateways);
  t.equal(target?.type === "gateways" && target.legs.length, MAX_ROUTE_LEGS);
});

const HOPS = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"];

const step = fc.oneof(
  fc.record({
    kind: fc.constant("routes" as const),
    rows: fc.array(fc.tuple(fc.nat({ max: 5 }), fc.subarray(HOPS)), { maxLength: 5 }),
    restart: fc.nat({ max: 3 }).map((n) => n === 0),
    complete: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("resolve" as const),
    nextHop: fc.constantFrom(...HOPS),
    gateways: fc.subarray(["10.0.0.1", "10.0.0.2"]),
  }),
);

t.test(
  "whatever comes in whatever order, the kernel holds what the present state says",
  async (t) => {
    const reached = { restarts: 0, installed: 0 };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { driver, resolver, bestRoutes, feed } = fixture();
        // The oracle: prefix → next hops, and for a listing under way what it has not yet named.
        const wanted = new Map<string, readonly string[]>();
        let unlisted: Set<string> | undefined = new Set();
        let [generation, nextId] = [1, 1];
        let numbers = new Map<string, number>();
        for (const one of steps) {
          if (one.kind === "resolve") {
            bestRoutes.nextHopsChanged([resolver.set(one.nextHop, one.gateways)]);
          } else {
            if (one.restart) {
              generation++;
              nextId = 1;
              numbers = new Map();
              unlisted = new Set(wanted.keys());
              reached.restarts++;
            }
            const sets: NextHopSet[] = [];
            const rows = one.rows.map(([address, hops]): Row => {
              unlisted?.delete(`${address}/32`);
              if (hops.length === 0) wanted.delete(`${address}/32`);
              else wanted.set(`${address}/32`, hops);
              const key = hops.join();
              if (hops.length > 0 && !numbers.has(key)) {
                numbers.set(key, nextId);
                sets.push(set(nextId++, ...hops));
              }
              return [address, numbers.get(key) ?? 0];
            });
            feed(batch(rows, { generation, complete: one.complete, sets }));
            if (one.complete) {
              for (const prefix of unlisted ?? []) wanted.delete(prefix);
              unlisted = undefined;
            }
          }
          const expected = new Map<string, string>();
          for (const [prefix, hops] of wanted) {
            const gateways = new Set(
              hops.flatMap((hop) => resolver.gateways.get(IpAddress(hop)) ?? []),
            );
            const legs = [...gateways].sort().map((gateway) => `via ${gateway} dev 2`);
            if (legs.length > 0) expected.set(prefix, legs.join(", "));
          }
          assert.deepEqual(driver.installed(IPV4_UNICAST), expected);
          reached.installed += expected.size;
        }
      }),
      { numRuns: 300 },
    );
    t.ok(reached.restarts > 100 && reached.installed > 1000, JSON.stringify(reached));
  },
);

t.test("sets of a table that is being listed anew stay while its routes stand for them", (t) => {
  const { driver, resolver, feed } = fixture();
  for (const i of [1, 2, 3]) resolver.set(`192.0.2.${i}`, [`10.0.0.${i}`]);
  feed(batch([[1, 1]], { sets: [set(1, "192.0.2.1")] }));
  feed(batch([[2, 1]], { generation: 2, complete: false, sets: [set(1, "192.0.2.2")] }));
  feed(batch([[3, 1]], { generation: 3, complete: false, sets: [set(1, "192.0.2.3")] }));
  // Another family's table is whole: what nobody uses is forgotten now.
  feed(batch([], { family: IPV6_UNICAST }));
  t.same(
    [...driver.installed(IPV4_UNICAST).values()].map((target) => /10[.0-9]*/.exec(target)?.[0]),
    ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
  );
  feed(batch([], { generation: 3 }));
  t.equal(driver.targets.size, 1, "the table is whole, and only its own set is left");
  t.end();
});

t.test("next hops in another order are the same set", (t) => {
  const { driver, resolver, feed } = fixture();
  for (const i of [1, 2]) resolver.set(`192.0.2.${i}`, [`10.0.0.${i}`]);
  const sets = [set(1, "192.0.2.1", "192.0.2.2"), set(2, "192.0.2.2", "192.0.2.1")];
  feed(batch([[1, 1]], { sets: sets.slice(0, 1) }));
  feed(batch([[2, 2]], { sets: sets.slice(1) }));
  t.equal(driver.targets.size, 1);
  t.end();
});

t.test("a sweep that waited for the table is done once", (t) => {
  const { driver, bestRoutes, feed } = fixture();
  feed(batch([], { complete: false }));
  bestRoutes.sweep(IPV4_UNICAST);
  feed(batch([]));
  t.same(driver.swept, [IPV4_UNICAST]);
  feed(batch([], { generation: 2 }));
  t.same(driver.swept, [IPV4_UNICAST], "what is listed anew is nothing that was left behind");
  t.end();
});
