import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { IpamAudit } from "../../../src/agent/ipam-audit.ts";
import { ApiServer } from "../../../src/api/api-server.ts";
import { ipamFamilies } from "../../../src/api/ipam-metrics.ts";
import { formatOpenMetrics } from "../../../src/api/openmetrics.ts";
import { DirectoryDatastore } from "../../../src/datastore/directory/directory-datastore.ts";
import { HELD_TYPE } from "../../../src/ipam/assign-request.ts";
import { describeFinding } from "../../../src/ipam/finding.ts";
import { Ipam } from "../../../src/ipam/ipam.ts";
import { checkIpam } from "../../../src/ipam/ipam-check.ts";
import { repairFinding } from "../../../src/ipam/ipam-repair.ts";
import { readUsage } from "../../../src/ipam/usage.ts";
import { fakeApiSource } from "../../support/fake-api-source.ts";
import { runCli } from "../../support/run-cli.ts";
import { addressesOf, cluster, object, outcome, pool } from "./ipam-support.ts";

const SMALL = pool("10.0.0.0/28", { blockSize: 30 });
const NODE = object("Node", "a");

function endpoint(name: string, ...addresses: readonly string[]) {
  const metadata = { name, namespace: "default" };
  const ipNetworks = addresses.map((each) => `${each}/32`);
  return { ...object("WorkloadEndpoint", name, { node: "a", ipNetworks }), metadata };
}

function want(handle: string, attributes: Readonly<Record<string, string>> = {}) {
  return {
    host: "a",
    handle,
    attributes,
    ipv4Count: 1,
    intendedUse: "Workload",
    lowestFreeBlock: true,
  } as const;
}

/** Every kind of contradiction, and what becomes of it. */
async function muddle() {
  const { ipam, datastore, clock, open } = cluster(pool("10.0.0.0/27", { blockSize: 30 }), NODE);
  const [used = ""] = addressesOf(await ipam.assign(want("used")));
  const [leaked = ""] = addressesOf(await ipam.assign(want("leaked")));
  const [held = ""] = addressesOf(await ipam.assign(want("net", { type: HELD_TYPE })));
  const [tunnel = ""] = addressesOf(await ipam.assign(want("t", { type: "ipipTunnelAddress" })));
  await datastore.update(object("Node", "a", { bgp: { ipv4IPIPTunnelAddr: tunnel } }));
  await datastore.create(endpoint("web", used, "10.0.0.15"));
  await datastore.create(endpoint("copy", used));
  await ipam.assign({ ...want("far"), host: "gone" });
  await datastore.create(
    object("IPAMHandle", "phantom", { handleID: "phantom", block: { "10.0.0.20/30": 2 } }),
  );
  await datastore.delete({ kind: "IPAMHandle", name: "used" });
  const affinity = {
    state: "pending",
    node: "a",
    type: "host",
    cidr: "10.0.0.24/30",
    deleted: false,
  };
  await datastore.create(object("BlockAffinity", "host.10-0-0-24-30.a", affinity));
  await datastore.delete({ kind: "BlockAffinity", name: "host.10-0-0-0-30.a" });
  await datastore.create(
    object("IPAMBlock", "10-0-0-16-30", { cidr: "10.0.0.16/30", allocations: [] }),
  );
  return { ipam, datastore, clock, open, used, leaked, held };
}

t.test("a look finds every kind of contradiction", async (t) => {
  const { datastore, used, leaked } = await muddle();
  const { findings, ...counts } = await checkIpam(datastore);
  t.strictSame(
    findings.map(describeFinding).toSorted(),
    [
      "10.0.0.0/30 belongs to host:a, whose index does not say so",
      `${leaked} is allocated to leaked, and no endpoint has it`,
      "10.0.0.15 is used by WorkloadEndpoint/default/web but not allocated",
      "10.0.0.8 is allocated to far, and its node is gone",
      "10.0.0.8/30 belongs to host:gone, which is no node any more",
      `${used} is used by WorkloadEndpoint/default/web and WorkloadEndpoint/default/copy at once`,
      "IPAMBlock/10-0-0-16-30 is not what Calico would write",
      "handle phantom counts 2 in 10.0.0.20/30, which holds 0",
      "handle used counts 0 in 10.0.0.0/30, which holds 1",
      "host:a has a claim (pending) on 10.0.0.24/30, which does not exist",
    ].toSorted(),
  );
  t.match(counts, { blocks: 3, allocations: 5, endpoints: 2, inUse: 3 });
});

