import t from "tap";
import { CeaseSubcode, cease } from "../../../protocol/session/notification.ts";
import { encodeMessage } from "../../../protocol/wire/encode-message.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../../protocol/wire/wire-context.ts";
import { addressOf } from "../../sim/topology.ts";
import {
  announce,
  Bench,
  benchConfig,
  codes,
  END_OF_RIB,
  external,
  externalOpen,
  gracefulRestart,
  internal,
  notifications,
  openOf,
} from "./bench.ts";

const KEEPALIVE = { type: "keepalive" } as const;

t.test("no OPEN is sent before originations are complete", (t) => {
  const bench = new Bench(benchConfig([internal(2)]));
  bench.feed({ type: "configure", config: bench.config });
  bench.feed({ type: "originated", routes: [], complete: false });
  t.notOk(bench.actions.some(({ type }) => type === "connect"));
  const early = bench.incoming(addressOf(2));
  t.match(bench.actions.at(-1), { type: "close", connection: early, mode: "abort" });
  t.same(bench.take(early), [], "not a word");
  bench.feed({ type: "originated", routes: [], complete: true });
  t.ok(bench.actions.some(({ type }) => type === "connect"));
  t.end();
});

t.test("a session comes up on a connection that we dial", (t) => {
  const bench = new Bench(benchConfig([internal(2)])).start();
  const connection = bench.answerDial("h2");
  t.equal(connection % 2, 1, "outgoing connections are odd");
  t.match(bench.take(connection), [{ type: "open", asn: 64512, holdTimeSeconds: 90 }]);
  bench.send(connection, openOf(2));
  t.match(bench.take(connection), [{ type: "keepalive" }]);
  t.equal(bench.peer("h2").state, "OpenConfirm");
  bench.send(connection, { type: "keepalive" });
  t.match(bench.peer("h2"), { state: "Established", holdTimeSeconds: 90, establishedCount: 1 });
  t.equal(bench.events("peer.up").length, 1);
  t.end();
});

t.test("octets may come one by one, or all at once", (t) => {
  const messages = [
    openOf(2),
    { type: "keepalive" } as const,
    announce(["10.1.0.0/24", "10.1.1.0/24"]),
    END_OF_RIB,
  ];
  const bytes = Buffer.concat(messages.map((each) => encodeMessage(each, DEFAULT_WIRE_CONTEXT)));
  const results = [1, 2, 7, 19, 20, 4096].map((size) => {
    const bench = new Bench(benchConfig([internal(2)])).start();
    const connection = bench.incoming(addressOf(2));
    for (let at = 0; at < bytes.length; at += size) {
      bench.sendBytes(connection, bytes.subarray(at, at + size));
    }
    const { families, messagesReceived, bytesReceived, state } = bench.peer("h2");
    return { families, messagesReceived, bytesReceived, state };
  });
  t.match(results[0], { state: "Established", messagesReceived: 4, families: [{ received: 2 }] });
  for (const result of results) t.same(result, results[0]);
  t.end();
});

t.test("crimes get their NOTIFICATION with its data, then the connection closes", (t) => {
  const marker = Buffer.alloc(19, 0);
  const short = Buffer.concat([Buffer.alloc(16, 0xff), Buffer.from([0, 18, 4])]);
  const unknown = Buffer.concat([Buffer.alloc(16, 0xff), Buffer.from([0, 19, 9])]);
  const cases = [
    [marker, "1/1", ""],
    [short, "1/2", "0012"],
    [unknown, "1/3", "09"],
  ] as const;
  for (const [bytes, expected, data] of cases) {
    const bench = new Bench(benchConfig([internal(2)])).start();
    const connection = bench.establish(2);
    bench.take(connection);
    const actions = bench.sendBytes(connection, bytes);
    t.match(
      actions.find(({ type }) => type === "close"),
      { connection, mode: "flush" },
    );
    const sent = notifications(bench.take(connection));
    t.equal(codes(sent), expected);
    t.equal(Buffer.from(sent[0]?.data ?? []).toString("hex"), data);
    t.match(bench.peer("h2"), { state: "Idle", lastError: { direction: "sent" } });
  }
  t.end();
});

