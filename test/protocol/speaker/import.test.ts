import t from "tap";
import { Asn } from "../../../protocol/types/asn.ts";
import { WELL_KNOWN } from "../../../protocol/types/community.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { hostPrefix, Prefix } from "../../../protocol/types/prefix.ts";
import { RouterId, routerIdFromText } from "../../../protocol/types/router-id.ts";
import type { BgpRole } from "../../../protocol/wire/capability.ts";
import type { UpdateMessage } from "../../../protocol/wire/message.ts";
import { addressOf } from "../../sim/topology.ts";
import {
  announce,
  Bench,
  benchConfig,
  CLUSTER,
  codes,
  END_OF_RIB,
  external,
  externalOpen,
  FAMILIES,
  internal,
  notifications,
  SELF,
  withdraw,
} from "./bench.ts";

const scope = {
  localWorkloads: [Prefix("10.65.0.9/32"), Prefix("fd65::9/128")],
  nodeAddresses: [addressOf(3), IpAddress("fd00::3")],
  ownAddresses: [SELF, IpAddress("fd00::1")],
  clusterId: CLUSTER,
};

/** Brings host 2 up and feeds it one UPDATE; answers the state of the first prefix. */
function judged(update: UpdateMessage, prefix: string, peer = internal(2)) {
  const bench = new Bench(benchConfig([peer], scope)).start();
  bench.reachable(addressOf(2), addressOf(3), IpAddress("fd00::2"), IpAddress("fe80::2"));
  const connection = bench.establish(
    2,
    peer.peerAsn === peer.localAsn ? {} : externalOpen(peer.peerAsn),
  );
  bench.send(connection, update);
  bench.finishWork();
  return bench.routesTo(Prefix(prefix))[0];
}

t.test("prefixes that no peer may announce", (t) => {
  const refused = [
    ["0.0.0.0/8", /such a prefix/],
    ["0.1.2.0/24", /such a prefix/],
    ["127.0.0.1/32", /such a prefix/],
    ["169.254.0.0/16", /such a prefix/],
    ["169.254.7.0/24", /such a prefix/],
    ["224.0.0.0/4", /such a prefix/],
    ["239.1.2.3/32", /such a prefix/],
    ["255.255.255.255/32", /such a prefix/],
    [`${SELF}/32`, /address of ours/],
    ["10.65.0.9/32", /local workload/],
    ["::1/128", /such a prefix/],
    ["::/128", /such a prefix/],
    ["::ffff:10.0.0.0/104", /such a prefix/],
    ["fe80::/10", /such a prefix/],
    ["fe80::/64", /such a prefix/],
    ["ff02::/16", /such a prefix/],
    ["fd00::1/128", /address of ours/],
    ["fd65::9/128", /local workload/],
  ] as const;
  for (const [prefix, reason] of refused) {
    const nextHop = prefix.includes(":") ? "fd00::2" : addressOf(2);
    const route = judged(announce([prefix], { nextHop }), Prefix(prefix));
    t.match(route, { eligible: false, best: false, reason }, prefix);
  }
  t.end();
});

t.test("prefixes beside them are accepted", (t) => {
  const accepted = [
    "0.0.0.0/0",
    "128.0.0.0/1",
    "0.0.0.0/1",
    "169.0.0.0/8",
    "126.0.0.0/8",
    "223.255.255.0/24",
    "10.65.0.0/26",
    "10.65.0.8/32",
    `${addressOf(3)}/32`,
    "::/0",
    "fd65::8/128",
    "2001:db8::/32",
  ];
  for (const prefix of accepted) {
    const nextHop = prefix.includes(":") ? "fd00::2" : addressOf(2);
    t.match(
      judged(announce([prefix], { nextHop }), prefix),
      { best: true, eligible: true },
      prefix,
    );
  }
  t.end();
});

t.test(
  "route-reflector clients: no default route and no node addresses, unless configured",
  (t) => {
    const client = { routeReflectorClient: true };
    const node = hostPrefix(addressOf(3));
    t.match(judged(announce(["0.0.0.0/0"]), "0.0.0.0/0", internal(2, client)), { eligible: false });
    t.match(judged(announce([node]), node, internal(2, client)), { eligible: false });
    const trusted = { ...client, acceptDefaultRoute: true, acceptNodeAddresses: true };
    t.match(judged(announce(["0.0.0.0/0"]), "0.0.0.0/0", internal(2, trusted)), { best: true });
    t.match(judged(announce([node]), node, internal(2, trusted)), { best: true });
    t.end();
  },
);

