import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { ApiServer } from "../../../src/api/api-server.ts";
import { prefixesOfRange } from "../../../src/cli/commands/legacy/address-range.ts";
import { boxedTable } from "../../../src/cli/commands/legacy/boxed-table.ts";
import { formatRule, parseRule } from "../../../src/cli/commands/legacy/profile-rule.ts";
import {
  legacyRules,
  readLegacyRules,
} from "../../../src/cli/commands/legacy/profile-rule-json.ts";
import { DirectoryDatastore } from "../../../src/datastore/directory/directory-datastore.ts";
import { Ipam } from "../../../src/ipam/ipam.ts";
import { defaultProfile, profileResourceName } from "../../../src/resources/legacy-profile.ts";
import { validateResource } from "../../../src/resources/validate.ts";
import { fakeApiSource } from "../../support/fake-api-source.ts";
import { runCli } from "../../support/run-cli.ts";

/** calicoctl on an empty directory datastore. */
function calicoctl(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), "tortie-legacy-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const env = {
    TORTIE_DATASTORE_DIR: directory,
    TORTIE_PROGRAM: "calicoctl",
    TORTIE_SOCKET: join(directory, "no.sock"),
  };
  return (line: string | readonly string[]) => runCli(line, { env });
}

const RULES = [
  "allow",
  "deny",
  "allow from tag WEB",
  "allow tcp to ports 80,443",
  "allow tcp from ports 1:1024 tag APP_7890 cidr 10.0.0.0/8 to ports 7890",
  "deny udp from cidr fd00::/8",
  "allow icmp type 8",
  "allow icmp type 8 code 0 from cidr 10.0.0.0/8",
  "allow icmpv6 type 128",
  "allow from cidr 10.0.0.0/8 to tag DB",
];

t.test("each rule of the grammar is read, printed as it was typed, and valid today", (t) => {
  for (const words of RULES) {
    const parsed = parseRule(words.split(" "));
    if (parsed.type === "wrong") {
      t.fail(`${words}: ${parsed.why}`);
      continue;
    }
    t.equal(formatRule(parsed.rule), words);
    const profile = defaultProfile("p");
    const resource = { ...profile, spec: { ...profile.spec, ingress: [parsed.rule] } };
    const validated = validateResource(resource, { unknownFields: "error" });
    t.ok(validated.ok, `${words}: ${validated.ok ? "" : JSON.stringify(validated.complaints)}`);
  }
  t.equal(formatted("allow from 10.1.2.3"), "allow from cidr 10.1.2.3/32", "a bare address");
  t.end();
});

t.test("what is no rule is refused with a reason", (t) => {
  for (const [words, why] of [
    ["", /begins with allow or deny/],
    ["permit", /begins with allow or deny/],
    ["allow from", /from needs/],
    ["allow from ports 80", /ports need tcp or udp/],
    ["allow tcp to ports 70000", /is not a port/],
    ["allow tcp to ports 90:80", /is not a range/],
    ["allow icmp type 255", /is not an ICMP type/],
    ["allow from tag a/b", /tag a\/b must be/],
    ["allow from cidr 10.0.0.0/33", /is not a CIDR/],
    ["allow to tag A from tag B", /is not a CIDR/],
    ["allow tcp type 8", /"type" was not expected/],
  ] as const) {
    const parsed = parseRule(words.split(" ").filter((word) => word !== ""));
    t.match(parsed, { type: "wrong", why }, words);
  }
  t.end();
});

t.test("rules as JSON of 2015 go out and come back", (t) => {
  const profile = defaultProfile("p");
  const ingress = RULES.map((words) => {
    const parsed = parseRule(words.split(" "));
    return parsed.type === "rule" ? parsed.rule : { action: "Deny" as const };
  });
  const json = legacyRules({ ...profile, spec: { ...profile.spec, ingress } });
  t.match(json.inbound_rules[4], {
    action: "allow",
    protocol: "tcp",
    src_tag: "APP_7890",
    src_net: "10.0.0.0/8",
    src_ports: ["1:1024"],
    dst_ports: [7890],
  });
  t.match(readLegacyRules(JSON.stringify(json)), { type: "rules", id: "p", ingress });
  t.match(readLegacyRules("{"), { type: "wrong", why: /not JSON/ });
  t.match(readLegacyRules('{"id":"p","inbound_rules":[{"action":"maybe"}],"outbound_rules":[]}'), {
    type: "wrong",
    why: /inbound_rules\[0\]/,
  });
  t.end();
});

t.test("names that resources cannot have are kept as they were typed", (t) => {
  t.equal(profileResourceName("test"), "test");
  t.match(profileResourceName("PROF_A"), /^prof-a-[0-9a-f]{6}$/);
  t.not(profileResourceName("PROF_A"), profileResourceName("prof-a"), "no two become one");
  t.match(profileResourceName("__"), /^profile-[0-9a-f]{6}$/);
  t.end();
});

