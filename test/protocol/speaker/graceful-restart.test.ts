import t from "tap";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import type { Capability } from "../../../protocol/wire/capability.ts";
import { addressOf } from "../../sim/topology.ts";
import {
  announce,
  Bench,
  benchConfig,
  codes,
  END_OF_RIB,
  END_OF_RIB_IPV6,
  gracefulRestart,
  internal,
  notifications,
  openOf,
} from "./bench.ts";

const V4 = Prefix("10.1.0.0/24");
const V6 = Prefix("fd01::/64");

function capable(change: Parameters<typeof gracefulRestart>[0] = {}) {
  return { capabilities: [...openOf(2).capabilities, gracefulRestart(change)] };
}

/** A helper whose peer, host 2, has announced one prefix of each family. */
function helper(change: Parameters<typeof gracefulRestart>[0] = {}) {
  const bench = new Bench(benchConfig([internal(2)])).start();
  const connection = bench.establish(2, capable(change));
  bench.send(
    connection,
    announce([V4]),
    announce([V6], { nextHop: "fd00::2" }),
    END_OF_RIB,
    END_OF_RIB_IPV6,
  );
  bench.take(connection);
  const counts = () => {
    bench.finishWork();
    return [bench.routesTo(V4).length, bench.routesTo(V6).length];
  };
  return { bench, connection, counts };
}

t.test("helper: a lost connection keeps the routes, stale, for the peer's restart time", (t) => {
  const { bench, connection, counts } = helper({ restartTimeSeconds: 30 });
  bench.close(connection);
  t.same(counts(), [1, 1]);
  t.match(bench.routesTo(V4), [{ stale: true }]);
  t.match(bench.events("peer.stale"), [{ fields: { seconds: 30 } }]);
  bench.wait(29);
  t.same(counts(), [1, 1]);
  bench.wait(2);
  t.same(counts(), [0, 0]);
  t.end();
});

t.test(
  "helper: without the capability, with time 0, or after a NOTIFICATION the routes go",
  (t) => {
    const plain = new Bench(benchConfig([internal(2)])).start();
    const connection = plain.establish(2);
    plain.send(connection, announce([V4]));
    plain.close(connection);
    plain.finishWork();
    t.same(plain.routesTo(V4), []);

    const zero = helper({ restartTimeSeconds: 0 });
    zero.bench.close(zero.connection);
    t.same(zero.counts(), [0, 0]);

    const cease = helper();
    cease.bench.send(cease.connection, {
      type: "notification",
      code: 6,
      subcode: 2,
      data: new Uint8Array(0),
    });
    t.same(cease.counts(), [0, 0], "the peer said good-bye");

    const crime = helper();
    crime.bench.sendBytes(crime.connection, new Uint8Array(19));
    t.same(crime.counts(), [0, 0], "we said good-bye");

    const silent = helper();
    silent.bench.wait(91);
    t.equal(codes(silent.bench.take(silent.connection)), "4/0");
    t.same(silent.counts(), [0, 0], "the hold timer says good-bye too");
    t.end();
  },
);

t.test("helper: only the families of the capability are kept", (t) => {
  const { bench, connection, counts } = helper({
    families: [{ family: IPV6_UNICAST, forwarding: true }],
  });
  bench.close(connection);
  t.same(counts(), [0, 1]);
  t.end();
});

t.test(
  "helper: a new OPEN without F, without the family or without the capability drops at once",
  (t) => {
    const both = [
      { family: IPV4_UNICAST, forwarding: true },
      { family: IPV6_UNICAST, forwarding: true },
    ];
    const [four, six] = both as [(typeof both)[0], (typeof both)[0]];
    const cases: [string, Capability[], number[]][] = [
      ["both preserved", [gracefulRestart({ families: both })], [1, 1]],
      ["F missing", [gracefulRestart({ families: [{ ...four, forwarding: false }, six] })], [0, 1]],
      ["family missing", [gracefulRestart({ families: [four] })], [1, 0]],
      ["nothing preserved", [gracefulRestart({ families: [] })], [0, 0]],
      ["capability missing", [], [0, 0]],
    ];
    for (const [name, more, expected] of cases) {
      const { bench, connection, counts } = helper();
      bench.close(connection);
      bench.wait(3);
      bench.establish(2, { capabilities: [...openOf(2).capabilities, ...more] });
      t.same(counts(), expected, name);
    }
    t.end();
  },
);

