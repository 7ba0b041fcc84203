import fc from "fast-check";
import t from "tap";
import { DEFAULT_DECISION, type DecisionConfig } from "../../../protocol/rib/decision-config.ts";
import { STEP } from "../../../protocol/rib/decision-step.ts";
import { RouteOrder } from "../../../protocol/rib/route-order.ts";
import { RouteTable } from "../../../protocol/rib/route-table.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import { WELL_KNOWN } from "../../../protocol/types/community.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import type { AttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { World } from "./world.ts";

const NEXT_HOPS = ["10.9.0.1", "10.9.0.2"].map(IpAddress);

/** Few values of each key, so that ties are common and every step decides now and then. */
const setArbitrary: fc.Arbitrary<AttributeSet> = fc
  .record({
    nextHop: fc.constantFrom(...NEXT_HOPS),
    origin: fc.constantFrom("igp", "egp", "incomplete"),
    asns: fc.array(fc.constantFrom(Asn(1), Asn(2)), { maxLength: 2 }),
    med: fc.option(fc.constantFrom(0, 5), { nil: undefined }),
    localPref: fc.option(fc.constantFrom(100, 200), { nil: undefined }),
    originatorId: fc.option(fc.constantFrom(RouterId(1), RouterId(9)), { nil: undefined }),
    clusters: fc.nat({ max: 2 }),
    stale: fc.boolean(),
  })
  .map(({ asns, med, localPref, originatorId, clusters, stale, ...rest }) => ({
    ...rest,
    asPath: asns.length === 0 ? [] : [{ type: "sequence", asns }],
    ...(med !== undefined && { med }),
    ...(localPref !== undefined && { localPref }),
    ...(originatorId !== undefined && { originatorId }),
    ...(clusters > 0 && { clusterList: Array.from({ length: clusters }, () => RouterId(3)) }),
    ...(stale && { communities: [WELL_KNOWN.llgrStale] }),
  }));

const routeArbitrary = fc.record({
  peer: fc.nat({ max: 5 }),
  pathId: fc.nat({ max: 1 }),
  set: setArbitrary,
});

const configArbitrary: fc.Arbitrary<DecisionConfig> = fc.record({
  alwaysCompareMed: fc.boolean(),
  missingMedIsWorst: fc.boolean(),
  compareRouterId: fc.boolean(),
  maxPaths: fc.constant(16),
});

type TestRoute = { readonly peer: number; readonly pathId: number; readonly set: AttributeSet };

/** Routes of one prefix in a table, and the order over it. Routes with one peer and path id are one route. */
function ordered(
  routes: readonly TestRoute[],
  config: DecisionConfig,
): { readonly order: RouteOrder; readonly ids: readonly number[] } {
  const world = new World(config, { logCapacity: 16 });
  for (let peer = 1; peer <= 5; peer++) {
    world.setPeer(peer, {
      type: peer < 3 ? "ebgp" : "ibgp",
      routerId: Math.ceil(peer / 2),
      address: `10.0.0.${peer === 5 ? 4 : peer}`,
    });
  }
  world.nextHop("10.9.0.1", { reachable: true, metric: 1 });
  world.nextHop("10.9.0.2", { reachable: true, metric: 2 });
  const table = new RouteTable();
  const { attributeSets: sets, nextHops, peers } = world.rib;
  const order = new RouteOrder(table, { sets, nextHops, peers }, config);
  const distinct = new Map(routes.map((route) => [`${route.peer}/${route.pathId}`, route]));
  const ids = [...distinct.values()].map(({ peer, pathId, set }) => {
    const id = table.add(1, peer, pathId, 0);
    const interned = world.intern(set);
    sets.retain(interned);
    table.setVerdict(id, interned);
    return id;
  });
  return { order, ids };
}

for (const name of ["withinNeighbor", "betweenNeighbors"] as const) {
  t.test(`${name} is antisymmetric, transitive and total`, (t) => {
    const reached = new Set<number>();
    fc.assert(
      fc.property(
        configArbitrary,
        fc.array(routeArbitrary, { minLength: 2, maxLength: 5 }),
        (config, routes) => {
          const { order, ids } = ordered(routes, config);
          for (const a of ids) {
            for (const b of ids) {
              const step = order[name](a, b);
              reached.add(Math.abs(step));
              if (step !== -order[name](b, a) && step !== 0) return false;
              if ((step === 0) !== (a === b)) return false;
              for (const c of ids) {
                if (step < 0 && order[name](b, c) < 0 && order[name](a, c) >= 0) return false;
              }
            }
          }
          return true;
        },
      ),
      { numRuns: 1500, seed: 4271 },
    );
    const missing = Object.entries(STEP).filter(([, step]) => !reached.has(step));
    t.same(missing, [], "every step decided somewhere");
    t.end();
  });
}

t.test(
  "MED compares within one neighbouring AS only, and the result is still deterministic (RFC 3345)",
  (t) => {
    const path = (asn: number, med: number, originatorId: number): AttributeSet => ({
      nextHop: IpAddress("10.9.0.1"),
      origin: "igp",
      asPath: [{ type: "sequence", asns: [Asn(asn)] }],
      med,
      localPref: 100,
      originatorId: RouterId(originatorId),
    });
    // By pairs: A beats B (router id), B beats C (router id), C beats A (MED): a circle.
    const routes = [
      { peer: 3, pathId: 0, set: path(1, 10, 1) },
      { peer: 4, pathId: 0, set: path(2, 0, 2) },
      { peer: 5, pathId: 0, set: path(1, 5, 3) },
    ];
    const { order, ids } = ordered(routes, DEFAULT_DECISION);
    const [a, b, c] = ids as [number, number, number];
    t.equal(order.betweenNeighbors(a, b), -STEP.routerId);
    t.equal(order.betweenNeighbors(b, c), -STEP.routerId);
    t.equal(order.withinNeighbor(c, a), -STEP.med);
    const world = new World();
    for (const peer of [3, 4, 5]) world.setPeer(peer);
    world.nextHop("10.9.0.1", { reachable: true, metric: 1 });
    for (const { peer, set } of routes) world.announce(peer, "10.0.0.0/8", set);
    world.settle();
    const views = world.family.explain("10.0.0.0/8" as never);
    t.same(
      views.map((view) => [view.peerIndex, view.eliminatedBy?.peerIndex]),
      [
        [4, undefined],
        [3, 5],
        [5, 4],
      ],
      "A falls to C by MED, C to B by router id",
    );
    t.end();
  },
);