t.test("profile: add, tags, rules, show, remove", async (t) => {
  const run = calicoctl(t);
  t.match(await run("profile add test"), { code: 0, stdout: "Created profile test\n" });
  t.match(await run("profile add test"), { code: 0, stdout: "Profile test already exists.\n" });
  t.match(await run("profile add PROF_A"), { code: 0, stdout: "Created profile PROF_A\n" });
  t.equal((await run("profile show")).stdout, boxedTable(["Name"], [["PROF_A"], ["test"]]));
  t.match(await run("profile test rule show"), {
    stdout: "Inbound rules:\n   1 allow from tag test\nOutbound rules:\n   1 allow\n",
  });
  t.match(await run("profile test rule add inbound --at=1 deny icmp type 8"), { code: 0 });
  t.match(await run("profile test rule add outbound deny udp to ports 53"), { code: 0 });
  t.match(await run("profile test rule show"), {
    stdout:
      "Inbound rules:\n   1 deny icmp type 8\n   2 allow from tag test\nOutbound rules:\n   1 allow\n   2 deny udp to ports 53\n",
  });
  t.match(await run("profile test rule remove inbound --at=1"), { code: 0 });
  t.match(await run("profile test rule remove outbound deny udp to ports 53"), { code: 0 });
  t.match(await run("profile test rule remove outbound deny"), { code: 1 });
  t.match(await run("profile test tag add WEB"), { stdout: "Tag WEB added to profile test\n" });
  t.match(await run("profile test tag show"), { stdout: "test\nWEB\n" });
  t.match(await run("profile test tag remove WEB"), { code: 0 });
  t.match(await run("profile test tag remove WEB"), { code: 1 });
  t.match(await run("profile none tag show"), { code: 1, stderr: /Profile none not found/ });
  t.match(await run("profile test rule add inbound permit"), { code: 2 });
  t.match(await run("profile what is this"), { code: 2, stderr: /profile \(add\|remove\)/ });
  t.match(await run("profile remove test"), { code: 0, stdout: "Deleted profile test\n" });
  t.match(await run("profile remove test"), { code: 1 });
});

t.test("pool: add, range, show, remove", async (t) => {
  const run = calicoctl(t);
  t.match(await run("pool add 10.1.0.0/16 --nat-outgoing --ipip"), { code: 0 });
  t.match(await run("pool add 10.1.0.0/16"), { code: 5 });
  t.match(await run("pool add fd00::/64"), { code: 0 });
  t.match(await run("pool add fd01::/64 --ipip"), { code: 2 });
  t.equal(
    (await run("pool show")).stdout,
    boxedTable(["IPv4 CIDR", "Options"], [["10.1.0.0/16", "ipip,nat-outgoing"]]) +
      boxedTable(["IPv6 CIDR", "Options"], [["fd00::/64", ""]]),
  );
  t.notMatch((await run("pool show --ipv6")).stdout, /10\.1/);
  t.match(await run("pool remove 10.1.0.0/16 fd00::/64"), { code: 0 });
  t.match(await run("pool remove 10.1.0.0/16"), { code: 1 });
  t.match(await run("pool add nonsense"), { code: 2 });
});

t.test("ranges become the fewest prefixes", (t) => {
  const texts = (first: string, last: string) => prefixesOfRange(IpAddress(first), IpAddress(last));
  t.same(texts("10.0.0.0", "10.0.0.255"), ["10.0.0.0/24"]);
  t.same(texts("10.0.0.1", "10.0.0.6"), [
    "10.0.0.1/32",
    "10.0.0.2/31",
    "10.0.0.4/31",
    "10.0.0.6/32",
  ]);
  t.same(texts("0.0.0.0", "255.255.255.255"), ["0.0.0.0/0"]);
  t.same(texts("fd00::", "fd00::ffff"), ["fd00::/112"]);
  t.equal(texts("10.0.0.2", "10.0.0.1"), undefined);
  t.equal(texts("10.0.0.2", "fd00::"), undefined);
  t.end();
});

