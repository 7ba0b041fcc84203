import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import type { PeerConfig } from "../../../protocol/speaker/speaker-config.ts";
import type { PeerSnapshot } from "../../../protocol/speaker/speaker-snapshot.ts";
import { clusterProblems } from "../../../src/agent/cluster-problems.ts";
import { EventLog } from "../../../src/agent/event-log.ts";
import { holdPeers } from "../../../src/agent/held-peers.ts";
import { followHost, type HostFollowerReport } from "../../../src/agent/host-follower.ts";
import { LineLimit } from "../../../src/agent/line-limit.ts";
import { PeersUp } from "../../../src/agent/peers-up.ts";
import { StateDirectory } from "../../../src/agent/state-directory.ts";
import type { HostState } from "../../../src/calc/host-state.ts";
import { LossGuard } from "../../../src/datastore/loss-guard.ts";
import { MemoryDatastore } from "../../../src/datastore/memory.ts";
import { keyDropsFromNow, parseKeyDrops } from "../../../src/kernel/tcp-md5-drops.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";

const NODE = {
  apiVersion: "projectcalico.org/v3",
  kind: "Node",
  metadata: { name: "core-01" },
  spec: { bgp: { ipv4Address: "10.0.0.1/24" } },
};

function stateFolder(test: { readonly teardown: (end: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), "tortie-state-"));
  test.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "state");
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not reached in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function logInMemory() {
  const lines: string[] = [];
  const log = new EventLog({ level: "info", destination: { write: (line) => lines.push(line) } });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line)) };
}

t.test("one line an event, with a stable name, and what a NOTIFICATION said", (t) => {
  const { log, parsed } = logInMemory();
  log.record({
    name: "peer.down",
    peer: "tor-1",
    level: "warn",
    fields: { reason: "hold timer expired" },
    notification: {
      direction: "sent",
      message: { type: "notification", code: 4, subcode: 0, data: Uint8Array.of(1, 255) },
    },
  });
  log.log("debug", "not.shown");
  const [line, ...rest] = parsed();
  t.strictSame(rest, []);
  t.match(line, {
    level: "warn",
    event: "peer.down",
    peer: "tor-1",
    reason: "hold timer expired",
    notification: { direction: "sent", code: 4, subcode: 0, data: "01ff" },
  });
  t.match(line.time, /^\d{4}-\d\d-\d\dT.*Z$/);
  t.equal(log.recent({ limit: 10 }).length, 1);
  const { transitions, notifications } = log.counters();
  t.strictSame(transitions, [{ labels: { peer: "tor-1", to: "idle" }, value: 1 }]);
  t.strictSame(notifications, [{ labels: { direction: "sent", code: 4, subcode: 0 }, value: 1 }]);
  t.end();
});

t.test("a field that is called like a key is hidden, whoever logs it", (t) => {
  const { log, lines } = logInMemory();
  log.log("info", "a", { password: "canary", peer: { password: "canary", md5Key: "canary" } });
  log.log("info", "b", { peers: { one: { password: "canary" } } });
  t.notMatch(lines.join(""), /canary/);
  t.match(lines.join(""), /<hidden>/);
  t.end();
});

t.test("faults are counted one by one, and a flood of them is cut short", (t) => {
  const { log, parsed } = logInMemory();
  const fault = {
    severity: "treat-as-withdraw",
    attributeCode: 1,
    offset: 23,
    length: 1,
    rule: "RFC 7606 §7.1",
    reason: "x",
  };
  for (let i = 0; i < 500; i++) {
    log.record({
      name: "update.fault",
      peer: "p",
      level: "warn",
      fields: { faults: [fault, fault] },
    });
  }
  t.strictSame(log.counters().malformedAttributes, [
    { labels: { peer: "p", action: "treat-as-withdraw" }, value: 1000 },
  ]);
  t.ok(parsed().length < 100, `${parsed().length} lines`);
  t.end();
});

t.test("line limit: the first of a later second says what was left out", (t) => {
  const limit = new LineLimit();
  const passed = Array.from({ length: 50 }, () => limit.pass("a", 1000)).filter(
    (each) => each === 0,
  );
  t.equal(passed.length, 20);
  t.equal(limit.pass("b", 1000), 0, "kinds do not count for one another");
  t.equal(limit.pass("a", 2000), 30);
  t.equal(limit.pass("a", 2001), 0);
  t.end();
});

