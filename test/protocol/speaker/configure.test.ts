import t from "tap";
import { ACCEPT_ALL, type Policy, REJECT_ALL } from "../../../protocol/policy/policy.ts";
import { effectsOfChange, FIELD_EFFECTS } from "../../../protocol/speaker/peer-change.ts";
import type { PeerConfig } from "../../../protocol/speaker/speaker-config.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import { addressOf } from "../../sim/topology.ts";
import { announce, Bench, benchConfig, codes, END_OF_RIB, internal, SELF } from "./bench.ts";

/** Another value for each field of a peering. */
const OTHER: { readonly [field in keyof Required<PeerConfig>]: PeerConfig[field] } = {
  name: "h2",
  origin: "global",
  address: addressOf(22),
  port: 1790,
  localAddress: IpAddress("10.200.0.111"),
  interface: "eth1",
  localAsn: Asn(64999),
  peerAsn: Asn(64998),
  adminDown: { message: "test" },
  passive: true,
  holdTimeSeconds: 30,
  minHoldTimeSeconds: 9,
  keepaliveSeconds: 7,
  connectRetrySeconds: 17,
  idleHoldSeconds: { initial: 2, max: 9 },
  delayOpenSeconds: 3,
  sendHoldSeconds: 600,
  families: [{ family: IPV4_UNICAST }],
  extendedMessage: true,
  routeReflectorClient: true,
  nextHopMode: "self",
  nextHopSelf: { ipv4: IpAddress("10.200.0.112") },
  allowOwnAsn: 1,
  enforceFirstAsn: false,
  role: "peer",
  roleStrict: true,
  exportLearned: true,
  acceptDefaultRoute: true,
  acceptNodeAddresses: true,
  gracefulRestart: { restartTimeSeconds: 33 },
  importPolicy: REJECT_ALL,
  exportPolicy: REJECT_ALL,
  advertisementIntervalSeconds: 5,
  standbyFor: addressOf(22),
  password: "secret",
  ttlSecurityHops: 1,
};

t.test("what each changed field does to an established session is what the table says", (t) => {
  for (const field of Object.keys(FIELD_EFFECTS) as (keyof PeerConfig)[]) {
    if (field === "name") continue;
    const bench = new Bench(benchConfig([internal(2)])).start();
    const connection = bench.establish(2);
    bench.send(connection, announce(["10.1.0.0/24"]), END_OF_RIB);
    bench.take(connection);
    bench.configurePeer("h2", { [field]: OTHER[field] });
    const effect = FIELD_EFFECTS[field];
    const ends = effect === "reset" || effect === "admin";
    t.equal(bench.peer("h2").state === "Established", !ends, `${field}: ${effect}`);
    const expected = effect === "reset" ? "6/6" : effect === "admin" ? "6/2" : undefined;
    t.equal(codes(bench.take(connection)), expected, field);
    bench.finishWork();
    t.equal(bench.peer("h2").families[0]?.received, ends ? 0 : 1, field);
  }
  t.end();
});

t.test("changing a peer into a route-reflector client keeps the session (FRR #7808)", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  bench.establish(2);
  bench.configurePeer("h2", { routeReflectorClient: true });
  t.match(bench.peer("h2"), {
    state: "Established",
    establishedCount: 1,
    routeReflectorClient: true,
  });
  t.end();
});

t.test("limits of a family are ours alone; its other fields stand in the OPEN", (t) => {
  const families = (change: object) => [
    { family: IPV4_UNICAST, ...change },
    { family: IPV6_UNICAST },
  ];
  const before = internal(2);
  const effect = (change: object) =>
    [...effectsOfChange(before, { ...before, families: families(change) })].join();
  t.equal(effect({}), "");
  t.equal(effect({ maxPrefixes: { limit: 1, warnPercent: 75 } }), "limits");
  t.equal(effect({ addPath: "both" }), "reset");
  t.equal(effect({ extendedNextHop: true }), "reset");
  t.end();
});

t.test("a key that becomes another one keeps the session; a first key and no key end it", (t) => {
  const [none, one, other] = [undefined, "a", "b"].map((password) =>
    internal(2, password === undefined ? {} : { password }),
  ) as [PeerConfig, PeerConfig, PeerConfig];
  t.same([...effectsOfChange(one, other)], ["keep"]);
  t.same([...effectsOfChange(none, one)], ["reset"]);
  t.same([...effectsOfChange(one, none)], ["reset"]);
  t.end();
});