t.test("next hops that lead nowhere", (t) => {
  const refused = [
    [SELF, /ours/],
    ["0.0.0.0", /unicast/],
    ["127.0.0.1", /unicast/],
    ["224.0.0.5", /unicast/],
    ["255.255.255.255", /unicast/],
  ] as const;
  for (const [nextHop, reason] of refused) {
    const route = judged(announce(["10.1.0.0/24"], { nextHop }), "10.1.0.0/24");
    if (route !== undefined) t.match(route, { eligible: false, reason }, nextHop);
    else t.pass(`${nextHop} did not get past the decoder`);
  }
  for (const nextHop of ["fd00::1", "fe80::2", "ff02::1", "::", "::1"]) {
    const route = judged(announce(["fd01::/64"], { nextHop }), "fd01::/64");
    t.notOk(route?.eligible, nextHop);
  }
  const linked = internal(2, { interface: "eth0" });
  t.ok(judged(announce(["fd01::/64"], { nextHop: "fe80::2" }), "fd01::/64", linked)?.eligible);
  t.end();
});

t.test("loops: own AS, own ORIGINATOR_ID, own cluster", (t) => {
  const prefix = "10.1.0.0/24";
  const originator = { type: "originatorId", originatorId: routerIdFromText(SELF) } as const;
  const other = { type: "originatorId", originatorId: RouterId(5) } as const;
  const cluster = { type: "clusterList", clusterList: [RouterId(5), CLUSTER] } as const;
  t.match(judged(announce([prefix], { extra: [originator] }), prefix), { reason: /ORIGINATOR_ID/ });
  t.match(judged(announce([prefix], { extra: [other, cluster] }), prefix), {
    reason: /CLUSTER_LIST/,
  });
  t.match(judged(announce([prefix], { extra: [other] }), prefix), { best: true });
  const asPath = [65002, 64512, 65003, 64512];
  for (const [allowOwnAsn, eligible] of [
    [0, false],
    [1, false],
    [2, true],
  ] as const) {
    const peer = external(2, 65002, { allowOwnAsn });
    t.match(
      judged(announce([prefix], { asPath }), prefix, peer),
      { eligible },
      `allow ${allowOwnAsn}`,
    );
  }
  t.end();
});

t.test("a looped update takes back the path before it", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  bench.reachable(addressOf(2));
  const connection = bench.establish(2);
  const prefix = Prefix("10.1.0.0/24");
  bench.send(connection, announce([prefix]));
  t.match(bench.routesTo(prefix), [{ best: true }]);
  const originatorId = routerIdFromText(SELF);
  bench.send(connection, announce([prefix], { extra: [{ type: "originatorId", originatorId }] }));
  t.match(bench.routesTo(prefix), [{ best: false, eligible: false }]);
  bench.send(connection, announce([prefix]));
  t.match(bench.routesTo(prefix), [{ best: true }]);
  t.end();
});

t.test("the first AS is the peer's, if enforced", (t) => {
  const update = announce(["10.1.0.0/24"], { asPath: [65009, 65002] });
  t.match(judged(update, "10.1.0.0/24", external(2, 65002)), { eligible: false });
  const lenient = external(2, 65002, { enforceFirstAsn: false });
  t.match(judged(update, "10.1.0.0/24", lenient), { eligible: true });
  t.end();
});

t.test("roles and OTC: RFC 9234 §5, each role with each marking", (t) => {
  const roles: BgpRole[] = ["provider", "routeServer", "customer", "routeServerClient", "peer"];
  for (const role of roles) {
    const peer = external(2, 65002, { role });
    for (const asn of [undefined, 65002, 65007]) {
      const extra = asn === undefined ? [] : [{ type: "onlyToCustomer", asn: Asn(asn) } as const];
      const route = judged(
        announce(["10.1.0.0/24"], { asPath: [65002], extra }),
        "10.1.0.0/24",
        peer,
      );
      const downstream = role === "provider" || role === "routeServer";
      const leak = asn !== undefined && (downstream || (role === "peer" && asn !== 65002));
      t.match(route, { eligible: !leak }, `we are ${role}, OTC ${asn}`);
      const marked = downstream ? asn : (asn ?? 65002);
      if (!leak) t.equal(route?.attributes.onlyToCustomer, marked, `marked as ${role}`);
    }
  }
  t.end();
});

