import assert from "node:assert/strict";
import fc from "fast-check";
import t from "tap";
import { IpAddress, ipAddressFromBytes } from "../../../protocol/types/ip-address.ts";
import {
  Prefix,
  prefixContainsAddress,
  prefixFromBytes,
  prefixLength,
} from "../../../protocol/types/prefix.ts";
import {
  type LinkState,
  NextHopResolver,
  type ResolvingLeg,
  type ResolvingRoute,
} from "../../../src/dataplane/next-hop-resolver.ts";

const ETH0: LinkState = { index: 2, name: "eth0", up: true, carrier: true };
const ETH1: LinkState = { index: 3, name: "eth1", up: true, carrier: true };

function resolverWith(routes: readonly ResolvingRoute[], links = [ETH0, ETH1]): NextHopResolver {
  const resolver = new NextHopResolver();
  resolver.setLinks(links);
  for (const route of routes) resolver.addRoute(route);
  return resolver;
}

function connected(prefix: string, interfaceIndex = 2, metric = 0): ResolvingRoute {
  const legs: ResolvingLeg[] = [{ gateway: undefined, interfaceIndex, onLink: false }];
  return { table: "main", prefix: Prefix(prefix), metric, type: "unicast", legs };
}

function via(prefix: string, gateways: readonly [string, number][], metric = 0): ResolvingRoute {
  const legs = gateways.map(([gateway, interfaceIndex]) => ({
    gateway: IpAddress(gateway),
    interfaceIndex,
    onLink: false,
  }));
  return { table: "main", prefix: Prefix(prefix), metric, type: "unicast", legs };
}

function towards(prefix: string, gateway: string): ResolvingRoute {
  const legs = [{ gateway: IpAddress(gateway), interfaceIndex: undefined, onLink: false as const }];
  return { table: "main", prefix: Prefix(prefix), metric: 0, type: "unicast", legs };
}

function refusing(prefix: string, type: string, table: "main" | "local" = "main"): ResolvingRoute {
  return { table, prefix: Prefix(prefix), metric: 0, type, legs: [] };
}

function gatewaysOf(resolver: NextHopResolver, nextHop: string): string[] {
  return resolver
    .resolution(IpAddress(nextHop))
    .gateways.map(({ gateway, interfaceIndex }) => `${gateway}%${interfaceIndex}`);
}

function reasonOf(resolver: NextHopResolver, nextHop: string): string | undefined {
  return resolver.resolution(IpAddress(nextHop)).reason;
}

t.test("a next hop on a connected network is its own gateway", async (t) => {
  const resolver = resolverWith([connected("10.0.0.0/24", 2, 7)]);
  t.same(resolver.resolution(IpAddress("10.0.0.9")), {
    nextHop: "10.0.0.9",
    reachable: true,
    metric: 7,
    onLink: true,
    gateways: [{ gateway: "10.0.0.9", interfaceIndex: 2, onLink: false }],
  });
});

t.test("a next hop behind a static route has the static's gateways, all legs of it", async (t) => {
  const resolver = resolverWith([
    connected("10.0.0.0/24"),
    via("0.0.0.0/0", [["10.0.0.1", 2]], 100),
    via("192.0.2.0/24", [
      ["10.0.0.1", 2],
      ["10.1.0.1", 3],
    ]),
  ]);
  t.same(gatewaysOf(resolver, "192.0.2.7"), ["10.0.0.1%2", "10.1.0.1%3"]);
  t.same(gatewaysOf(resolver, "203.0.113.1"), ["10.0.0.1%2"]);
  t.equal(resolver.resolution(IpAddress("203.0.113.1")).metric, 100);
  t.equal(resolver.resolution(IpAddress("203.0.113.1")).onLink, false);
});

t.test("IPv4 by way of an IPv6 gateway, and a link-local gateway with its device", async (t) => {
  const resolver = resolverWith([
    via("192.0.2.0/24", [["fe80::9", 3]]),
    via("::/0", [["fe80::1", 2]], 1024),
  ]);
  t.same(gatewaysOf(resolver, "192.0.2.7"), ["fe80::9%3"]);
  t.same(gatewaysOf(resolver, "2001:db8::7"), ["fe80::1%2"]);
  t.match(reasonOf(resolver, "fe80::1"), /link-local/);
});

