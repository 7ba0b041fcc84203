/**
 * The part of ipip.world.ts that runs inside a kernel that has IP-in-IP: one line a step, "ok …" or an error that ends it.
 * host1 and host3 run tortied; host2, in host1's subnet, is a node as calico-node leaves it.
 */
import { writeResources } from "../../src/lab/resources.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { CALICO_TUNNEL_ADDRESS, CalicoIpipNode } from "../support/calico-ipip-node.ts";
import { CrossedSubnets, type Mode } from "../support/crossed-subnets.ts";
import { takeSnapshot } from "../support/network-snapshot.ts";
import { Reflector } from "../support/reflector.ts";

const TUNNEL = /via 10\.97\.\d\.\d dev tunl0 .*onlink/;
const DIRECT = /via 10\.97\.1\.\d dev eth0/;
const ROUTER = /via 10\.97\.\d\.254 dev eth0/;
/** That kernel has no nftables for IP. */
const SHOWN = { without: ["nft", "iptables-save", "ip6tables-save"] };

function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(`not so: ${what}`);
  console.log(`ok ${what}`);
}

const subnets = await CrossedSubnets.open("cross", {
  tunnel: "ipip",
  patience: 20,
  host2: { ipv4IPIPTunnelAddr: CALICO_TUNNEL_ADDRESS },
});
const calico = new CalicoIpipNode(subnets);
const others = [1, 3].map((number) => subnets.workloads[number - 1]?.ipv4 ?? "");

async function change(mode: Mode): Promise<void> {
  subnets.setMode(mode);
  await calico.program(mode, others);
}

async function pathMtus(mode: Mode, sameSubnet: number): Promise<void> {
  for (const [to, size] of [
    [2, sameSubnet],
    [3, 1480],
  ] as const) {
    const passes = await subnets.passes([1, to], size);
    check(`${mode}: ${size} octets pass from w1 to w${to} in one piece`, passes);
    check(`and ${size + 1} do not`, !(await subnets.passes([1, to], size + 1)));
  }
}

async function modes(): Promise<void> {
  await Promise.all([
    subnets.start("Always", [1, 3]),
    calico.start([subnets.address(1, "ipv4"), subnets.address(3, "ipv4")]),
  ]);
  await calico.program("Always", others);
  for (const [from, to] of [
    [1, 3],
    [3, 1],
  ] as const)
    await subnets.routed(from, to, "ipv4", TUNNEL);
  for (const from of [1, 3] as const) await subnets.routedTo(from, "192.168.2.0/26", TUNNEL);
  console.log("ok Always: every route goes through tunl0, also to the block of a Calico node");
  await subnets.answered(2, 3, "ipv4");
  await subnets.answered(3, 2, "ipv4");
  console.log("ok Always: a Calico node's workload and ours in another subnet reach each other");
  await pathMtus("Always", 1480);

  const streams = [await subnets.pings(1, 2, "ipv4"), await subnets.pings(1, 3, "ipv4")];
  await change("CrossSubnet");
  await subnets.routedTo(1, "192.168.2.0/26", DIRECT);
  check(
    "CrossSubnet: another subnet is still reached by tunl0",
    TUNNEL.test(await subnets.route(1, 3, "ipv4")),
  );
  check("also the Calico node's", TUNNEL.test(await subnets.routeTo(3, "192.168.2.0/26")));
  await subnets.answered(2, 1, "ipv4");
  await subnets.answered(2, 3, "ipv4");
  await subnets.answered(3, 2, "ipv4");
  console.log(
    "ok CrossSubnet: a Calico node's workload and ours reach each other, in both subnets",
  );
  await pathMtus("CrossSubnet", 1500);
  await change("Always");
  await subnets.routedTo(1, "192.168.2.0/26", TUNNEL);
  for (const stream of streams) {
    const { sent, lost } = await stream.stop();
    check(
      `${stream.title}: none of ${sent} pings lost while the mode changed twice`,
      lost.length === 0,
    );
  }
  const link = await subnets.lab.run("host1", ["ip", "-d", "addr", "show", "tunl0"]);
  check("MTU of tunl0 is Ethernet's less 20", /mtu 1480/.test(link));
  check("tunl0 has the address that the Node bears", /inet 192\.168\.\d+\.\d+\/32/.test(link));
}

/** Without a mesh, by way of a router that is no node. */
async function reflected(): Promise<void> {
  const reflector = new Reflector(subnets, { clients: [1, 2, 3], families: ["ipv4"] });
  await reflector.start("unchanged");
  writeResources(subnets.resources, "peers.yaml", reflector.resources());
  await calico.peerWith([subnets.routerAddress(2, "ipv4")]);
  for (const prefix of [`${others[1]}/32`, "192.168.2.0/26"]) {
    await waitUntil(
      `host1 has ${prefix} from the reflector alone`,
      async () => {
        const routes = (await subnets.hosts[0]?.routes(`prefix=${prefix}`)) ?? [];
        const paths = routes.filter((route) => route.prefix === prefix);
        return paths.length > 0 && paths.every(({ originatorId }) => originatorId !== undefined);
      },
      { deadlineSeconds: 120, everyMilliseconds: 500, whenLate: () => subnets.lab.logTails(20) },
    );
    await subnets.routedTo(1, prefix, TUNNEL);
  }
  await subnets.answered(1, 3, "ipv4");
  await subnets.answered(1, 2, "ipv4");
  console.log("ok reflected with the next hop unchanged: tunl0 leads to the owner");
  await reflector.pass("self");
  await subnets.routed(1, 3, "ipv4", ROUTER);
  await subnets.routed(3, 1, "ipv4", ROUTER);
  await subnets.answered(1, 3, "ipv4");
  console.log("ok a router that names itself gets the packets as they are");
}

try {
  await subnets.lab.ip(
    "host1",
    "link set caliw1 address ee:ee:ee:ee:ee:ee up",
    // The kernel's own device cannot be removed, and one that was up once has a queue and an IPv6 side ever after.
    "link set tunl0 up",
    "link set tunl0 down",
  );
  const before = await takeSnapshot(subnets.lab, "host1", SHOWN);
  await modes();
  await reflected();
  await subnets.cleanUp(1);
  const after = await takeSnapshot(subnets.lab, "host1", SHOWN);
  for (const [command, lines] of Object.entries(before)) {
    const changed = [
      ...lines.filter((line) => !after[command]?.includes(line)),
      ...(after[command] ?? []).filter((line) => !lines.includes(line)),
    ];
    if (changed.length > 0) throw new Error(`${command}: changed by use\n${changed.join("\n")}`);
  }
  console.log("ok a cleanup leaves the host as it was");
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
// The kernel ends with this process, and everything in it.
process.exit();