t.test("a neighbour that shuts down gracefully gets LOCAL_PREF 0 (RFC 8326)", (t) => {
  const extra = [{ type: "communities", communities: [WELL_KNOWN.gracefulShutdown] } as const];
  const update = announce(["10.1.0.0/24"], { asPath: [65002], extra });
  t.match(judged(update, "10.1.0.0/24", external(2, 65002)), { attributes: { localPref: 0 } });
  t.match(judged(announce(["10.1.0.0/24"], { extra }), "10.1.0.0/24"), {
    attributes: { localPref: 100 },
  });
  t.end();
});

t.test("a policy that changes judges the Adj-RIB-In again, without the peer", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  bench.reachable(addressOf(2));
  const connection = bench.establish(2);
  bench.send(connection, announce(["10.1.0.0/24", "10.2.0.0/24"]), END_OF_RIB);
  bench.take(connection);
  const importPolicy = {
    name: "one",
    rules: [
      {
        name: "only 10.1",
        match: { prefix: { cidr: Prefix("10.1.0.0/16"), operator: "in" } },
        action: "accept",
        operations: [{ type: "setLocalPref", localPref: 7 }],
      },
    ],
    otherwise: "reject",
  } as const;
  bench.configurePeer("h2", { importPolicy });
  bench.finishWork();
  t.match(bench.routesTo(Prefix("10.1.0.0/24")), [{ best: true, attributes: { localPref: 7 } }]);
  t.match(bench.routesTo(Prefix("10.2.0.0/24")), [{ best: false, reason: /policy/ }]);
  t.same(
    bench.take(connection).filter(({ type }) => type === "routeRefresh"),
    [],
    "nobody was asked",
  );
  bench.configurePeer("h2", { importPolicy: { name: "all", rules: [], otherwise: "accept" } });
  bench.finishWork();
  t.match(bench.routesTo(Prefix("10.1.0.0/24")), [{ best: true, attributes: { localPref: 100 } }]);
  t.match(bench.routesTo(Prefix("10.2.0.0/24")), [{ best: true }]);
  t.match(bench.peer("h2"), { state: "Established", establishedCount: 1 });
  t.end();
});

t.test("a new local workload makes the peer's route to it ineligible, and back", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  bench.reachable(addressOf(2));
  const prefix = Prefix("10.65.0.7/32");
  bench.send(bench.establish(2), announce([prefix]));
  t.match(bench.routesTo(prefix), [{ best: true }]);
  bench.configure({ localWorkloads: [prefix] });
  bench.finishWork();
  t.match(bench.routesTo(prefix), [{ eligible: false, reason: /local workload/ }]);
  bench.configure({ localWorkloads: [] });
  bench.finishWork();
  t.match(bench.routesTo(prefix), [{ best: true }]);
  t.end();
});

t.test("a local workload that has moved: its route has a higher LOCAL_PREF, within the AS", (t) => {
  const prefix = Prefix("10.65.0.7/32");
  const best = (localPref: number, change: object, peer = internal(2)) => {
    const config = benchConfig([peer], { localWorkloads: [prefix], ...change });
    const bench = new Bench(config).start();
    bench.reachable(addressOf(2));
    const open = peer.peerAsn === peer.localAsn ? {} : externalOpen(peer.peerAsn);
    const asPath = peer.peerAsn === peer.localAsn ? [] : [Number(peer.peerAsn)];
    bench.send(bench.establish(2, open), announce([prefix], { localPref, asPath }));
    bench.finishWork();
    return bench;
  };
  const yields = { workloadLocalPref: { ipv4: 1000, ipv6: 1 } };
  const bench = best(1001, yields);
  t.match(bench.routesTo(prefix), [{ best: true }]);
  t.match(best(1000, yields).routesTo(prefix), [{ best: false }]);
  t.match(best(1001, {}).routesTo(prefix), [{ best: false }]);
  t.match(best(1001, yields, external(2, 65001)).routesTo(prefix), [{ best: false }]);
  bench.configure({ workloadLocalPref: { ipv4: 2000, ipv6: 1 } });
  bench.finishWork();
  t.match(bench.routesTo(prefix), [{ best: false }], "another usual one");
  t.end();
});