t.test("the state directory: for root only, of this node only, and never an obstacle", (t) => {
  const path = stateFolder(t);
  const errors: Error[] = [];
  const state = new StateDirectory(path, (error) => errors.push(error));
  t.strictSame(state.peersUp(), [], "nothing yet is no error");
  t.equal(errors.length, 0);
  state.rememberPeersUp(["a", "b"]);
  const host = { nodeName: "core-01", speaker: { peers: [{ password: "canary" }] } };
  state.rememberHostState(host as unknown as HostState);
  t.strictSame(state.peersUp(), ["a", "b"]);
  const known = state.lastKnownGood("core-01");
  t.match(known, host);
  t.equal(state.lastKnownGood("core-02"), undefined, "another node's memory is not ours");
  t.equal(statSync(path).mode & 0o777, 0o700);
  for (const file of readdirSync(path))
    t.equal(statSync(join(path, file)).mode & 0o777, 0o600, file);
  writeFileSync(join(path, "host-state.json"), '{"state":{"password":"canary"');
  t.equal(state.lastKnownGood("core-01"), undefined, "half a file counts as none");
  t.equal(errors.length, 1);
  t.notMatch(`${errors[0]?.message} ${errors[0]?.cause}`, /canary/, "and is not quoted");
  state.forgetPeersUp();
  t.strictSame(state.peersUp(), []);
  t.end();
});

t.test("a state directory that cannot be written is told, not thrown", (t) => {
  const path = stateFolder(t);
  writeFileSync(path.replace(/\/state$/, "/file"), "");
  const errors: Error[] = [];
  const state = new StateDirectory(path.replace(/\/state$/, "/file/state"), (error) =>
    errors.push(error),
  );
  state.rememberPeersUp(["a"]);
  t.ok(errors.length >= 2);
  t.match(state.writeFailure, /ENOTDIR/, "and stays a problem of this host");
  t.strictSame(state.peersUp(), []);
  const path2 = stateFolder(t);
  const good = new StateDirectory(path2, () => {});
  rmSync(path2, { recursive: true });
  good.rememberPeersUp(["a"]);
  t.match(good.writeFailure, /ENOENT/);
  mkdirSync(path2);
  good.rememberPeersUp(["a"]);
  t.equal(good.writeFailure, undefined, "until a write succeeds");
  t.end();
});

t.test("segments that the kernel dropped for their MD5 key, since the daemon began", (t) => {
  const netstat = (failure: number) =>
    `TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure\nTcpExt: 9 1 2 ${failure}\nIpExt: InNoRoutes\nIpExt: 7\n`;
  let failures = 3;
  const drops = keyDropsFromNow(() => netstat(failures));
  t.strictSame(drops(), { wrongKey: 0, noKey: 0, unexpectedKey: 0 });
  failures = 8;
  t.equal(drops().wrongKey, 5);
  t.strictSame(parseKeyDrops(""), { wrongKey: 0, noKey: 0, unexpectedKey: 0 });
  t.end();
});

t.test("crash files: the newest ten are kept", (t) => {
  const path = stateFolder(t);
  const state = new StateDirectory(path, (error) => t.fail(error.message));
  for (let i = 10; i < 25; i++) {
    state.rememberCrash({
      version: "1",
      nodeVersion: "26",
      at: `2026-11-24T08:00:${i}.000Z`,
      error: "a bug",
      peer: "10.0.0.2",
      inputs: [],
      events: [],
    });
  }
  const crashes = state.crashes();
  t.equal(crashes.length, 10);
  t.equal(crashes.at(-1)?.at, "2026-11-24T08:00:24.000Z");
  t.end();
});

t.test("the second crash on a peer's bytes within the hour holds that peer, and no other", (t) => {
  const now = new Date("2026-11-24T08:00:00Z");
  const crash = (peer: string, at: string) => ({ peer, at: `2026-11-24T${at}:00Z` });
  const peer = (address: string) => ({ address }) as unknown as PeerConfig;
  const once = holdPeers([crash("10.0.0.2", "07:50")], now);
  t.equal(once.apply(peer("10.0.0.2")).adminDown, undefined, "one crash may happen");
  const twice = holdPeers(
    [
      crash("10.0.0.2", "07:50"),
      crash("10.0.0.3", "07:55"),
      crash("10.0.0.2", "07:59"),
      { at: "x" },
    ],
    now,
  );
  t.match(twice.apply(peer("10.0.0.2")).adminDown?.message, /crashed 2 times within the hour/);
  t.equal(twice.apply(peer("10.0.0.3")).adminDown, undefined);
  const old = holdPeers([crash("10.0.0.2", "05:50"), crash("10.0.0.2", "07:59")], now);
  t.equal(old.reasons.size, 0, "old crashes are forgiven");
  t.end();
});