t.test("own addresses and refusing routes resolve nothing, whatever covers them", async (t) => {
  const resolver = resolverWith([
    connected("10.0.0.0/24"),
    refusing("10.0.0.5/32", "local", "local"),
    refusing("10.0.0.255/32", "broadcast", "local"),
    refusing("10.9.0.0/16", "blackhole"),
    refusing("10.8.0.0/16", "unreachable"),
    refusing("10.7.0.0/16", "prohibit"),
    via("0.0.0.0/0", [["10.0.0.1", 2]]),
  ]);
  t.equal(reasonOf(resolver, "10.0.0.5"), "own address");
  t.equal(reasonOf(resolver, "10.0.0.255"), "broadcast");
  t.equal(reasonOf(resolver, "10.9.1.1"), "blackhole 10.9.0.0/16");
  t.equal(reasonOf(resolver, "10.8.1.1"), "unreachable 10.8.0.0/16");
  t.equal(reasonOf(resolver, "10.7.1.1"), "prohibit 10.7.0.0/16");
  t.same(gatewaysOf(resolver, "10.0.0.6"), ["10.0.0.6%2"]);
});

t.test(
  "a dead leg leaves the others; a link without carrier resolves nothing, at once",
  async (t) => {
    const resolver = resolverWith([
      connected("10.0.0.0/24"),
      via("0.0.0.0/0", [["10.1.0.1", 3]]),
      via("192.0.2.0/24", [
        ["10.0.0.1", 2],
        ["10.1.0.1", 3],
      ]),
    ]);
    const [near, far] = [IpAddress("10.0.0.9"), IpAddress("192.0.2.7")];
    resolver.resolution(near);
    resolver.resolution(far);
    resolver.setLinks([{ ...ETH0, carrier: false }, ETH1]);
    const changed = resolver.refresh(() => true);
    t.same(
      changed.map(({ nextHop }) => nextHop),
      [near, far],
    );
    t.equal(
      reasonOf(resolver, "10.0.0.9"),
      "eth0 has no carrier",
      "the default route does not take over",
    );
    t.same(gatewaysOf(resolver, "192.0.2.7"), ["10.1.0.1%3"]);
    resolver.setLinks([ETH0]);
    resolver.refresh(() => true);
    t.same(gatewaysOf(resolver, "192.0.2.7"), ["10.0.0.1%2"], "a vanished interface is no way");
  },
);

t.test("the lowest metric wins, and the next one when it goes", async (t) => {
  const [good, worse] = [connected("10.0.0.0/24", 2, 100), connected("10.0.0.0/24", 3, 200)];
  const resolver = resolverWith([worse, good]);
  t.same(gatewaysOf(resolver, "10.0.0.9"), ["10.0.0.9%2"]);
  resolver.removeRoute(good);
  t.equal(resolver.refresh(() => true).length, 1);
  t.same(gatewaysOf(resolver, "10.0.0.9"), ["10.0.0.9%3"]);
  resolver.removeKey(worse);
  resolver.refresh(() => true);
  t.equal(reasonOf(resolver, "10.0.0.9"), "no route");
});

t.test(
  "a static route of ours is resolved further and never carries its own gateway",
  async (t) => {
    const own = [
      towards("192.0.2.0/24", "192.0.2.1"),
      towards("198.51.100.7/32", "10.0.0.1"),
      towards("203.0.113.0/25", "203.0.113.200"),
      towards("203.0.113.128/25", "203.0.113.1"),
    ];
    const resolver = resolverWith([connected("10.0.0.0/24")]);
    resolver.setOwnRoutes(own);
    t.same(gatewaysOf(resolver, "198.51.100.7"), ["10.0.0.1%2"]);
    t.equal(resolver.resolution(IpAddress("198.51.100.7")).onLink, false);
    t.equal(reasonOf(resolver, "192.0.2.9"), "no route", "it covers its own gateway");
    t.equal(reasonOf(resolver, "203.0.113.9"), "no route", "two that need one another");
    resolver.addRoute(via("0.0.0.0/0", [["10.0.0.2", 2]]));
    resolver.refresh(() => true);
    t.same(gatewaysOf(resolver, "192.0.2.9"), ["10.0.0.2%2"]);
    t.same(gatewaysOf(resolver, "203.0.113.9"), ["10.0.0.2%2"]);
    resolver.setRoutes(4, []);
    resolver.addRoute(connected("10.0.0.0/24"));
    resolver.refresh(() => true);
    t.same(gatewaysOf(resolver, "198.51.100.7"), ["10.0.0.1%2"], "statics outlive a fresh dump");
  },
);

t.test("refresh reports what changed once, and forgets what nobody wants", async (t) => {
  const resolver = resolverWith([connected("10.0.0.0/24")]);
  resolver.resolution(IpAddress("10.0.0.9"));
  t.same(
    resolver.refresh(() => true),
    [],
  );
  resolver.addRoute(connected("10.0.0.0/24", 3, 50));
  t.same(
    resolver.refresh(() => true),
    [],
    "a worse route changes nothing",
  );
  resolver.setRoutes(4, []);
  t.same(
    resolver.refresh(() => false),
    [],
    "not wanted, not reported",
  );
  t.equal(reasonOf(resolver, "10.0.0.9"), "no route");
});