t.test("a repair puts right what a program can, and leaves the rest to people", async (t) => {
  const { ipam, datastore, leaked } = await muddle();
  for (const finding of (await checkIpam(datastore)).findings) await repairFinding(ipam, finding);
  t.equal(await ipam.ownerOf(IpAddress(leaked)), undefined);
  t.strictSame(
    new Set((await checkIpam(datastore)).findings.map(({ type }) => type)),
    new Set(["usedTwice", "notAllocated", "unreadable"]),
  );
});

t.test("what has changed hands since it was seen is kept", async (t) => {
  const { ipam, datastore, leaked } = await muddle();
  const { findings } = await checkIpam(datastore);
  const leak = findings.find((each) => each.type === "leak" && each.address === leaked);
  if (leak === undefined) throw new Error("no leak");
  await ipam.release({ handle: "leaked" });
  // Even the same owner: another allocation has another sequence number.
  const addresses = [IpAddress(leaked)];
  t.equal(outcome(await ipam.assignAddresses({ host: "a", handle: "leaked", addresses })), leaked);
  t.equal(await repairFinding(ipam, leak), "changed");
  t.match(await ipam.ownerOf(IpAddress(leaked)), { handle: "leaked" });
});

t.test("an owner that lives keeps all its addresses", async (t) => {
  const { ipam, datastore } = cluster(SMALL, NODE);
  const [one = ""] = addressesOf(await ipam.assign({ ...want("pair"), ipv4Count: 2 }));
  await datastore.create(endpoint("web", one));
  t.strictSame((await checkIpam(datastore)).findings, []);
});

t.test(
  "the audit confirms what lasts a quarter of an hour, and repairs when it is asked",
  async (t) => {
    const { ipam, datastore, clock, leaked } = await muddle();
    const said: string[] = [];
    const log = { log: (_: string, event: string) => void said.push(event) };
    const audit = new IpamAudit({ nodeName: "a", datastore, ipam, log, now: () => clock.now });
    t.match(audit.report(), { items: [], pools: [] });
    await audit.look();
    const isConfirmed = () => audit.report().items.some(({ confirmed }) => confirmed);
    t.equal(audit.report().items.length, 10);
    clock.now += 899_000;
    await audit.look();
    t.notOk(isConfirmed());
    t.strictSame((await audit.repair()).items, [], "nothing is touched before");
    clock.now += 1_000;
    await audit.look();
    t.ok(isConfirmed());
    t.equal(audit.confirmedCount, 10);
    t.equal(said.filter((event) => event === "ipam.suspect").length, 10, "said once each");
    const metrics = formatOpenMetrics(ipamFamilies(audit.report()));
    t.match(metrics, /tortie_ipam_addresses\{pool="pool",state="suspect"\} 2\n/);
    t.match(metrics, /tortie_ipam_blocks\{pool="pool",affinity="this_node"\} 2\n/);
    t.match(metrics, /tortie_ipam_suspects\{confirmed="true"\} 10\n/);
    const { items } = await audit.repair();
    t.equal(items.filter(({ result }) => result === "repaired").length, 7);
    t.equal(await ipam.ownerOf(IpAddress(leaked)), undefined);
    t.equal(audit.report().items.length, 3);
    datastore.failWith("no etcd");
    await audit.look();
    await audit.look();
    t.equal(audit.report().failure, "no etcd");
    t.equal(said.filter((event) => event === "ipam.unaudited").length, 1);
  },
);