t.test(
  "helper: R is not asked for (gobgp #1296): an OPEN without it is welcome and keeps the routes",
  (t) => {
    for (const restarting of [true, false]) {
      const { bench, connection, counts } = helper();
      bench.close(connection);
      bench.establish(2, capable({ restarting }));
      t.equal(bench.peer("h2").state, "Established");
      t.same(counts(), [1, 1]);
    }
    t.end();
  },
);

t.test("helper: End-of-RIB sweeps what was not announced again, family by family", (t) => {
  const { bench, connection, counts } = helper();
  const more = Prefix("10.2.0.0/24");
  bench.send(connection, announce([more]));
  bench.close(connection);
  const fresh = bench.establish(2, capable({ restarting: true }));
  bench.send(fresh, announce([V4]));
  bench.finishWork();
  t.match(bench.routesTo(V4), [{ stale: false }]);
  t.match(bench.routesTo(more), [{ stale: true }], "not yet");
  bench.send(fresh, END_OF_RIB);
  t.same(counts(), [1, 1]);
  t.same(bench.routesTo(more), []);
  t.match(bench.routesTo(V6), [{ stale: true }], "its own End-of-RIB is still to come");
  bench.send(fresh, END_OF_RIB_IPV6);
  t.same(counts(), [1, 0]);
  t.end();
});

t.test("helper: a peer that never sends End-of-RIB does not keep stale routes for ever", (t) => {
  const { bench, connection, counts } = helper();
  bench.close(connection);
  const fresh = bench.establish(2, capable({ restarting: true }));
  for (let i = 0; i < 6; i++) {
    t.same(counts(), [1, 1], `${i} minutes`);
    bench.wait(60);
    bench.send(fresh, { type: "keepalive" });
  }
  t.same(counts(), [0, 0]);
  t.end();
});

t.test(
  "helper: a second loss before End-of-RIB drops what was stale already (RFC 4724 §4.2)",
  (t) => {
    const { bench, connection, counts } = helper();
    bench.close(connection);
    const second = bench.establish(2, capable({ restarting: true }));
    bench.send(second, announce([V6], { nextHop: "fd00::2" }));
    bench.close(second);
    t.same(counts(), [0, 1]);
    t.end();
  },
);

const restart = {
  preservedFamilies: [IPV4_UNICAST, IPV6_UNICAST],
  waitForPeers: ["h2", "h3"],
  selectionDeferralSeconds: 10,
};

function sentOpen(bench: Bench, connection: number) {
  const open = bench.take(connection).find(({ type }) => type === "open");
  if (open?.type !== "open") throw new Error("no OPEN was sent");
  return open.capabilities.find(({ type }) => type === "gracefulRestart");
}

t.test("restarting: R and F towards each peer until its first session (gobgp #3431)", (t) => {
  const bench = new Bench(
    benchConfig([internal(2), internal(3)], { gracefulRestart: restart }),
  ).start();
  const first = bench.establish(2, capable());
  const families = [{ forwarding: true }, { forwarding: true }];
  t.match(sentOpen(bench, first), { restarting: true, families });
  bench.send(first, END_OF_RIB, END_OF_RIB_IPV6);
  bench.wait(11);
  const late = bench.establish(3, capable());
  t.match(sentOpen(bench, late), { restarting: true, families }, "the second peer is told too");
  bench.close(first);
  const again = bench.establish(2, capable());
  t.match(sentOpen(bench, again), { restarting: false, families }, "forwarding never stopped");
  t.end();
});

t.test(
  "restarting: an ordinary start claims nothing, a lost connection later claims forwarding",
  (t) => {
    const bench = new Bench(benchConfig([internal(2)])).start();
    const families = [{ forwarding: false }, { forwarding: false }];
    const first = bench.establish(2, capable());
    t.match(sentOpen(bench, first), { restarting: false, families });
    bench.close(first);
    const again = bench.establish(2, capable());
    t.match(sentOpen(bench, again), { restarting: false, families: [{ forwarding: true }, {}] });
    t.end();
  },
);

