import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import t, { type Test } from "tap";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import type { EtcdDatastore } from "../../src/datastore/etcd/etcd-datastore.ts";
import { Ipam } from "../../src/ipam/ipam.ts";
import { checkIpam } from "../../src/ipam/ipam-check.ts";
import { repairFinding } from "../../src/ipam/ipam-repair.ts";
import { empty, openEtcd } from "../datastore/etcd-support.ts";
import { AddressBook } from "../src/ipam/address-book.ts";
import { historyObjects, runHistory } from "../src/ipam/history.ts";
import { addressesOf, object, pool, randomFrom } from "../src/ipam/ipam-support.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { runCli } from "../support/run-cli.ts";

const cluster = await EtcdCluster.start({ members: 1 });
t.teardown(() => cluster.close());
const [endpoint = ""] = cluster.endpoints;
const cli = (line: string | readonly string[]) =>
  runCli(line, { env: { ETCD_ENDPOINTS: endpoint } });

t.test("Calico finds its own keys and JSON", async (t) => {
  const ipam = await begin(
    t,
    pool("192.168.0.0/16"),
    pool("fd00::/64", {}, "six"),
    object("Node", "core-01"),
  );
  const result = await ipam.assign({
    host: "core-01",
    handle: "k8s-pod-network.4a7b",
    attributes: { pod: "web", namespace: "default", timestamp: "2026-01-01T00:00:00Z" },
    ipv4Count: 2,
    ipv6Count: 1,
    intendedUse: "Workload",
    lowestFreeBlock: true,
  });
  t.strictSame(addressesOf(result), ["192.168.0.1", "192.168.0.2", "fd00::1"]);
  const raw = async (key: string) => {
    const text = await cluster.ctl(["get", "--print-value-only", `/calico/ipam/v2/${key}`]);
    // A sequence number has more digits than a number of JavaScript.
    return JSON.parse(text.replaceAll(/\b\d{17,}\b/g, '"$&"'));
  };
  const block = await raw("assignment/ipv4/block/192.168.0.0-26");
  const attribute = {
    handle_id: "k8s-pod-network.4a7b",
    secondary: {
      pod: "web",
      namespace: "default",
      node: "core-01",
      timestamp: "2026-01-01T00:00:00Z",
    },
  };
  t.match(block, {
    cidr: "192.168.0.0/26",
    affinity: "host:core-01",
    affinityClaimTime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    attributes: [attribute],
    deleted: false,
    sequenceNumber: /^1\d{18}$/,
  });
  t.strictSame(block.allocations.slice(0, 4), [null, 0, 0, null]);
  t.strictSame(block.unallocated.slice(0, 2), [0, 3]);
  t.strictSame(Object.keys(block.sequenceNumberForAllocation), ["1", "2"]);
  t.match(await raw("host/core-01/ipv4/block/192.168.0.0-26"), { state: "confirmed" });
  t.match(await raw("host/core-01/ipv6/block/fd00::-122"), { state: "confirmed" });
  t.match(await raw("handle/k8s-pod-network.4a7b"), {
    block: { "192.168.0.0/26": 2, "fd00::/122": 1 },
    deleted: false,
  });
  await ipam.release({ handle: "k8s-pod-network.4a7b" });
  await ipam.releaseHost("core-01");
  const keys = await cluster.ctl(["get", "--prefix", "--keys-only", "/calico/ipam/"]);
  t.equal(keys.trim(), "", "nothing stays behind");
});

t.test("histories of several allocators, with crashes between any two calls", async (t) => {
  const datastore = openEtcd(t, cluster);
  for (let seed = 0; seed < 8; seed++) {
    await empty(cluster);
    for (const each of historyObjects(randomFrom(seed))) await datastore.create(each);
    const options = { datastore, seed, programs: 3, calls: 4, withCalico: seed % 2 === 1 };
    await t.resolves(runHistory(options), `seed ${seed}`);
  }
});