t.test("how full pools are, with reservations that overlap", async (t) => {
  const reservedCIDRs = ["10.0.0.8/29", "10.0.0.12/30", "10.0.0.1/32"];
  const { ipam, datastore } = cluster(SMALL, NODE, object("IPReservation", "r", { reservedCIDRs }));
  await ipam.assign({ ...want("x"), ipv4Count: 2 });
  const addresses = [IpAddress("10.0.0.9")];
  await ipam.assignAddresses({ host: "a", handle: "y", addresses });
  const { pools } = await readUsage(datastore);
  t.match(pools, [{ total: 16n, inUse: 3n, reserved: 8n, free: 5n }]);
});

t.test("the commands, on a directory", async (t) => {
  const { directory, tortie, write } = startDirectory(t);
  write("pool.yaml", SMALL);
  write("node.yaml", NODE);
  t.match(await tortie("ipam show"), {
    code: 0,
    stdout: /IP Pool +\| +10\.0\.0\.0\/28 +\| +16 +\| +0 \(0%\)/,
  });
  t.match(await tortie("ipam show --pool x"), { code: 1, stderr: /no pool x[\s\S]*one of: pool/ });
  const datastore = new DirectoryDatastore({ directory });
  t.teardown(() => datastore.close());
  const ipam = new Ipam({ datastore });
  const [address = ""] = addressesOf(await ipam.assign(want("net.c1", { pod: "web" })));
  t.match(await tortie(`ipam show --ip ${address}`), { stdout: /is in use\nhandle +net\.c1\n/ });
  t.match(await tortie("ipam show --show-blocks"), { stdout: /Block +\| +10\.0\.0\.0\/30/ });
  t.match(await tortie("ipam show --heatmap"), { stdout: /\n\|-a······\|\n[\s\S]*a a\n/ });
  t.match(await tortie("ipam show --show-borrowed"), { stdout: "No address is borrowed.\n" });
  t.match(JSON.parse((await tortie("ipam show -o json")).stdout), {
    items: [{ name: "pool", total: 16, inUse: 1, blocks: [{ owner: "host:a" }] }],
  });
  t.match(await tortie("ipam check --settle 0"), {
    code: 1,
    stdout: /suspect +1 +allocated, no endpoint/,
  });
  t.match(await tortie(`ipam history ${address}`), {
    code: 0,
    stdout: /assigned/,
    stderr: /present only/,
  });
  write("web.yaml", endpoint("web", address));
  t.match(await tortie("ipam check --settle 0 --show-all-ips"), {
    code: 0,
    stdout: new RegExp(`${address}  net.c1  a`),
  });
  t.match(await tortie(`ipam release --ip ${address}`), {
    code: 5,
    stderr: /in use[\s\S]*net\.c1 on a/,
  });
  t.match(await tortie(`ipam release --ip ${address} --force`), {
    code: 0,
    stdout: /Successfully released/,
  });
  t.match(await tortie(`ipam release --ip ${address}`), { code: 0, stdout: /not assigned/ });
  t.match(await tortie("ipam release"), { code: 2 });
});