t.test("bgp: peers, mesh, AS number, in all their spellings", async (t) => {
  const run = calicoctl(t);
  t.match(await run("bgp node-mesh"), { stdout: "on\n" });
  t.match(await run("bgp-node-mesh off"), { code: 0 });
  t.match(await run("bgp node-mesh"), { stdout: "off\n" });
  t.match(await run("default-node-as"), { stdout: "64512\n" });
  t.match(await run("bgp default-node-as 64513"), { code: 0 });
  t.match(await run("bgp default-node-as"), { stdout: "64513\n" });
  t.match(await run("bgp default-node-as x"), { code: 2 });
  t.match(await run("bgp peer show --ipv4"), { stdout: "No global IPv4 BGP Peers defined.\n" });
  t.match(await run("bgp peer add 10.0.0.9 as 65001"), { code: 0 });
  t.match(await run("bgppeer add fd00::9 as 1.10"), { code: 0 });
  t.match(await run("node bgp peer add 10.0.0.8 as 65002"), { code: 0 });
  t.equal(
    (await run("bgp peer show")).stdout,
    boxedTable(["Global IPv4 BGP Peer", "AS Num"], [["10.0.0.9", "65001"]]) +
      boxedTable(["Global IPv6 BGP Peer", "AS Num"], [["fd00::9", "65546"]]),
  );
  t.match(
    (await run("node bgppeer show --ipv4")).stdout,
    /Node specific IPv4 BGP Peer[\s\S]*10\.0\.0\.8/,
  );
  t.match(await run("bgp peer remove 10.0.0.8"), { code: 1 }, "another node's");
  t.match(await run("bgp peer remove 10.0.0.9"), { code: 0 });
  t.match(await run("bgp peer add 10.0.0.9 65001"), { code: 2 });
});

t.test("endpoint: show, and profiles by the endpoint's id", async (t) => {
  const run = calicoctl(t);
  t.match(await run("endpoint show"), { code: 0, stdout: /NumEndpoints/ });
  t.match(await run("endpoint abc profile show"), { code: 1, stderr: /no endpoint abc/ });
  t.match(await run("endpoint abc"), { code: 2 });
});

t.test("config, checks and what is refused", async (t) => {
  const run = calicoctl(t);
  t.match(await run("config bgp loglevel"), { stdout: "Value is not set\n" });
  t.match(await run("config bgp loglevel Debug"), { code: 0 });
  t.match(await run("config bgp loglevel"), { stdout: "Debug\n" });
  t.match(await run("config bgp loglevel loud"), { code: 3 });
  t.match(await run("config felix LogSeverityScreen Warning"), { code: 0 });
  t.match(await run("config felix logSeverityScreen --remove"), { code: 0 });
  t.match(await run("config felix logSeverityScreen"), { stdout: "Value is not set\n" });
  t.match(await run("config whatever x"), { code: 2 });
  t.match(await run("diags --upload"), { code: 2, stderr: /uploads nothing/ });
  t.match(await run("node --docker-proxy=99999999"), { code: 2 });
  t.match(await run("node what"), { code: 2 });
  t.match(await run("ipam info 192.168.0.1"), { code: 0, stdout: /not currently assigned/ });
  t.match(await run("restart-docker-with-alternative-unix-socket"), { code: 0, stdout: /2377/ });
});

