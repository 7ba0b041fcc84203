import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { ApiServer } from "../../../src/api/api-server.ts";
import { systemChecks } from "../../../src/cli/commands/checksystem.ts";
import { interfaceOfDefaultRoute, judge } from "../../../src/cli/commands/detect-ip.ts";
import { skewOf } from "../../../src/cli/commands/version.ts";
import { missingSessions } from "../../../src/cli/session-wait.ts";
import { DirectoryDatastore } from "../../../src/datastore/directory/directory-datastore.ts";
import type { Resource } from "../../../src/resources/resource.ts";
import { fakeApiSource } from "../../support/fake-api-source.ts";
import { runCli } from "../../support/run-cli.ts";

function node(name: string, last: number, spec = ""): string {
  return `apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: ${name}}
spec: {bgp: {ipv4Address: 10.0.0.${last}/24${spec}}}
---
`;
}

function status(name: string, peer: string, state: string): string {
  const up = state === "Established" ? 1 : 0;
  return `apiVersion: projectcalico.org/v3
kind: CalicoNodeStatus
metadata: {name: ${name}}
spec: {node: ${name}, classes: [BGP], updatePeriodSeconds: 10}
status: {lastUpdated: "2026-11-24T07:59:00Z", bgp: {numberEstablishedV4: ${up}, peersV4: [{peerIP: ${peer}, state: ${state}}]}}
---
`;
}