t.test("reservations, limits and splits, on a directory", async (t) => {
  const { tortie, write } = startDirectory(t);
  write("pool.yaml", SMALL);
  t.match(await tortie("ipam reserve 10.0.0.8/29 --note printers"), {
    code: 0,
    stdout: /Reserved/,
  });
  t.match(await tortie("ipam reserve 10.0.0.8/29"), { code: 5 });
  t.match(await tortie("ipam reserve 10.0.0.9/29"), { code: 2 });
  t.match(await tortie("ipam show"), { stdout: /8 \(50%\)/ });
  t.match(await tortie("ipam reserve 10.0.0.8/29 --remove"), { code: 0 });
  t.match(await tortie("ipam reserve 10.0.0.8/29 --remove"), { code: 1 });
  t.match(await tortie("ipam configure --max-blocks-per-host 3"), {
    code: 3,
    stderr: /strictAffinity/,
  });
  t.match(await tortie("ipam configure --strictaffinity=true --max-blocks-per-host 3"), {
    code: 0,
  });
  t.match(await tortie("ipam configure --cooldown 5m"), {
    code: 0,
    stdout: /ipCooldownSeconds=300/,
  });
  t.match(await tortie("ipam configure"), { code: 2 });
  t.match(await tortie("ipam show --show-configuration"), {
    stdout: /StrictAffinity +\| +true[\s\S]*\| +300 /,
  });
  t.match(await tortie("ipam split 3 --pool pool"), { code: 2 });
  t.match(await tortie("ipam split 8 --pool pool"), { code: 3, stderr: /hold a block/ });
  t.match(await tortie("ipam split 4 --cidr 10.0.0.0/28 --dry-run"), {
    code: 0,
    stdout: /would split/,
  });
  t.match(await tortie("ipam split 4 --cidr 10.0.0.0/28"), {
    code: 0,
    stdout: /split-pool-3 {2}10\.0\.0\.12\/30/,
  });
  const pools = JSON.parse((await tortie("ipam show -o json")).stdout).items;
  t.strictSame(
    pools.map(({ cidr, blockLength }: Record<string, unknown>) => [cidr, blockLength]),
    [
      ["10.0.0.0/30", 30],
      ["10.0.0.4/30", 30],
      ["10.0.0.8/30", 30],
      ["10.0.0.12/30", 30],
    ],
  );
});

t.test("a report releases what it confirmed, and what is a leak still", async (t) => {
  const { directory, tortie, write } = startDirectory(t);
  write("pool.yaml", SMALL);
  write("node.yaml", NODE);
  const datastore = new DirectoryDatastore({ directory });
  t.teardown(() => datastore.close());
  const ipam = new Ipam({ datastore });
  const [one = ""] = addressesOf(await ipam.assign(want("one")));
  const [two = ""] = addressesOf(await ipam.assign(want("two")));
  const report = join(directory, "..", "report.json");
  t.match(await tortie(`ipam check --settle 10ms -o ${report}`), {
    code: 1,
    stdout: /2 of 2 confirmed/,
  });
  t.match(JSON.parse(readFileSync(report, "utf8")), {
    kind: "IPAMCheckReport",
    items: [{ confirmed: true }, {}],
  });
  write("web.yaml", endpoint("web", two));
  t.match(await tortie(`ipam release --from-report ${report} --dry-run`), {
    code: 0,
    stdout: /would release: 10/,
  });
  const released = await tortie(`ipam release --from-report ${report}`);
  t.match(released, {
    code: 0,
    stdout: /1 of the report are leaks no more[\s\S]*1 addresses released/,
  });
  t.equal(await ipam.ownerOf(IpAddress(one)), undefined);
  t.match(await ipam.ownerOf(IpAddress(two)), { handle: "two" });
  t.match(await tortie(`ipam release --from-report ${join(directory, "pool.yaml")}`), { code: 3 });
});

t.test("what the daemon's audit has found, and its repair", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tortie-ipam-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const acts: string[] = [];
  const path = join(folder, "tortie.sock");
  const api = await ApiServer.start({ path, source: fakeApiSource(acts), onError: () => {} });
  t.teardown(() => api.close());
  const tortie = (line: string) => runCli(line, { env: { TORTIE_SOCKET: path } });
  t.match(await tortie("ipam check --audit"), {
    code: 1,
    stdout:
      /blocks 2 {2}allocations 12 {2}in use 11\n confirmed for .*: 192\.168\.0\.17 is allocated/,
  });
  t.match(JSON.parse((await tortie("ipam check --audit -o json")).stdout), { kind: "IPAMAudit" });
  t.match(await tortie("ipam check --audit --repair apply"), {
    stderr: /^repaired: 192\.168\.0\.17/,
  });
  t.strictSame(acts, ["repair IPAM"]);
});

function startDirectory(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), "tortie-ipam-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const directory = mkdtempSync(join(folder, "cluster-"));
  const tortie = (line: string) => runCli(line, { env: { TORTIE_DATASTORE_DIR: directory } });
  /** JSON is YAML. */
  const write = (name: string, resource: object) =>
    writeFileSync(join(directory, name), JSON.stringify(resource));
  return { directory, tortie, write };
}