t.test("programs that are killed in the middle of their work", async (t) => {
  const ipam = await begin(
    t,
    pool("10.0.0.0/27", { blockSize: 30 }),
    ...["a", "b", "c"].map((host) => object("Node", host)),
  );
  const file = join(cluster.folder, "book");
  writeFileSync(file, "");
  const lives: ChildProcess[] = [];
  const start = (index: number) => {
    const host = ["a", "b", "c"][index % 3] ?? "a";
    const path = join(import.meta.dirname, "allocator-process.ts");
    const child = spawn(process.execPath, [path, endpoint, file, host, `l${lives.length}`], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    lives.push(child);
    return child;
  };
  t.teardown(() => Promise.all(lives.map(killed)));
  const running = [start(0), start(1), start(2), start(3)];
  const random = randomFrom(7);
  for (let kills = 0; kills < 6; kills++) {
    const index = kills % running.length;
    const lines = linesOf(file).length;
    const deadline = performance.now() + 60_000;
    while (linesOf(file).length < lines + 20) {
      if (performance.now() > deadline) throw new Error(`no work for a minute: ${lines} lines`);
      await sleep(5);
    }
    await sleep(random() * 20);
    await killed(running[index]);
    running[index] = start(kills);
  }
  for (const child of running) await killed(child);
  const { book, handles } = readBook(linesOf(file));
  t.ok(handles.size > 40, `${handles.size} handles`);
  for (const [address, owner] of book.entries) {
    t.equal(
      (await ipam.ownerOf(IpAddress(address)))?.handle,
      owner,
      `${address} is still ${owner}'s`,
    );
  }
  for (const handle of handles) await ipam.release({ handle });
  for (const finding of (await checkIpam(openEtcd(t, cluster))).findings) {
    await repairFinding(ipam, finding);
  }
  const all = await ipam.assign({
    host: "a",
    handle: "all",
    ipv4Count: 32,
    intendedUse: "Workload",
  });
  t.equal(all.type === "assigned" && new Set(addressesOf(all)).size, 32, "none is lost");
});

t.test("history, check and repair from the command line", async (t) => {
  const ipam = await begin(t, pool("10.0.0.0/28", { blockSize: 30 }), object("Node", "a"));
  const ask = (handle: string) =>
    ipam.assign({
      host: "a",
      handle,
      ipv4Count: 1,
      intendedUse: "Workload",
      lowestFreeBlock: true,
    });
  await ask("zero");
  const [address = ""] = addressesOf(await ask("one"));
  await ipam.release({ handle: "one" });
  for (const handle of ["two", "three", "four"]) await ask(handle);
  const { stdout } = await cli(`ipam history ${address} -o json`);
  const states = JSON.parse(stdout).items.map(
    ({ state, handle }: Record<string, string>) => `${state} ${handle ?? "-"}`,
  );
  t.strictSame(states.slice(-3), ["free -", "assigned one", "free -"]);
  t.match((await cli(`ipam history ${address}`)).stdout, /assigned +\d+ .* one +a\n/);
  const report = join(cluster.folder, "ipam.json");
  const checked = await cli(["ipam", "check", "--settle", "10ms", "-o", report]);
  t.equal(checked.code, 1);
  t.match(checked.stdout, /suspect +4 +allocated, no endpoint[\s\S]*4 of 4 confirmed/);
  const released = await cli(["ipam", "release", "--from-report", report]);
  t.match(released, { code: 0, stdout: /4 addresses released/ });
  t.match(await cli("ipam check --settle 10ms"), { code: 0 });
});

async function begin(
  t: Test,
  ...resources: Parameters<EtcdDatastore["create"]>[0][]
): Promise<Ipam> {
  await empty(cluster);
  const datastore = openEtcd(t, cluster);
  for (const resource of resources) await datastore.create(resource);
  return new Ipam({ datastore });
}

function linesOf(file: string): readonly string[] {
  return readFileSync(file, "utf8").split("\n").filter(Boolean);
}

/** Throws when an address had two owners at a time. */
function readBook(lines: readonly string[]) {
  const book = new AddressBook();
  const handles = new Set<string>();
  for (const line of lines) {
    const [verb, handle = "", address = ""] = line.split(" ");
    handles.add(handle);
    if (verb === "given") book.given(address, handle);
    else if (verb === "lets-go") book.letGo(handle);
  }
  return { book, handles };
}

async function killed(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  child.kill("SIGKILL");
  await promise;
}