t.test("the same configuration again changes nothing", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  bench.establish(2);
  t.same(bench.configure(structuredClone(bench.config)), []);
  t.same(bench.feed({ type: "originated", routes: [], complete: true }), []);
  t.end();
});

t.test("a peer that is no longer configured gets 6/3 and its routes go, sliced", (t) => {
  const bench = new Bench(benchConfig([internal(2), internal(3)])).start();
  bench.reachable(addressOf(2));
  const connection = bench.establish(2);
  const prefixes = Array.from({ length: 250 }, (_, i) => `10.1.${i}.0/24`);
  bench.send(connection, announce(prefixes));
  bench.finishWork();
  bench.take(connection);
  bench.configure({ peers: [internal(3)] });
  t.equal(codes(bench.take(connection)), "6/3");
  t.same(
    bench.speaker.peers().map(({ name }) => name),
    ["h3"],
  );
  bench.finishWork();
  t.same(bench.routesTo(Prefix("10.1.7.0/24")), []);
  bench.configure({ peers: [internal(3), internal(2)] });
  bench.send(bench.establish(2), announce(["10.9.0.0/24"]));
  bench.finishWork();
  t.match(bench.peer("h2").families[0], { received: 1 });
  t.end();
});

t.test("another AS or router id resets all peers; another cluster id none", (t) => {
  for (const change of [{ routerId: RouterId(99) }, { asn: Asn(64999) }]) {
    const bench = new Bench(benchConfig([internal(2), internal(3)])).start();
    const both = [bench.establish(2), bench.establish(3)];
    bench.configure(change);
    for (const connection of both) t.equal(codes(bench.take(connection)), "6/6");
  }
  const bench = new Bench(benchConfig([internal(2)])).start();
  bench.establish(2);
  bench.configure({ clusterId: RouterId(5) });
  t.equal(bench.peer("h2").state, "Established");
  t.end();
});

t.test("a peer that only changes its name keeps its session and routes", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  const connection = bench.establish(2);
  bench.send(connection, announce(["10.1.0.0/24"]), END_OF_RIB);
  bench.configurePeer("h2", { name: "taken-over", origin: "global" });
  t.match(bench.peer("taken-over"), { state: "Established", origin: "global" });
  t.equal(codes(bench.take(connection)), undefined);
  t.equal(bench.peer("taken-over").families[0]?.received, 1);
  t.match(bench.events("peer.renamed"), [{ peer: "taken-over", fields: { before: "h2" } }]);
  bench.finishWork();
  t.match(bench.routesTo(Prefix("10.1.0.0/24")), [{ peer: "taken-over" }]);
  bench.configurePeer("taken-over", { name: "moved", address: addressOf(3) });
  t.equal(codes(bench.take(connection)), "6/3", "at another address it is another peer");
  t.end();
});

t.test("an operator's reset says 6/4 and begins anew; admin down stays down", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  const connection = bench.establish(2);
  bench.take(connection);
  bench.feed({
    type: "operator",
    command: { type: "resetPeer", peer: "h2", message: "try again" },
  });
  t.equal(codes(bench.take(connection)), "6/4");
  t.equal(bench.peer("h2").state, "Connect");
  bench.configurePeer("h2", { adminDown: { message: "rack" } });
  bench.wait(600);
  t.equal(bench.peer("h2").state, "Idle");
  const config = internal(2);
  bench.configure({ peers: [config] });
  t.equal(bench.peer("h2").state, "Connect");
  t.end();
});

t.test("long work is sliced, and each slice says whether more is waiting", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  bench.reachable(addressOf(2));
  const connection = bench.establish(2);
  for (let i = 0; i < 64; i++) {
    const prefixes = Array.from({ length: 256 }, (_, j) => `10.${i}.${j}.0/24`);
    bench.send(connection, announce(prefixes));
  }
  bench.finishWork();
  t.match(bench.peer("h2").families[0], { received: 16_384, best: 16_384 });
  bench.slicing = true;
  const closing = bench.close(connection);
  t.ok(closing.some(({ type }) => type === "workPending"));
  let slices = 0;
  for (; slices < 10_000; slices++) {
    const actions = bench.feed({ type: "workResumed", budget: 100 });
    if (!actions.some(({ type }) => type === "workPending")) break;
  }
  t.ok(slices > 100, `${slices} slices`);
  t.match(bench.peer("h2").families[0], { received: 0, best: 0 });
  t.equal(bench.speaker.status().families[0]?.routes, 0);
  t.end();
});

