import { readFileSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { writeResources } from "../../src/lab/resources.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { CrossedSubnets } from "../support/crossed-subnets.ts";
import { droppedBy } from "../support/policy-lab.ts";
import { Reflector } from "../support/reflector.ts";
import { FORGED_PORT, type ForgedPacket } from "../support/stranger.ts";

const STRANGER = fileURLToPath(new URL("../support/stranger.ts", import.meta.url));
const FAMILIES = ["ipv4", "ipv6"] as const;
const TUNNEL = { ipv4: /dev vxlan\.calico .*onlink/, ipv6: /via fe80::.* dev vxlan-v6\.calico/ };
const ROUTER = { ipv4: /via 10\.97\.1\.254 dev eth0/, ipv6: /via fd97:1::254 dev eth0/ };
const ANYCAST = { ipv4: "192.168.210.0/26", ipv6: "fd80:0:0:210::/122" };
const OWN = { ipv4: "192.168.200.0/26", ipv6: "fd80:0:0:200::/122" };
const BOTH = /nexthop via \S+ +dev vxlan\S+ .*\n.*nexthop via \S+ +dev vxlan/;

t.test("tunnels where routes come by way of others, and where ways end", async (t) => {
  const subnets = await CrossedSubnets.open("paths", { tunnel: "vxlan" });
  t.teardown(() => subnets.close());
  const reflector = new Reflector(subnets, {
    clients: [1, 2, 3],
    families: FAMILIES,
    anycast: Object.values(ANYCAST),
    own: Object.values(OWN),
  });
  writeResources(subnets.resources, "peers.yaml", reflector.resources());
  await Promise.all([reflector.start("unchanged"), subnets.start("Always")]);
  await throughOthers(t, subnets, reflector);
  await ownAddress(t, subnets);
  await deadEnds(t, subnets);
  await boot(t, subnets);
  await strangers(t, subnets);
});

async function throughOthers(t: Test, subnets: CrossedSubnets, reflector: Reflector) {
  for (const family of FAMILIES) {
    await subnets.routed(1, 3, family, TUNNEL[family]);
    await subnets.routed(3, 1, family, TUNNEL[family]);
    await subnets.routed(1, 2, family, TUNNEL[family]);
    await subnets.answered(1, 3, family);
  }
  t.pass("reflected with the next hop unchanged: the tunnel leads to the owner");
  for (const family of FAMILIES) await subnets.routedTo(1, OWN[family], ROUTER[family]);
  t.pass("a next hop that is no node is reached as it is, also for what lies in a pool");
  await reflector.pass("self");
  for (const family of FAMILIES) {
    await subnets.routed(1, 3, family, ROUTER[family]);
    await subnets.routed(3, 1, family, /via \S+254 dev eth0/);
    await subnets.answered(1, 3, family);
  }
  t.pass("a router that names itself gets the packets as they are");
  await reflector.pass("unchanged");
  for (const family of FAMILIES) await subnets.routed(1, 3, family, TUNNEL[family]);
}

/** A program of the host that has bound itself to an address of the underlay. */
async function ownAddress(t: Test, subnets: CrossedSubnets) {
  for (const family of FAMILIES) {
    const target = subnets.workloads[2]?.[family] ?? "";
    const device = family === "ipv4" ? "vxlan.calico" : "vxlan-v6.calico";
    const command = ["ip", "-o", "addr", "show", "dev", device, "scope", "global"];
    const shown = await subnets.lab.run("host1", command);
    const own = / inet6? ([^/ ]+)/.exec(shown)?.[1] ?? "none";
    const arrivals = await subnets.capture("w3", `dst host ${target} and not port 179`);
    const source = subnets.address(1, family);
    const ping = ["ping", "-n", "-c", "1", "-W", "2", "-I", source, target];
    const { code } = await subnets.lab.try("host1", ping);
    t.equal(code, 0, `${family}: the host itself, from its own address, is answered`);
    t.match(await arrivals.first(), `${own} > ${target}`, "and speaks with the tunnel's address");
  }
}

async function deadEnds(t: Test, subnets: CrossedSubnets) {
  for (const family of FAMILIES) {
    const barrier = `unreachable ${subnets.address(2, family)}`;
    await subnets.routedTo(3, ANYCAST[family], BOTH);
    await subnets.lab.ip("host3", `route add ${barrier}`);
    await subnets.routed(3, 2, family, /^$/);
    await subnets.routedTo(3, ANYCAST[family], /^(?!.*nexthop).*via \S+ +dev vxlan/s);
    await subnets.routed(3, 1, family, TUNNEL[family]);
    await subnets.lab.ip("host3", `route del ${barrier}`);
    await subnets.routed(3, 2, family, TUNNEL[family]);
    await subnets.routedTo(3, ANYCAST[family], BOTH);
  }
  t.pass("no way to a far end: its leg goes, and its routes; with the way they come back");
  await subnets.hosts[2]?.kill();
  await subnets.lab.ip("host3", "link set eth0 down");
  for (const family of FAMILIES) await subnets.routed(1, 3, family, /^$/);
  t.pass("a node that dies takes its routes along");
  await subnets.lab.ip("host3", "link set eth0 up");
}

/** Routes, devices and rules are gone, and nobody can say what the cluster wants: what is remembered counts. */
async function boot(t: Test, subnets: CrossedSubnets) {
  const { lab, resources } = subnets;
  await subnets.hosts[0]?.kill();
  await lab.ip("host1", "link del vxlan.calico", "link del vxlan-v6.calico");
  await lab.run("host1", ["nft", "flush", "ruleset"]);
  renameSync(resources, `${resources}-away`);
  const monitor = lab.start("host1", ["ip", "monitor", "link"], { log: "monitor" });
  await subnets.hosts[0]?.start(30);
  await waitUntil(
    "the tunnel is there",
    () => readFileSync(monitor.logFile, "utf8").includes("vxlan.calico"),
    { deadlineSeconds: 20, everyMilliseconds: 5, whenLate: () => lab.logTails(20, "host1") },
  );
  t.match(await inputRules(subnets), "VXLAN from a stranger", "its filter was there before it");
  await monitor.stop("SIGKILL");
  renameSync(`${resources}-away`, resources);
  for (const family of FAMILIES) await subnets.routed(1, 2, family, TUNNEL[family]);
}

async function strangers(t: Test, subnets: CrossedSubnets) {
  const { lab } = subnets;
  subnets.setMode("Never");
  await subnets.routed(1, 2, "ipv4", /via 10\.97\.1\.2 dev eth0/);
  const link = await lab.run("host1", ["ip", "-o", "link", "show", "vxlan.calico"]);
  t.match(link, "vxlan.calico", "no pool wants the device, and it is still there");
  const packet = {
    host: subnets.address(1, "ipv4"),
    port: 4789,
    vni: 4096,
    macAddress: /link\/ether (\S+)/.exec(link)?.[1] ?? "",
    destination: subnets.workloads[0]?.ipv4 ?? "",
  };
  const before = droppedBy(await inputRules(subnets), "VXLAN from a stranger");
  const arrivals = await subnets.capture("w1", `udp port ${FORGED_PORT}`);
  await send(subnets, "router", { ...packet, source: "192.168.2.66" });
  await send(subnets, "host2", { ...packet, source: "192.168.2.77" });
  t.match(await arrivals.first(), "192.168.2.77", "what a node sends is unpacked, and comes first");
  const after = droppedBy(await inputRules(subnets), "VXLAN from a stranger");
  t.equal(after, before + 1, "what a stranger sends is dropped");
  await lab.ip("host1", "link del vxlan.calico", "link del vxlan-v6.calico");
  await waitUntil(
    "the filter goes with the device",
    async () => !(await inputRules(subnets)).includes("VXLAN"),
    { deadlineSeconds: 10, everyMilliseconds: 50, whenLate: () => lab.logTails() },
  );
  t.pass("when it is gone, so is its filter");
}

function inputRules({ lab }: CrossedSubnets): Promise<string> {
  return lab.run("host1", ["nft", "list", "chain", "ip", "tortie", "input"]);
}

async function send({ lab }: CrossedSubnets, from: string, packet: ForgedPacket): Promise<void> {
  await lab.run(from, [process.execPath, STRANGER, JSON.stringify(packet)]);
}