t.test("UPDATE before Established is refused with 5/1 or 5/2 (RFC 6608)", (t) => {
  for (const [messages, expected] of [
    [[announce(["10.1.0.0/24"])], "5/1"],
    [[openOf(2), announce(["10.1.0.0/24"])], "5/2"],
    [[openOf(2), { type: "keepalive" } as const, openOf(2)], "5/3"],
  ] as const) {
    const bench = new Bench(benchConfig([internal(2)])).start();
    const connection = bench.incoming(addressOf(2));
    bench.send(connection, ...messages);
    t.equal(codes(bench.take(connection)), expected);
  }
  t.end();
});

t.test(
  "1 s keepalive and 3 s hold: late by our own fault is forgiven once, silence is not",
  (t) => {
    const bench = new Bench(benchConfig([internal(2, { holdTimeSeconds: 3 })])).start();
    const connection = bench.establish(2);
    bench.take(connection);
    for (let i = 0; i < 10; i++) {
      bench.wait(1);
      bench.send(connection, { type: "keepalive" });
    }
    const kept = bench.take(connection).filter(({ type }) => type === "keepalive").length;
    t.ok(kept >= 10, `${kept} KEEPALIVEs in 10 s`);
    bench.now += 4000;
    bench.feed({ type: "deadlineReached" });
    t.equal(bench.peer("h2").state, "Established", "the process slept: read first");
    bench.send(connection, { type: "keepalive" });
    bench.wait(2.9);
    t.equal(bench.peer("h2").state, "Established");
    bench.wait(0.2);
    t.equal(bench.peer("h2").state, "Idle");
    t.equal(codes(bench.take(connection)), "4/0");
    t.end();
  },
);

t.test("a peer that takes nothing is dropped by the send hold timer (RFC 9687)", (t) => {
  const bench = new Bench(benchConfig([internal(2, { sendHoldSeconds: 20 })])).start();
  const connection = bench.establish(2);
  t.ok(bench.speaker.transmit(connection, 65_536).length > 0);
  for (let i = 0; i < 19; i++) {
    bench.wait(1);
    bench.send(connection, { type: "keepalive" });
  }
  t.equal(bench.peer("h2").state, "Established");
  bench.wait(1.5);
  t.match(bench.peer("h2"), { state: "Idle", lastError: { code: 8 } });
  t.match(
    bench.actions.findLast(({ type }) => type === "close"),
    { mode: "abort" },
  );
  t.end();
});

t.test("collision: the connection of the higher router id lives, with 6/7 for the other", (t) => {
  for (const [n, first] of [
    [0, "loser"],
    [0, "winner"],
    [9, "loser"],
    [9, "winner"],
  ] as const) {
    // Host 1 is we: host 0 has a lower, host 9 a higher identifier.
    const bench = new Bench(benchConfig([internal(n)])).start();
    const ours = bench.answerDial(`h${n}`);
    const theirs = bench.incoming(addressOf(n));
    bench.take(ours);
    bench.take(theirs);
    const [loser, winner] = n === 0 ? [theirs, ours] : [ours, theirs];
    const order = first === "loser" ? [loser, winner] : [winner, loser];
    for (const connection of order) {
      // The peer believes in it and goes on; what it sends is not lost while the choice waits.
      bench.send(connection, openOf(n), ...(connection === winner ? [KEEPALIVE] : []));
      if (connection === order[0])
        t.same(bench.take(connection), [], "no KEEPALIVE before the choice");
    }
    const last = bench.take(loser);
    t.equal(codes(last), "6/7", `host ${n}, the ${first} first`);
    t.notOk(
      last.some(({ type }) => type === "keepalive"),
      "the peer never takes the loser for Established",
    );
    t.equal(codes(bench.take(winner)), undefined);
    t.match(bench.peer(`h${n}`), { state: "Established", lastError: undefined });
  }
  t.end();
});