t.test("policies with equal content are the same policy", (t) => {
  const before = internal(2, { importPolicy: { ...ACCEPT_ALL } });
  t.same(
    [...effectsOfChange(before, internal(2, { importPolicy: structuredClone(ACCEPT_ALL) }))],
    [],
  );
  t.end();
});

t.test("a limit that is lowered counts at once; one that is raised lets the peer back in", (t) => {
  const families = (limit: number) => [
    { family: IPV4_UNICAST, maxPrefixes: { limit, warnPercent: 75 } },
    { family: IPV6_UNICAST },
  ];
  const bench = new Bench(benchConfig([internal(2, { families: families(10) })])).start();
  const connection = bench.establish(2);
  bench.send(connection, announce(["10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24"]));
  bench.take(connection);
  bench.configurePeer("h2", { families: families(2) });
  t.equal(codes(bench.take(connection)), "6/1");
  bench.wait(3600);
  t.equal(bench.peer("h2").state, "Idle", "no restart was configured");
  bench.configurePeer("h2", { families: families(20) });
  t.equal(bench.peer("h2").state, "Connect");
  t.end();
});

t.test(
  "without an address of a family nothing is announced in it but End-of-RIB; an address brings the rest",
  (t) => {
    const bench = new Bench(benchConfig([internal(2)]));
    const prefix = Prefix("fd65::1/128");
    bench.start([{ prefix, kind: "workload" }]);
    const connection = bench.establish(2);
    const told = () =>
      bench.speaker.routes({ table: "adj-out", family: IPV6_UNICAST, peer: "h2", limit: 9 }).routes;
    const markers = bench
      .take(connection)
      .filter(
        (message) => message.type === "update" && message.attributes[0]?.type === "mpUnreach",
      );
    t.equal(markers.length, 1, "End-of-RIB of IPv6");
    t.same(told(), []);
    t.equal(bench.events("peer.noNextHop").length, 1);
    bench.configure({ ownAddresses: [SELF, IpAddress("fd00::1")] });
    bench.take(connection);
    t.match(told(), [{ prefix, attributes: { nextHop: "fd00::1" } }]);
    t.end();
  },
);

/** A policy of one rule on the interface; what it does not match goes the other way. */
function byInterface(pattern: string, action: "accept" | "reject"): Policy {
  const rules = [{ name: pattern, match: { interface: pattern }, action }];
  return { name: "by interface", rules, otherwise: action === "accept" ? "reject" : "accept" };
}

function overInterface(name: string | undefined) {
  const state = { nextHop: addressOf(2), reachable: true, metric: 0, onLink: true };
  return {
    type: "nextHopChanged",
    nextHops: [{ ...state, ...(name && { interface: name }) }],
  } as const;
}

t.test("an import filter on the interface follows the next hop from one to another", (t) => {
  const prefix = Prefix("10.1.0.0/24");
  for (const action of ["accept", "reject"] as const) {
    const bench = new Bench(
      benchConfig([internal(2, { importPolicy: byInterface("eth*", action) })]),
    ).start();
    bench.send(bench.establish(2), announce([prefix], { nextHop: addressOf(9) }));
    const tracked = bench.actions.findLast(({ type }) => type === "trackNextHops");
    t.match(tracked, { nextHops: [addressOf(9), addressOf(2)] }, "also of what is refused");
    const seen = ["eth0", "tun0", "eth1", undefined].map((name) => {
      const nextHops = overInterface(name).nextHops.map((state) => ({
        ...state,
        nextHop: addressOf(9),
      }));
      bench.feed({ type: "nextHopChanged", nextHops });
      bench.finishWork();
      return bench.routesTo(prefix)[0]?.best;
    });
    const matched = action === "accept";
    t.same(seen, [matched, !matched, matched, !matched], action);
    bench.configurePeer("h2", { importPolicy: ACCEPT_ALL });
    bench.finishWork();
    t.equal(bench.routesTo(prefix)[0]?.best, true);
  }
  t.end();
});