function converged(bench: Bench): readonly string[] {
  return bench.actions.flatMap((action) =>
    action.type === "familyConverged" ? [`${action.family} ${action.reason}`] : [],
  );
}

t.test("restarting: selection waits for End-of-RIB of the peers that were up", (t) => {
  const bench = new Bench(
    benchConfig([internal(2), internal(3)], { gracefulRestart: restart }),
  ).start();
  bench.reachable(addressOf(2));
  const two = bench.establish(2, capable());
  bench.send(two, announce([V4]), END_OF_RIB, END_OF_RIB_IPV6);
  bench.finishWork();
  t.notOk(bench.routesTo(V4)[0]?.best, "nothing is selected yet");
  t.same(converged(bench), []);
  t.equal(bench.speaker.status().restarting, true);
  const three = bench.establish(3, capable());
  bench.send(three, END_OF_RIB);
  bench.finishWork();
  t.match(converged(bench), [`${IPV4_UNICAST} End-of-RIB of all peers that were up`]);
  t.match(bench.routesTo(V4), [{ best: true }]);
  bench.send(three, END_OF_RIB_IPV6);
  t.equal(converged(bench).length, 2);
  t.equal(bench.speaker.status().restarting, false);
  t.end();
});

t.test("restarting: ten seconds at most, and nobody who cannot tell is waited for", (t) => {
  const slow = new Bench(
    benchConfig([internal(2), internal(3)], { gracefulRestart: restart }),
  ).start();
  slow.wait(9.9);
  t.same(converged(slow), []);
  slow.wait(0.2);
  t.match(converged(slow), [/within 10 s from h2, h3/, /within 10 s/]);

  const excused = new Bench(
    benchConfig([internal(2), internal(3)], { gracefulRestart: restart }),
  ).start();
  excused.reachable(addressOf(3));
  excused.establish(2);
  const three = excused.establish(3, capable({ restarting: true }));
  t.equal(excused.speaker.status().restarting, false, "one is mute, the other waits for us");
  t.same(converged(excused), [], "but the other's routes are still to come");
  excused.send(three, announce([V4], { nextHop: addressOf(3) }), END_OF_RIB, END_OF_RIB_IPV6);
  t.match(excused.routesTo(V4), [{ best: true }]);
  t.equal(converged(excused).length, 2);

  const gone = new Bench(
    benchConfig([internal(2), internal(3)], { gracefulRestart: restart }),
  ).start();
  gone.establish(2);
  gone.configure({ peers: [internal(2)] });
  t.equal(converged(gone).length, 2, "a peer that is no longer configured");

  const plain = new Bench(benchConfig([internal(2)])).start();
  t.equal(converged(plain).length, 2, "nothing was preserved: nothing to wait for");
  t.end();
});

t.test(
  "stop for a restart closes without a word; a shutdown says 6/2 with the operator's words",
  (t) => {
    const quiet = new Bench(benchConfig([internal(2)])).start();
    const one = quiet.establish(2, capable());
    quiet.take(one);
    const actions = quiet.feed({ type: "operator", command: { type: "stop", mode: "restart" } });
    t.match(
      actions.filter(({ type }) => type === "close"),
      [{ connection: one }],
    );
    t.match(actions.at(-1), { type: "stopped" });
    t.same(notifications(quiet.take(one)), []);
    quiet.wait(600);
    t.equal(quiet.peer("h2").state, "Idle", "and it stays stopped");

    const loud = new Bench(benchConfig([internal(2)])).start();
    const two = loud.establish(2, capable());
    loud.take(two);
    const command = { type: "stop", mode: "shutdown", message: "moving racks" } as const;
    loud.feed({ type: "operator", command });
    loud.wait(3);
    t.match(loud.actions.at(-1), { type: "stopped" });
    const [cease] = notifications(loud.take(two));
    t.match(cease, { code: 6, subcode: 2 });
    t.equal(Buffer.from(cease?.data ?? []).toString("latin1"), "\x0cmoving racks");
    t.end();
  },
);