t.test("collision: a connection that has our KEEPALIVE is the peer's to end", (t) => {
  for (const ending of ["KEEPALIVE", "NOTIFICATION", "loss"] as const) {
    const bench = new Bench(benchConfig([internal(9)])).start();
    const ours = bench.answerDial("h9");
    bench.send(ours, openOf(9));
    const theirs = bench.incoming(addressOf(9));
    bench.send(theirs, openOf(9), KEEPALIVE);
    t.same(bench.take(theirs), [], "not even an OPEN: the peer must not choose between the two");
    t.equal(codes(bench.take(ours)), undefined);
    if (ending === "KEEPALIVE") bench.send(ours, KEEPALIVE);
    if (ending === "NOTIFICATION") bench.send(ours, cease(CeaseSubcode.collisionResolution));
    if (ending === "loss") bench.close(ours);
    t.match(bench.peer("h9"), { state: "Established", establishedCount: 1 }, ending);
    t.equal(codes(bench.take(theirs)), ending === "KEEPALIVE" ? "6/7" : undefined);
  }
  t.end();
});

t.test("collision: a connection on which nothing comes is not waited for", (t) => {
  const bench = new Bench(benchConfig([internal(9)])).start();
  const ours = bench.answerDial("h9");
  const theirs = bench.incoming(addressOf(9));
  bench.send(theirs, openOf(9), KEEPALIVE);
  t.equal(bench.peer("h9").state, "OpenSent");
  bench.wait(5);
  t.equal(codes(bench.take(ours)), "6/7");
  t.equal(bench.peer("h9").state, "Established");
  t.end();
});

t.test("collision: what is established wins, unless the peer has restarted (RFC 4724 §5)", (t) => {
  const plain = new Bench(benchConfig([internal(9)])).start();
  const first = plain.establish(9);
  const second = plain.incoming(addressOf(9));
  plain.send(second, openOf(9));
  t.equal(codes(plain.take(second)), "6/7");
  t.equal(plain.peer("h9").establishedCount, 1);
  t.equal(codes(plain.take(first)), undefined);

  const bench = new Bench(benchConfig([internal(9)])).start();
  const capable = { capabilities: [...openOf(9).capabilities, gracefulRestart()] };
  const old = bench.establish(9, capable);
  bench.send(old, announce(["10.1.0.0/24"]), END_OF_RIB);
  bench.take(old);
  bench.wait(6);
  const fresh = bench.incoming(addressOf(9));
  t.equal(bench.peer("h9").state, "Established", "a connection alone proves nothing");
  const actions = bench.send(fresh, openOf(9, capable));
  t.match(
    actions.find(({ type }) => type === "close"),
    { connection: old, mode: "abort" },
  );
  t.same(notifications(bench.take(old)), [], "no Cease");
  t.match(bench.peer("h9").families[0], { stale: true, received: 1 });
  bench.send(fresh, { type: "keepalive" });
  t.match(bench.peer("h9"), { state: "Established", establishedCount: 2 });
  t.end();
});

t.test(
  "collision: a connection older than the session is no restart, even if it is accepted later",
  (t) => {
    const late = new Bench(benchConfig([internal(9)])).start();
    const graceful = { capabilities: [...openOf(9).capabilities, gracefulRestart()] };
    const up = late.answerDial("h9");
    late.send(up, openOf(9, graceful), KEEPALIVE);
    const waited = late.incoming(addressOf(9));
    t.same(late.take(waited), [], "no OPEN, which the peer might read before our KEEPALIVE");
    late.send(waited, openOf(9, graceful));
    t.equal(codes(late.take(waited)), "6/7");
    t.match(late.peer("h9"), { state: "Established", establishedCount: 1 });

    const bench = new Bench(benchConfig([internal(9)])).start();
    const capable = { capabilities: [...openOf(9).capabilities, gracefulRestart()] };
    const ours = bench.answerDial("h9");
    bench.send(ours, openOf(9, capable));
    const theirs = bench.incoming(addressOf(9));
    bench.send(ours, { type: "keepalive" });
    t.equal(bench.peer("h9").state, "Established");
    bench.send(theirs, openOf(9, capable));
    t.match(bench.peer("h9"), { state: "Established", establishedCount: 1 });
    t.equal(codes(bench.take(theirs)), "6/7");
    t.equal(codes(bench.take(ours)), undefined);
    t.end();
  },
);