/** The slow and obvious model: scan all routes for the longest prefix, then the lowest metric. */
function oracle(
  routes: readonly ResolvingRoute[],
  links: readonly LinkState[],
  nextHop: IpAddress,
): string[] {
  const covering = (table: string) =>
    routes
      .filter((route) => route.table === table && prefixContainsAddress(route.prefix, nextHop))
      .sort((a, b) => prefixLength(b.prefix) - prefixLength(a.prefix) || a.metric - b.metric)[0];
  const best = covering("local") ?? covering("main");
  if (best === undefined || best.type !== "unicast") return [];
  const legs = best.legs.filter(({ interfaceIndex }) =>
    links.some(({ index, up, carrier }) => index === interfaceIndex && up && carrier),
  );
  return [...new Set(legs.map((leg) => `${leg.gateway ?? nextHop}%${leg.interfaceIndex}`))];
}

/** Addresses that share most of their bits, so that random prefixes nest and cover random addresses. */
const bytes = (size: 4 | 16) =>
  fc.tuple(fc.nat({ max: size * 8 - 1 }), fc.integer({ min: 0, max: 4 })).map(([flipped, at]) => {
    const octets = new Uint8Array(size).fill(0x10);
    (octets[flipped >> 3] as number) ^= 0x80 >> (flipped & 7);
    (octets[at % size] as number) ^= 1;
    return octets;
  });

const links: fc.Arbitrary<LinkState[]> = fc
  .array(fc.constantFrom("fine", "fine", "fine", "down", "no carrier", "gone"), {
    minLength: 3,
    maxLength: 3,
  })
  .map((states) =>
    states.flatMap((state, i) =>
      state === "gone"
        ? []
        : [{ index: i + 1, name: "eth", up: state !== "down", carrier: state === "fine" }],
    ),
  );

function randomRoute(size: 4 | 16): fc.Arbitrary<ResolvingRoute> {
  return fc
    .record({
      table: fc.nat({ max: 9 }).map((n) => (n === 0 ? ("local" as const) : ("main" as const))),
      octets: bytes(size),
      length: fc.oneof(fc.integer({ min: 0, max: 16 }), fc.integer({ min: 0, max: size * 8 })),
      metric: fc.nat({ max: 1_000_000 }),
      type: fc.constantFrom("unicast", "unicast", "unicast", "blackhole"),
      legs: fc.array(
        fc.record({
          gateway: fc.option(bytes(size).map(ipAddressFromBytes), { nil: undefined }),
          interfaceIndex: fc.constantFrom(1, 2, 3),
          onLink: fc.constant(false),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    })
    .map(({ table, octets, length, metric, type, legs }) => ({
      table,
      prefix: prefixFromBytes(octets, length),
      metric,
      type: table === "local" ? "local" : type,
      legs,
    }));
}

for (const size of [4, 16] as const) {
  t.test(
    `random tables resolve as the oracle says, after adding and after removing (${size} octets)`,
    async (t) => {
      const reached = { resolved: 0, refused: 0 };
      fc.assert(
        fc.property(
          fc.array(randomRoute(size), { maxLength: 25 }),
          links,
          fc.array(bytes(size).map(ipAddressFromBytes), { minLength: 1, maxLength: 10 }),
          fc.array(fc.boolean(), { maxLength: 25 }),
          (routes, linkStates, nextHops, removals) => {
            const resolver = resolverWith(routes, linkStates);
            const agree = (left: readonly ResolvingRoute[]) => {
              for (const nextHop of nextHops) {
                const expected = oracle(left, linkStates, nextHop);
                assert.deepEqual(gatewaysOf(resolver, nextHop), expected);
                reached[expected.length > 0 ? "resolved" : "refused"]++;
              }
            };
            agree(routes);
            for (const [i, route] of routes.entries()) if (removals[i]) resolver.removeRoute(route);
            resolver.refresh(() => true);
            agree(routes.filter((_, i) => !removals[i]));
          },
        ),
        { numRuns: 150 },
      );
      t.ok(
        reached.resolved > 50 && reached.refused > 50,
        `both answers were reached: ${JSON.stringify(reached)}`,
      );
    },
  );
}

t.test("what replaces a route leaves those of other metrics", (t) => {
  const resolver = resolverWith([
    via("192.0.2.0/24", [["10.0.0.1", 2]], 10),
    via("192.0.2.0/24", [["10.0.0.2", 2]], 20),
  ]);
  resolver.removeKey({ table: "main", prefix: Prefix("192.0.2.0/24"), metric: 10 });
  t.same(gatewaysOf(resolver, "192.0.2.1"), ["10.0.0.2%2"]);
  t.end();
});