t.test("an import filter on the interface knows a peer's own address at once", (t) => {
  const prefix = Prefix("10.1.0.0/24");
  const importPolicy = byInterface("eth0", "accept");
  const bench = new Bench(benchConfig([internal(2, { importPolicy })])).start();
  bench.feed(overInterface("eth0"));
  bench.send(bench.establish(2), announce([prefix]));
  bench.finishWork();
  t.equal(bench.routesTo(prefix)[0]?.best, true);
  t.end();
});

t.test("an export filter on the interface follows learned routes and our own", (t) => {
  const [learned, own] = [Prefix("10.1.0.0/24"), Prefix("10.65.0.1/32")];
  const exportPolicy = byInterface("cali*", "reject");
  const bench = new Bench(
    benchConfig([internal(2), internal(3, { routeReflectorClient: true, exportPolicy })], {
      clusterId: RouterId(9),
    }),
  );
  const originate = (name: string) =>
    bench.feed({
      type: "originated",
      routes: [{ prefix: own, kind: "workload", interface: name }],
      complete: true,
    });
  bench.start();
  const listener = bench.establish(3);
  bench.send(bench.establish(2), announce([learned]));
  const toldWith = (nextHop: string, origin: string) => {
    bench.feed(overInterface(nextHop));
    originate(origin);
    bench.finishWork();
    bench.take(listener);
    const query = { table: "adj-out", family: IPV4_UNICAST, peer: "h3", limit: 9 } as const;
    return bench.speaker.routes(query).routes.map(({ prefix }) => prefix);
  };
  t.same(toldWith("cali1", "cali1"), []);
  t.same(toldWith("eth0", "cali1"), [learned]);
  t.same(toldWith("cali1", "tap1"), [own]);
  t.same(toldWith("eth0", "tap1").toSorted(), [learned, own]);
  t.same(toldWith("cali1", "cali1"), []);
  t.end();
});

t.test("routes are listed page by page, each once, in all tables", (t) => {
  const bench = new Bench(
    benchConfig([internal(2), internal(3, { routeReflectorClient: true })], {
      clusterId: RouterId(9),
    }),
  );
  bench.start();
  bench.reachable(addressOf(2));
  bench.establish(3);
  const prefixes = Array.from({ length: 57 }, (_, i) => `10.${i}.0.0/16`);
  bench.send(bench.establish(2), announce(prefixes));
  for (const connection of [2, 4]) bench.take(connection);
  for (const [table, peer] of [["loc-rib"], ["adj-in", "h2"], ["adj-out", "h3"]] as const) {
    const seen: string[] = [];
    for (let cursor: string | undefined, pages = 0; pages < 20; pages++) {
      const page = bench.speaker.routes({
        table,
        family: IPV4_UNICAST,
        limit: 10,
        ...(peer && { peer }),
        ...(cursor !== undefined && { cursor }),
      });
      seen.push(...page.routes.map((route) => route.prefix));
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    t.same(seen.sort(), [...prefixes].sort(), table);
  }
  const listed = (match: "exact" | "longest" | "within", prefix: string) =>
    bench.speaker
      .routes({
        table: "loc-rib",
        family: IPV4_UNICAST,
        limit: 100,
        prefix: { prefix: Prefix(prefix), match },
      })
      .routes.map((route) => route.prefix);
  t.same(listed("exact", "10.7.0.0/16"), ["10.7.0.0/16"]);
  t.same(listed("exact", "10.7.0.0/17"), []);
  t.same(listed("longest", "10.7.1.2/32"), ["10.7.0.0/16"]);
  t.same(listed("longest", "10.0.0.0/8"), []);
  t.equal(listed("within", "10.32.0.0/11").length, 25);
  t.end();
});

t.test("an operator's command for a peer that does not exist is told, not thrown", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  bench.feed({ type: "operator", command: { type: "resetPeer", peer: "nobody" } });
  t.match(bench.events("operator.refused"), [{ peer: "nobody", level: "warn" }]);
  t.end();
});