/** A cluster of two hosts in a directory; core-02 has two endpoints. */
async function twoHosts(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), "tortie-legacy-"));
  const datastore = new DirectoryDatastore({ directory });
  t.teardown(async () => {
    await datastore.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const apiVersion = "projectcalico.org/v3";
  const pool = { kind: "IPPool", metadata: { name: "pool" }, spec: { cidr: "192.168.0.0/16" } };
  const node = (name: string) => ({ kind: "Node", metadata: { name }, spec: {} });
  const peer = {
    kind: "BGPPeer",
    metadata: { name: "tor" },
    spec: { peerIP: "10.0.0.254", asNumber: 65001, password: "s3cret-of-tor" },
  };
  for (const each of [pool, node("core-01"), node("core-02"), peer]) {
    await datastore.create({ apiVersion, ...each });
  }
  const ipam = new Ipam({ datastore });
  for (const workload of ["web", "db"]) {
    const handle = `cni.${workload}`;
    const assigned = await ipam.assign({
      host: "core-02",
      handle,
      attributes: {},
      intendedUse: "Workload",
      ipv4Count: 1,
    });
    const address = assigned.type === "assigned" ? assigned.assignments[0]?.address : undefined;
    await datastore.create({
      apiVersion,
      kind: "WorkloadEndpoint",
      metadata: { name: `core--02-cni-${workload}-eth0`, namespace: "default" },
      spec: {
        orchestrator: "cni",
        workload,
        endpoint: "eth0",
        node: "core-02",
        interfaceName: `cali${workload}`,
        ipNetworks: [`${address}/32`],
      },
    });
  }
  const env = { TORTIE_DATASTORE_DIR: directory, TORTIE_SOCKET: join(directory, "no.sock") };
  const run = (line: string) => runCli(line, { env: { ...env, TORTIE_PROGRAM: "calicoctl" } });
  return { directory, datastore, ipam, run };
}

t.test("node remove: nothing of a host that is gone is left", async (t) => {
  const { datastore, ipam, run } = await twoHosts(t);
  t.match(await run("node remove --hostname=core-02"), {
    code: 5,
    stderr: /node core-02 has 2 endpoints[\s\S]*--remove-endpoints/,
  });
  t.equal((await ipam.all()).length, 2, "and nothing was done");
  t.match(await run("node remove --hostname=core-02 --remove-endpoints"), {
    code: 0,
    stdout: "Node configuration removed\n",
  });
  const left = await datastore.list();
  t.same(
    left.resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted(),
    ["BGPPeer tor", "IPPool pool", "Node core-01"],
    "neither endpoints, addresses, handles, blocks nor their claims",
  );
  t.match(await run("node remove --hostname=core-02"), {
    code: 1,
    stderr: /there is no node core-02[\s\S]*calicoctl node show/,
  });
  t.match(await run("node remove --hostname=core-01"), { code: 0 }, "one without endpoints");
});

t.test("status --legacy: the tables of 2015", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tortie-legacy-"));
  const path = join(folder, "api.sock");
  const source = fakeApiSource();
  const [mesh, tor] = source.peers();
  if (mesh === undefined || tor === undefined) throw new Error("two peers");
  const others = [
    { ...mesh, name: "Global_10_0_0_9", address: "10.0.0.9", state: "OpenSent" as const },
    { ...mesh, address: "fd00::2" },
  ];
  const withIpv6 = { ...source, peers: () => [mesh, tor, ...others] };
  let shown: typeof source = source;
  const api = await ApiServer.start({
    path,
    source: { ...source, peers: () => shown.peers() },
    onError: () => {},
  });
  t.teardown(async () => {
    await api.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (line: string) => runCli(line, { env: { TORTIE_SOCKET: path } });
  const { code, stdout } = await run("status --legacy");
  t.equal(code, 0);
  t.match(stdout, /^calico-node container is running\. Status: Up 5 days\n\nIPv4 BGP status\n\+-/);
  t.match(
    stdout,
    /\| +10\.0\.0\.2 +\| +node-to-node mesh +\| +up +\| +\d\d:48:00 +\| +Established +\|/,
  );
  t.match(
    stdout,
    /\| +10\.0\.0\.254 +\| +node specific +\| +start +\| +\d\d:48:00 +\| +Active +\|/,
  );
  t.match(stdout, /IPv6 BGP status\nNo IPv6 address configured\.\n$/);
  shown = withIpv6;
  const both = (await run("status --legacy")).stdout;
  t.match(both, /\| +10\.0\.0\.9 +\| +global +\| +start +\|/);
  t.match(both, /IPv6 BGP status\n\+-[\s\S]*\| +fd00::2 +\| +node-to-node mesh +\| +up +\|/);
  const away = await runCli("status --legacy", { env: { TORTIE_SOCKET: `${path}.none` } });
  t.equal(away.code, 4, "without a daemon");
});

t.test("diags: one archive, with what there is and without secrets", async (t) => {
  const { directory, run } = await twoHosts(t);
  const logs = join(directory, "logs");
  mkdirSync(logs);
  writeFileSync(join(logs, "tortied.log"), "one line\n");
  const { TMPDIR } = process.env;
  process.env["TMPDIR"] = directory;
  t.teardown(() => {
    if (TMPDIR === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = TMPDIR;
  });
  const { code, stdout, stderr } = await run(`diags --log-dir=${logs}`);
  t.equal(code, 0, stderr);
  t.match(stderr, /Dumping route\n[\s\S]*Dumping nftables\n/);
  const archive = /^Diags saved to (.*\.tar\.gz)\n$/.exec(stdout)?.[1] ?? "";
  t.ok(archive.startsWith(`${directory}/diags-`), archive);
  const tar = (...words: readonly string[]) => execFileSync("tar", words, { encoding: "utf8" });
  const names = tar("-tzf", archive)
    .split("\n")
    .map((name) => name.replace(/^[^/]*\//, ""));
  for (const name of ["links", "nftables", "resources.json", "status.json", "logs/tortied.log"]) {
    t.ok(names.includes(name), name);
  }
  const content = (name: string) => tar("-xzOf", archive, "--wildcards", `*/${name}`);
  t.match(content("links"), /LOOPBACK/, "what programs say");
  t.match(JSON.parse(content("status.json")), { failed: String }, "no daemon is a finding");
  const resources = content("resources.json");
  t.match(resources, /core--02-cni-web-eth0/, "the cluster as it stands");
  t.match(resources, /<hidden>/);
  t.notMatch(tar("-xzOf", archive), /s3cret-of-tor/, "no password in any of them");
  t.same(
    readdirSync(directory).filter((name) => name.startsWith("tortie-")),
    [],
    "what it gathered is gone",
  );
});

function formatted(words: string): string {
  const parsed = parseRule(words.split(" "));
  return parsed.type === "rule" ? formatRule(parsed.rule) : parsed.why;
}