t.test("peers that are up are remembered at once, and a stop freezes the memory", async (t) => {
  const state = new StateDirectory(stateFolder(t), (error) => t.fail(error.message));
  let peers: { name: string; state: string }[] = [];
  const memory = new PeersUp(state, () => peers as unknown as readonly PeerSnapshot[]);
  peers = [
    { name: "a", state: "Established" },
    { name: "b", state: "Active" },
  ];
  memory.changed();
  t.strictSame(state.peersUp(), ["a"], "at once: the next moment may be a kill");
  peers = peers.map(({ name }) => ({ name, state: "Established" }));
  memory.changed();
  memory.changed();
  await until("the second change is written too", () => state.peersUp().length === 2);
  memory.freeze();
  peers = [];
  memory.changed();
  t.strictSame(state.peersUp(), ["a", "b"]);
});

type Followed = {
  states: HostState[];
  reports: HostFollowerReport[];
  errors: Error[];
  stop: () => Promise<void>;
};

function follow(datastore: MemoryDatastore, remembered?: HostState): Followed {
  const abort = new AbortController();
  const followed = {
    states: [] as HostState[],
    reports: [] as HostFollowerReport[],
    errors: [] as Error[],
  };
  const ended = followHost({
    nodeName: "core-01",
    datastore,
    storeName: "memory",
    signal: abort.signal,
    guard: new LossGuard(),
    lastKnownGood: () => remembered,
    onHostState: (state) => followed.states.push(state),
    onReport: (report) => followed.reports.push(report),
    onError: (error) => followed.errors.push(error),
  });
  const stop = () => {
    abort.abort();
    return ended;
  };
  return { ...followed, stop };
}

t.test(
  "following a store: a state for each change that matters, none for those that do not",
  async (t) => {
    const datastore = new MemoryDatastore();
    await datastore.create(NODE);
    const { states, reports, stop } = follow(datastore);
    t.teardown(stop);
    await until("the first state", () => states.length === 1);
    t.equal(states[0]?.speaker.peers.length, 0);
    t.equal(reports.at(-1)?.state, "in-sync");
    await datastore.create({
      ...NODE,
      metadata: { name: "core-02" },
      spec: { bgp: { ipv4Address: "10.0.0.2/24" } },
    });
    await until("a mesh peer", () => states.at(-1)?.speaker.peers.length === 1);
    const before = states.length;
    await datastore.update({ ...NODE, metadata: { name: "core-01", labels: { rack: "r1" } } });
    await until("the label was seen", () =>
      [...(reports.at(-1)?.resources.values() ?? [])].some(
        ({ metadata }) => metadata.labels?.["rack"] === "r1",
      ),
    );
    t.equal(states.length, before, "a label changes nothing for this host");
  },
);

t.test(
  "a store that is dead at the start: the last known good state, and the real one when it is back",
  async (t) => {
    const datastore = new MemoryDatastore([NODE]);
    datastore.failWith("the disk is gone");
    const remembered = { nodeName: "core-01", remembered: true } as unknown as HostState;
    const { states, reports, stop } = follow(datastore, remembered);
    t.teardown(stop);
    await until("memory", () => reports.some(({ state }) => state === "last-known-good"));
    t.equal(states[0], remembered);
    t.match(reports.at(-1)?.problems[0], { where: "datastore", message: "the disk is gone" });
    datastore.failWith(undefined);
    await until("the real one", () => states.length === 2);
    t.equal(reports.at(-1)?.state, "in-sync");
    t.equal(states[1]?.speaker.asn, 64512);
  },
);

t.test("what is wrong with the cluster as a whole is told with the host's problems", (t) => {
  const make = (kind: string, name: string, spec: object) =>
    [
      `${kind}/${name}`,
      { apiVersion: "projectcalico.org/v3", kind, metadata: { name }, spec } as AnyResource,
    ] as const;
  const pools = Array.from({ length: 8 }, (_, at) =>
    make("IPPool", `p${at}`, { cidr: "10.0.0.0/16" }),
  );
  const resources = new Map([
    ...pools,
    make("BGPPeer", "tor", { filters: ["absent"] }),
    make("GlobalNetworkPolicy", "deny", {}),
  ]);
  const problems = clusterProblems(resources);
  t.equal(clusterProblems(resources), problems, "it is looked for once");
  t.match(problems[0], {
    component: "resources",
    what: "IPPool/p1: spec.cidr: 10.0.0.0/16 overlaps with 10.0.0.0/16 of IPPool/p0",
  });
  t.strictSame(
    problems.slice(5).map(({ what }) => what),
    [
      "2 more contradictions between resources",
      "1 network policy is stored, and this version enforces profiles only",
    ],
  );
  t.strictSame(clusterProblems(new Map(pools.slice(0, 1))), []);
  t.end();
});