t.test("max-prefix: a warning, then 6/1 with AFI, SAFI and bound, then a restart", (t) => {
  const maxPrefixes = { limit: 4, warnPercent: 50, restartAfterSeconds: 60 };
  const families = [{ family: IPV4_UNICAST, maxPrefixes }, { family: IPV6_UNICAST }];
  const bench = new Bench(benchConfig([internal(2, { families })])).start();
  const connection = bench.establish(2);
  bench.send(connection, announce(["10.0.0.0/24", "10.0.1.0/24"]));
  t.equal(bench.events("prefix.warning").length, 0);
  bench.send(connection, announce(["10.0.2.0/24"]));
  bench.send(connection, announce(["10.0.3.0/24"]));
  t.equal(bench.events("prefix.warning").length, 1, "once");
  bench.send(
    connection,
    announce(["10.0.3.0/24"]),
    withdraw("10.0.3.0/24"),
    announce(["10.0.4.0/24"]),
  );
  t.equal(bench.peer("h2").state, "Established", "four are allowed");
  bench.take(connection);
  bench.send(connection, announce(["10.0.5.0/24"]));
  const [sent] = notifications(bench.take(connection));
  t.equal(codes(sent === undefined ? [] : [sent]), "6/1");
  t.equal(Buffer.from(sent?.data ?? []).toString("hex"), "00010100000004");
  bench.finishWork();
  t.match(bench.peer("h2"), { state: "Idle", families: [{ received: 0 }] });
  const refused = bench.incoming(addressOf(2));
  t.match(bench.actions.at(-1), { type: "close", connection: refused });
  bench.wait(59);
  t.equal(bench.peer("h2").state, "Idle");
  bench.wait(2);
  t.equal(bench.peer("h2").state, "Connect");
  t.end();
});

t.test("families that were not agreed are left out", (t) => {
  const families = [{ family: IPV4_UNICAST }];
  const bench = new Bench(benchConfig([internal(2, { families })])).start();
  const connection = bench.establish(2);
  bench.send(
    connection,
    announce(["fd01::/64"], { nextHop: "fd00::2" }),
    announce(["10.1.0.0/24"]),
  );
  t.equal(bench.peer("h2").state, "Established");
  t.same(bench.routesTo(Prefix("fd01::/64")), []);
  t.equal(bench.routesTo(Prefix("10.1.0.0/24")).length, 1);
  t.end();
});

t.test("a malformed attribute withdraws its prefixes and is told (RFC 7606)", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  bench.reachable(addressOf(2));
  const connection = bench.establish(2);
  const prefix = Prefix("10.1.0.0/24");
  bench.send(connection, announce([prefix]));
  t.match(bench.routesTo(prefix), [{ best: true }]);
  const good = announce([prefix]);
  const attributes = good.attributes.filter(({ type }) => type !== "origin");
  bench.send(connection, { ...good, attributes });
  t.same(bench.routesTo(prefix), [], "ORIGIN is missing: treat-as-withdraw");
  t.equal(bench.peer("h2").state, "Established");
  const [event] = bench.events("update.fault");
  t.match(event, { level: "warn", peer: "h2", fields: { message: /^ffff/ } });
  t.end();
});

t.test("enhanced refresh sweeps what is not sent again (RFC 7313)", (t) => {
  const bench = new Bench(benchConfig([internal(2, { families: FAMILIES })])).start();
  bench.reachable(addressOf(2));
  const connection = bench.establish(2);
  const [one, two] = [Prefix("10.1.0.0/24"), Prefix("10.2.0.0/24")];
  bench.send(connection, announce([one, two]), END_OF_RIB);
  bench.take(connection);
  const command = { type: "refreshPeer", peer: "h2", direction: "in" } as const;
  bench.feed({ type: "operator", command });
  const asked = bench.take(connection).filter(({ type }) => type === "routeRefresh");
  t.match(asked, [
    { family: IPV4_UNICAST, subtype: 0 },
    { family: IPV6_UNICAST, subtype: 0 },
  ]);
  const marker = { type: "routeRefresh", family: IPV4_UNICAST } as const;
  bench.send(connection, { ...marker, subtype: 1 }, announce([one]));
  bench.finishWork();
  t.equal(bench.routesTo(two).length, 1, "still there");
  bench.send(connection, { ...marker, subtype: 2 });
  bench.finishWork();
  t.equal(bench.routesTo(two).length, 0);
  t.match(bench.routesTo(one), [{ best: true, stale: false }]);
  bench.send(connection, { ...marker, subtype: 1 });
  for (let seconds = 0; seconds < 360; seconds += 60) {
    t.equal(bench.routesTo(one).length, 1, `after ${seconds} s`);
    bench.wait(60);
    bench.send(connection, { type: "keepalive" });
  }
  bench.finishWork();
  t.equal(bench.routesTo(one).length, 0, "EoRR never came");
  t.end();
});
