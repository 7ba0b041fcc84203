import t from "tap";
import { IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { addressOf } from "../../sim/topology.ts";
import {
  announce,
  Bench,
  BOTH_FAMILIES,
  benchConfig,
  codes,
  END_OF_RIB,
  END_OF_RIB_IPV6,
  internal,
  openOf,
} from "./bench.ts";

const IPV6 = IpAddress("fd00::2");
const ONE_FAMILY = { capabilities: BOTH_FAMILIES.slice(0, 1) };

/** Host 2 has two addresses; the session over IPv6 stands by for the one over IPv4. */
function started(): Bench {
  const second = internal(2, {
    name: "h2-ipv6",
    address: IPV6,
    families: [{ family: IPV6_UNICAST }],
    standbyFor: addressOf(2),
  });
  return new Bench(benchConfig([internal(2), second])).start();
}

const dialled = (bench: Bench) =>
  bench.actions.some((action) => action.type === "connect" && action.peer === "h2-ipv6");

function establishIpv6(bench: Bench): number {
  const connection = bench.incoming(IPV6);
  bench.send(connection, openOf(2, { capabilities: BOTH_FAMILIES.slice(1) }), {
    type: "keepalive",
  });
  return connection;
}

t.test("while one session carries both families, the second is idle", (t) => {
  const bench = started();
  bench.establish(2);
  bench.wait(60);
  t.notOk(dialled(bench));
  t.match(bench.peer("h2-ipv6"), { state: "Idle", standsBy: /h2/ });
  const stray = bench.incoming(IPV6);
  t.match(bench.actions.at(-1), { type: "close", connection: stray, mode: "abort" });
  t.match(bench.speaker.status().peers, { total: 1, established: 1 }, "nobody misses it");
  const families = [{ family: IPV6_UNICAST, maxPrefixes: { limit: 10, warnPercent: 80 } }];
  bench.configurePeer("h2-ipv6", { families });
  t.notOk(dialled(bench), "another limit of its prefixes does not wake it");
  t.end();
});

t.test("where IPv6 is not negotiated, the second session is needed as well", (t) => {
  const bench = started();
  bench.establish(2, ONE_FAMILY);
  t.ok(dialled(bench), "at once");
  establishIpv6(bench);
  t.match(bench.peer("h2-ipv6"), { state: "Established", standsBy: undefined });
  t.match(bench.peer("h2"), { state: "Established" }, "one router id, and no collision");
  t.match(bench.speaker.status().peers, { total: 2, established: 2 });
  t.end();
});

t.test(
  "a neighbour that learns to carry both: the second ends when the first has told all",
  (t) => {
    const bench = started();
    const old = bench.establish(2, ONE_FAMILY);
    const ipv6 = establishIpv6(bench);
    bench.send(ipv6, announce(["fd80::/64"], { nextHop: IPV6 }), END_OF_RIB_IPV6);
    bench.close(old);
    t.match(bench.peer("h2-ipv6"), { state: "Established" }, "the first is down: nothing changes");
    const connection = bench.establish(2);
    t.match(
      bench.peer("h2-ipv6"),
      { state: "Established" },
      "the first is up, and has yet to tell",
    );
    bench.send(connection, announce(["fd80::/64"], { nextHop: IPV6 }), END_OF_RIB);
    t.match(bench.peer("h2-ipv6"), { state: "Established" });
    bench.send(connection, END_OF_RIB_IPV6);
    t.equal(codes(bench.take(ipv6)), "6/6");
    t.match(bench.peer("h2-ipv6"), { state: "Idle" });
    t.equal(bench.peer("h2").families[1]?.received, 1);
    t.end();
  },
);

t.test("a first session that stays down does not hold the second for ever", (t) => {
  const bench = started();
  bench.wait(14);
  t.notOk(dialled(bench));
  bench.wait(2);
  t.ok(dialled(bench));
  const later = started();
  const connection = later.establish(2);
  later.wait(60);
  later.close(connection);
  later.wait(14);
  t.notOk(dialled(later), "after a loss, it waits as long");
  later.wait(2);
  t.ok(dialled(later));
  t.end();
});

t.test(
  "configured: what stands by for nobody works alone, and a reset of it changes nothing",
  (t) => {
    const bench = started();
    bench.establish(2);
    bench.feed({ type: "operator", command: { type: "resetPeer", peer: "h2-ipv6" } });
    t.match(bench.peer("h2-ipv6"), { state: "Idle", standsBy: /h2/ });
    bench.configure({ peers: bench.config.peers.filter(({ name }) => name === "h2-ipv6") });
    t.ok(dialled(bench), "the first is gone");
    const again = started();
    again.establish(2);
    const [first, second] = again.config.peers;
    if (first === undefined || second === undefined) throw new Error("two peers");
    const { standbyFor: _, ...alone } = second;
    again.configure({ peers: [first, alone] });
    t.ok(dialled(again), "it stands by no more");
    const down = started();
    down.establish(2);
    down.configurePeer("h2", { adminDown: { message: "test" } });
    t.ok(dialled(down), "the first is down on purpose");
    t.end();
  },
);