function cluster(text: string): Record<string, string> {
  const directory = mkdtempSync(join(tmpdir(), "tortie-cluster-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, "all.yaml"), text);
  return { TORTIE_DATASTORE_DIR: directory, TORTIE_SOCKET: join(directory, "no.sock") };
}

t.test(
  "the whole cluster from a host without a daemon: what the nodes told the datastore",
  async (t) => {
    const env = cluster(
      node("h1", 1) +
        node("h2", 2) +
        status("h1", "10.0.0.2", "Established") +
        status("h2", "10.0.0.1", "Active"),
    );
    const { stdout, code } = await runCli("status", { env });
    t.equal(code, 0);
    t.equal(
      stdout,
      "NODE  ADDRESS      AS  SESSIONS       TOLD  FROM HERE\n" +
        "h1    10.0.0.1  64512       1/1  1m00s ago  -\n" +
        "h2    10.0.0.2  64512       0/1  1m00s ago  -\n",
    );
    t.equal((await runCli("status --check", { env })).code, 1);
    const list = JSON.parse((await runCli("node list -o json", { env })).stdout);
    t.match(list, {
      kind: "NodeStatusList",
      items: [{ node: "h1", told: { established: 1, total: 1 } }, { node: "h2" }],
    });
    t.match(
      (await runCli("node show h2", { env })).stdout,
      /What it says of its sessions\n {2}10\.0\.0\.1 {2}Active/,
    );
    t.match(await runCli("node show h9", { env }), { code: 1, stderr: /there is no Node\/h9/ });
    t.match(await runCli("node status", { env }), {
      code: 1,
      stdout: "Calico process is not running.\n",
    });
  },
);

t.test("topology: both ends, one end, islands and lone reflectors", async (t) => {
  const mesh = cluster(node("h1", 1) + node("h2", 2));
  t.equal(
    (await runCli("bgp topology", { env: mesh })).stdout,
    "NODE  PEER  ADDRESS      AS  TYPE  BOTH ENDS\nh1    h2    10.0.0.2  64512  mesh  yes\nh2    h1    10.0.0.1  64512  mesh  yes\n",
  );
  t.equal(
    (await runCli("bgp topology --format dot", { env: mesh })).stdout,
    'graph bgp {\n  "h1" -- "h2";\n}\n',
  );
  t.match(
    (await runCli("bgp topology --format mermaid", { env: mesh })).stdout,
    /n0\["h1"\] --- n1\["h2"\]/,
  );
  const off =
    "apiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {name: default}\nspec: {nodeToNodeMeshEnabled: false}\n---\n";
  const split = await runCli("bgp topology --check", {
    env: cluster(node("h1", 1) + node("h2", 2) + off),
  });
  t.match(split, { code: 1, stderr: /2 groups of nodes are not connected: h1 \| h2/ });
  const peer =
    'apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: p}\nspec: {peerSelector: "has(rr)"}\n';
  const reflector = node("h1", 1, ", routeReflectorClusterID: 1.1.1.1").replace(
    "{name: h1}",
    '{name: h1, labels: {rr: ""}}',
  );
  const single = await runCli("bgp topology", {
    env: cluster(reflector + node("h2", 2) + node("h3", 3) + off + peer),
  });
  t.match(single.stderr, /h1 is the only route reflector/);
  t.match(single.stdout, /h1 +h2 +10\.0\.0\.2 +64512 +\S+ client +yes/);
});

t.test("with a daemon: both ends of a session, calicoctl's status table", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tortie-both-"));
  const socket = join(folder, "tortie.sock");
  const fake = fakeApiSource();
  const resource = (kind: string, name: string, spec: object, status?: object) => ({
    apiVersion: "projectcalico.org/v3",
    kind,
    metadata: { name },
    spec,
    ...(status && { status }),
  });
  const answers: { [kind: string]: object[] } = {
    Node: [
      resource("Node", "core-01", { bgp: { ipv4Address: "10.0.0.1/24" } }),
      resource("Node", "core-02", { bgp: { ipv4Address: "10.0.0.2/24" } }),
    ],
    CalicoNodeStatus: [
      resource(
        "CalicoNodeStatus",
        "core-02",
        { node: "core-02" },
        {
          lastUpdated: "2026-11-24T07:59:30Z",
          bgp: { numberEstablishedV4: 1, peersV4: [{ peerIP: "10.0.0.1", state: "Established" }] },
        },
      ),
    ],
  };
  const source = { ...fake, resources: (kind: string) => (answers[kind] ?? []) as never };
  const api = await ApiServer.start({ path: socket, source, onError: () => {} });
  t.teardown(async () => {
    await api.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const env = { TORTIE_SOCKET: socket };
  const both = (await runCli("bgp peers --both-ends", { env })).stdout;
  t.match(both, /OTHER END SAYS\n/);
  t.match(both, /10\.0\.0\.2 .*Established, 30s ago\n/);
  t.match(both, /10\.0\.0\.254 .*\(external\)\n/);
  t.match(
    (await runCli("status", { env })).stdout,
    /core-02 +10\.0\.0\.2 +64512 +1\/1 +30s ago +Established 3h12m/,
  );
  t.match(
    (await runCli("node status", { env })).stdout,
    /^Calico process is running\.\n\nIPv4 BGP status\n\+-+\+.*\n\| +PEER ADDRESS +\| +PEER TYPE +\| STATE \|/,
  );
  t.match((await runCli("node status", { env })).stdout, /No IPv6 peers found\./);
});

t.test("which address: every method, and why the others lost", (t) => {
  const at = (address: string, length: number, name: string, isDefaultRoute = false) => ({
    address,
    prefix: `${address}/${length}`,
    interface: name,
    isDefaultRoute,
  });
  const all = [
    at("127.0.0.1", 8, "lo"),
    at("172.17.0.1", 16, "docker0"),
    at("10.1.0.5", 24, "eth1"),
    at("192.168.200.59", 32, "eth0", true),
    at("192.168.200.51", 24, "eth0", true),
  ];
  const chosen = (method: string, reached?: string) =>
    judge(all, { method, reached }).find(({ lost }) => lost === undefined)?.address;
  t.equal(chosen("first-found"), "192.168.200.51", "the default route's, and no virtual IP");
  t.equal(chosen("interface=eth1"), "10.1.0.5");
  t.equal(chosen("interface=eth9,eth1"), "10.1.0.5");
  t.equal(chosen("skip-interface=eth0"), "10.1.0.5");
  t.equal(chosen("cidr=10.1.0.0/16"), "10.1.0.5");
  t.equal(chosen("can-reach=8.8.8.8", "10.1.0.5"), "10.1.0.5");
  t.equal(chosen("cidr=10.9.0.0/16"), undefined);
  t.throws(() => judge(all, { method: "guess" }), /no method is called guess/);
  const why = judge(all, { method: "first-found" }).map(({ address, lost }) => [address, lost]);
  t.strictSame(why, [
    ["192.168.200.59", "a host address beside a subnet: looks like a virtual IP"],
    ["192.168.200.51", undefined],
    ["127.0.0.1", "made by another program, or a loopback"],
    ["172.17.0.1", "made by another program, or a loopback"],
    ["10.1.0.5", "192.168.200.51 comes first"],
  ]);
  const routes =
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n" +
    "eth1\t00000000\t010011AC\t0003\t0\t0\t200\t00000000\neth0\t00000000\t010011AC\t0003\t0\t0\t100\t00000000\n";
  t.equal(interfaceOfDefaultRoute(routes), "eth0");
  t.end();
});

t.test("checksystem: what is found, and what to do", (t) => {
  const files: { [path: string]: string } = {
    "/proc/sys/kernel/osrelease": "5.10.0-1\n",
    "/proc/sys/net/ipv4/ip_forward": "0\n",
    "/proc/sys/net/ipv6/conf/all/forwarding": "1\n",
    "/proc/sys/net/ipv4/conf/all/rp_filter": "1\n",
    "/proc/modules": "vxlan 1 0 - Live\n",
    "/lib/modules/5.10.0-1/modules.builtin": "kernel/net/netfilter/nf_tables.ko\n",
    "/lib/modules/5.10.0-1/modules.dep": "kernel/net/ipv4/ipip.ko:\n",
    "/proc/net/netstat": "TcpExt: TCPMD5Failure\n",
  };
  const result = (name: string) =>
    systemChecks((path) => files[path]).find((each) => each.name === name);
  t.match(result("kernel"), { result: "warn", fix: /5\.18/ });
  t.match(result("forwarding IPv4"), { result: "warn", found: "off" });
  t.match(result("forwarding IPv6"), { result: "ok" });
  t.match(result("reverse path filter"), { result: "warn", fix: /rp_filter=2/ });
  t.match(result("module vxlan"), { result: "ok", found: "loaded" });
  t.match(result("module nf_tables"), { result: "ok", found: "built in" });
  t.match(result("TCP MD5"), { result: "ok" });
  delete files["/proc/modules"];
  t.match(result("module vxlan"), { result: "ok", found: /no modules/ });
  t.match(
    systemChecks(() => undefined).find(({ name }) => name === "kernel"),
    { result: "fail" },
  );
  t.end();
});

t.test(
  "program and daemon may be one minor version apart, and newer fields are passed on",
  async (t) => {
    const rows: [string, string, string][] = [
      ["0.1.0", "0.1.9", "ok"],
      ["0.1.0", "0.2.0", "ok"],
      ["0.3.0", "0.2.5", "ok"],
      ["0.1.0", "0.3.0", "too-far"],
      ["0.1.0", "1.1.0", "too-far"],
    ];
    for (const [client, daemon, skew] of rows)
      t.equal(skewOf(client, daemon), skew, `${client} ${daemon}`);
    const folder = mkdtempSync(join(tmpdir(), "tortie-newer-"));
    const socket = join(folder, "tortie.sock");
    const fake = fakeApiSource();
    // A daemon of the next minor version, with a field and a health that this program has never heard of.
    const newer = () => ({
      ...fake.status(),
      version: "0.2.0",
      health: "sleepy",
      novelty: { a: 1 },
    });
    const source = { ...fake, status: newer as never };
    const api = await ApiServer.start({ path: socket, source, onError: () => {} });
    t.teardown(async () => {
      await api.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const env = { TORTIE_SOCKET: socket };
    t.match(await runCli("status", { env }), { code: 0, stdout: /Health +sleepy/ });
    t.match(JSON.parse((await runCli("status -o json", { env })).stdout), { novelty: { a: 1 } });
    t.match(JSON.parse((await runCli("version -o json", { env })).stdout), {
      daemon: "0.2.0",
      api: ["v1"],
      skew: "ok",
    });
  },
);

/** Nodes that answer every question: as tortied and calico-node do, with the sessions that the plan names. */
function answerAll(directory: string, sessions: object): () => Promise<void> {
  const store = new DirectoryDatastore({ directory });
  const abort = new AbortController();
  const answering = (async () => {
    while (!abort.signal.aborted) {
      const { resources } = await store.list({ kinds: ["CalicoNodeStatus"] });
      for (const each of resources as (Resource & { status?: object })[]) {
        if (each.status === undefined)
          await store.update({ ...each, status: sessions } as Resource);
      }
      await sleep(20, undefined, { signal: abort.signal }).catch(() => undefined);
    }
    await store.close();
  })();
  return () => {
    abort.abort();
    return answering;
  };
}

const HOSTS = [1, 2, 3, 4];

t.test("plan-rr: shows the steps, makes the whole move or one step, and is done", async (t) => {
  const env = cluster(HOSTS.map((n) => node(`h${n}`, n)).join(""));
  const directory = String(env["TORTIE_DATASTORE_DIR"]);
  const line = "bgp plan-rr --reflectors h1,h2";
  const shown = await runCli(line, { env });
  t.equal(shown.code, 0, shown.stderr);
  t.match(shown.stdout, /^1\. .*\n {3}apply /);
  t.match(await runCli("bgp plan-rr", { env }), { code: 2, stderr: /which nodes shall reflect/ });
  t.match(await runCli("bgp plan-rr --reflectors h9", { env }), { code: 1, stderr: /h9/ });
  t.match(await runCli(`${line} --apply --timeout soon`, { env }), { code: 2, stderr: /no time/ });
  t.equal((await runCli(`${line} --apply --dry-run`, { env })).stdout, shown.stdout);
  t.match((await runCli("get bgppeers", { env })).stdout, /^NAME.*\n$/, "nothing was written");

  const peersV4 = HOSTS.map((n) => ({ peerIP: `10.0.0.${n}`, state: "Established" }));
  const stop = answerAll(directory, { bgp: { peersV4 } });
  t.match(await runCli(`${line} --apply --step`, { env }), {
    code: 0,
    stdout: /^Step 1 of 3: .*\n(.*\n)* {2}\d+ of \d+ sessions are up.*\n2 steps are left/,
  });
  const rest = await runCli(`${line} --apply`, { env });
  t.match(rest, {
    code: 0,
    stdout: /Step 2 of 3(.*\n)*Step 3 of 3(.*\n)*Done: nothing is left to do/,
  });
  t.equal((await runCli(line, { env })).stdout, "Nothing is left to do.\n");
  t.match(await runCli(`${line} --apply`, { env }), { code: 0, stdout: /Done/ });
  const { stdout } = await runCli("bgp topology", { env });
  t.match(stdout, /h1 +h3 .* client +yes/);
  t.notMatch(stdout, /h3 +h4/, "the clients no longer peer with one another");
  t.match(await runCli("bgp plan-rr --to-mesh --apply", { env }), { code: 0, stdout: /Done/ });
  t.notMatch((await runCli("get nodes -o yaml", { env })).stdout, /route-reflector/);
  await stop();
  const store = new DirectoryDatastore({ directory });
  t.strictSame((await store.list({ kinds: ["CalicoNodeStatus"] })).resources, [], "asked no more");
  await store.close();
});

t.test("plan-rr: sessions that do not come up stop the move where nothing is lost", async (t) => {
  const env = cluster(HOSTS.map((n) => node(`h${n}`, n)).join(""));
  const peersV4 = [{ peerIP: "10.0.0.1", state: "Active" }];
  const stop = answerAll(String(env["TORTIE_DATASTORE_DIR"]), { bgp: { peersV4 } });
  const { code, stderr } = await runCli("bgp plan-rr --reflectors h1,h2 --apply --timeout 500ms", {
    env,
  });
  await stop();
  t.equal(code, 7);
  t.match(stderr, /12 sessions are not up after 0\.5 s\n/);
  t.match(stderr, /h2 with 10\.0\.0\.1: h2 says Active\n/);
  t.match(stderr, /h1 with 10\.0\.0\.2: h1 has no such peer\n/);
  t.match(stderr, /the same command goes on/);
  t.match(
    (await runCli("bgp plan-rr --reflectors h1,h2", { env })).stdout,
    /^1\. they begin to refl/,
  );
});

t.test("which sessions are missing: own words first, then the other end's", (t) => {
  const session = { node: "a", peer: "10.0.0.2" };
  const why = (answers: { [node: string]: object[] }, isSilent = true) =>
    missingSessions([session], {
      answers: new Map(Object.entries(answers)) as never,
      nodeOf: new Map([["10.0.0.2", "b"]]),
      addressesOf: new Map([["a", ["10.0.0.1"]]]),
      silent: new Set(isSilent ? ["a"] : []),
    })[0]?.why;
  const up = { state: "Established", toldAll: true };
  t.equal(why({ a: [{ peerIP: "10.0.0.2", ...up }] }), undefined);
  t.match(why({ a: [{ peerIP: "10.0.0.2", ...up, toldAll: false }] }), /waits for End-of-RIB/);
  t.match(why({ b: [{ peerIP: "10.0.0.1", ...up }] }, false), /a has not answered yet/);
  t.equal(why({ b: [{ peerIP: "10.0.0.1", ...up }] }), undefined, "a silent node's other end");
  t.match(why({ b: [{ peerIP: "10.0.0.1", state: "Connect" }] }), /b says Connect/);
  t.match(why({}), /nor does the other end/);
  t.end();
});
