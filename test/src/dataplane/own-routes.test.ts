import t from "tap";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { NextHopResolver } from "../../../src/dataplane/next-hop-resolver.ts";
import { ownResolvingRoutes, ownRoutes } from "../../../src/dataplane/own-routes.ts";
import { ReadyWorkloads } from "../../../src/dataplane/ready-workloads.ts";
import type { LocalDataplane } from "../../../src/dataplane/route-worker-messages.ts";
import { formatRouteTarget } from "../../../src/kernel/route-target.ts";

const LOCAL: LocalDataplane = {
  workloads: [],
  blackholes: [Prefix("10.66.0.0/26"), Prefix("fd80:66::/122")],
  staticRoutes: [
    { prefix: Prefix("198.51.100.7/32"), gateway: IpAddress("10.0.0.9") },
    { prefix: Prefix("198.51.100.8/32"), gateway: IpAddress("203.0.113.1") },
  ],
  routeMetric: { ipv4: 50, ipv6: 60 },
};

const REACHABLE = [
  { prefix: Prefix("10.66.0.2/32"), interfaceIndex: 7 },
  { prefix: Prefix("fd80:66::2/128"), interfaceIndex: 7 },
];

function resolver(): NextHopResolver {
  const resolver = new NextHopResolver();
  resolver.setLinks([
    { index: 2, name: "eth0", up: true, carrier: true },
    { index: 7, name: "cali1", up: true, carrier: true },
  ]);
  const legs = [{ gateway: undefined, interfaceIndex: 2, onLink: false }];
  resolver.setRoutes(4, [
    { table: "main", prefix: Prefix("10.0.0.0/24"), metric: 0, type: "unicast", legs },
  ]);
  resolver.setOwnRoutes(ownResolvingRoutes(LOCAL, REACHABLE));
  return resolver;
}

t.test(
  "own routes have the metric of learned ones, so that one prefix is one key of the kernel",
  async (t) => {
    const { bySource, pending } = ownRoutes(LOCAL, REACHABLE, resolver());
    const lines = (source: "local" | "static" | "blackhole") =>
      bySource[source].map(
        ({ prefix, metric, target }) => `${prefix} ${formatRouteTarget(target)} metric ${metric}`,
      );
    t.same(lines("local"), ["10.66.0.2/32 dev 7 metric 50", "fd80:66::2/128 dev 7 metric 60"]);
    t.same(lines("blackhole"), [
      "10.66.0.0/26 blackhole metric 50",
      "fd80:66::/122 blackhole metric 60",
    ]);
    t.same(lines("static"), ["198.51.100.7/32 via 10.0.0.9 dev 2 metric 50"]);
    t.same(pending, [{ what: "198.51.100.8/32 via 203.0.113.1", reason: "no route" }]);
  },
);

t.test(
  "the resolver knows them: workloads are on link, the rest of the block is dropped, peers go by their gateway",
  async (t) => {
    const resolving = resolver();
    const of = (address: string) => resolving.resolution(IpAddress(address));
    t.match(of("10.66.0.2"), { reachable: true, onLink: true, gateways: [{ interfaceIndex: 7 }] });
    t.match(of("10.66.0.3"), { reachable: false, reason: "blackhole 10.66.0.0/26" });
    t.match(of("198.51.100.7"), {
      reachable: true,
      onLink: false,
      gateways: [{ gateway: "10.0.0.9", interfaceIndex: 2 }],
    });
    t.match(of("198.51.100.8"), { reachable: false, reason: "no route" });
  },
);

t.test("a workload is ready when the kernel has the route to each of its addresses", (t) => {
  const ready = new ReadyWorkloads();
  const names = new Map([
    [1, "cali1"],
    [2, "cali2"],
  ]);
  const route = (address: string, interfaceIndex: number) => ({
    prefix: Prefix(address),
    interfaceIndex,
  });
  const routes = [route("10.0.0.1/32", 1), route("fd00::1/128", 1), route("10.0.0.2/32", 2)];
  const installed = new Set<string>(["10.0.0.1/32", "10.0.0.2/32"]);
  const kernel = {
    isInstalled: (prefix: Prefix) => installed.has(prefix),
    nameOf: (index: number) => names.get(index),
  };
  t.same(ready.update([], kernel), { ready: [], lost: [] }, "the first word is said even if empty");
  t.same(ready.update(routes, kernel), { ready: ["cali2"], lost: [] }, "one of two is not enough");
  t.equal(ready.update(routes, kernel), undefined, "no news");
  installed.add("fd00::1/128");
  t.same(ready.update(routes, kernel), { ready: ["cali1"], lost: [] });
  names.delete(2);
  t.same(ready.update(routes, kernel), { ready: [], lost: ["cali2"] }, "its interface is gone");
  t.same(ready.update([], kernel), { ready: [], lost: ["cali1"] });
  t.end();
});