t.test("a wrong AS is not dialled in a loop: the back-off doubles", (t) => {
  const bench = new Bench(benchConfig([external(2, 65002)])).start();
  const times: number[] = [];
  for (let i = 0; i < 6; i++) {
    times.push(bench.now / 1000);
    const connection = bench.answerDial("h2");
    bench.send(connection, openOf(2, externalOpen(65003)));
    t.equal(codes(bench.take(connection)), "2/2");
    const refused = bench.incoming(addressOf(2));
    t.match(bench.actions.at(-1), { type: "close", connection: refused }, "and the peer waits too");
    const dials = () => bench.actions.filter(({ type }) => type === "connect").length;
    const before = dials();
    while (dials() === before) bench.wait(0.1);
  }
  const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
  for (const [i, gap] of gaps.slice(1).entries()) t.ok(gap > 1.5 * (gaps[i] ?? 0), gaps.join(" "));
  t.end();
});

t.test("unknown hosts and shut-down peers are not talked to", (t) => {
  const down = internal(3, { adminDown: { message: "maintenance" } });
  const bench = new Bench(benchConfig([internal(2), down])).start();
  for (const n of [3, 99]) {
    const connection = bench.incoming(addressOf(n));
    t.match(bench.actions.at(-1), { type: "close", connection, mode: "abort" });
  }
  t.notOk(bench.actions.some((action) => action.type === "connect" && action.peer === "h3"));
  t.end();
});

t.test("losing carrier ends single-hop sessions over that interface at once", (t) => {
  const bench = new Bench(benchConfig([internal(2), internal(3)])).start();
  const two = bench.establish(2);
  bench.establish(3);
  bench.feed({
    type: "nextHopChanged",
    nextHops: [
      { nextHop: addressOf(2), reachable: true, metric: 0, onLink: true },
      { nextHop: addressOf(3), reachable: true, metric: 0, onLink: false },
    ],
  });
  const actions = bench.feed({
    type: "interfaceDown",
    interface: "eth0",
    addresses: [addressOf(1)],
  });
  t.match(
    actions.find(({ type }) => type === "close"),
    { connection: two, mode: "abort" },
  );
  t.not(bench.peer("h2").state, "Established");
  t.equal(bench.peer("h3").state, "Established", "several hops away: other ways may lead there");
  t.end();
});

t.test("passive peers are never dialled", (t) => {
  const bench = new Bench(benchConfig([internal(2, { passive: true })])).start();
  bench.wait(600);
  t.notOk(bench.actions.some(({ type }) => type === "connect"));
  const connection = bench.establish(2);
  t.equal(bench.peer("h2").state, "Established");
  bench.close(connection);
  bench.wait(600);
  t.notOk(bench.actions.some(({ type }) => type === "connect"));
  t.end();
});

t.test("passwords appear in no action, event or snapshot", (t) => {
  const canary = "canary-3f9d";
  const bench = new Bench(benchConfig([internal(2, { password: canary })])).start();
  const connection = bench.establish(2);
  bench.send(connection, announce(["10.1.0.0/24"]));
  bench.configurePeer("h2", { password: `${canary}-new` });
  bench.sendBytes(bench.establish(2), Buffer.alloc(19));
  bench.feed({ type: "operator", command: { type: "resetPeer", peer: "h2", message: "test" } });
  bench.wait(60);
  const seen = JSON.stringify([bench.actions, bench.speaker.peers(), bench.speaker.status()]);
  t.notOk(seen.includes(canary));
  t.ok(seen.includes("peer.down"), "there was something to see");
  t.end();
});
