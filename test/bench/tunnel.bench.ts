/**
 * TCP through a tunnel of ours, beside the same tunnel made by hand with `ip` and plain routes, in turn: throughput and round trips
 * of qperf between two workloads in different subnets, medians, and ratios to plain routes. `node test/bench/tunnel.bench.ts [ROUNDS]`
 */
import { waitUntil } from "../../src/lab/wait-until.ts";
import { CrossedSubnets } from "../support/crossed-subnets.ts";

const ROUNDS = Number(process.argv[2] ?? 5);
const WAYS = ["plain", "by hand", "tortie"] as const;
type Way = (typeof WAYS)[number];

const subnets = await CrossedSubnets.open("bench", { tunnel: "vxlan" });
const { lab } = subnets;
try {
  await subnets.start("Always");
  await subnets.routed(1, 3, "ipv4", /dev vxlan\.calico/);
  await subnets.routed(3, 1, "ipv4", /dev vxlan\.calico/);
  await makeTunnelByHand();
  lab.start("w3", ["qperf"], { log: "qperf" });
  await waitUntil("qperf answers", async () => (await measure("tcp_lat")) > 0, {
    deadlineSeconds: 10,
    everyMilliseconds: 200,
  });
  const figures = new Map(WAYS.map((way) => [way, { bandwidth: [], latency: [] } as Figures]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of WAYS) {
      await take(way);
      figures.get(way)?.bandwidth.push(await measure("tcp_bw"));
      figures.get(way)?.latency.push(await measure("tcp_lat"));
    }
  }
  const plain = figures.get("plain");
  for (const [way, { bandwidth, latency }] of figures) {
    const [bw, lat] = [median(bandwidth), median(latency)];
    console.log(
      `${way.padEnd(8)} ${(bw / 1e6).toFixed(0).padStart(6)} MB/s (${(bw / median(plain?.bandwidth ?? [])).toFixed(2)})  ${(lat * 1e6).toFixed(1).padStart(6)} us (${(lat / median(plain?.latency ?? [])).toFixed(2)})`,
    );
  }
} finally {
  await subnets.close();
}

type Figures = { readonly bandwidth: number[]; readonly latency: number[] };

/** The same settings as ours, beside ours: another name, identifier and port. */
async function makeTunnelByHand(): Promise<void> {
  for (const [node, own, ownNumber, other, otherNumber] of [
    ["host1", subnets.address(1, "ipv4"), 1, subnets.address(3, "ipv4"), 3],
    ["host3", subnets.address(3, "ipv4"), 3, subnets.address(1, "ipv4"), 1],
  ] as const) {
    await lab.ip(
      node,
      `link add hand type vxlan id 7 local ${own} dev eth0 dstport 4790 nolearning`,
      `link set hand address 66:00:00:00:00:0${ownNumber} mtu 1450 up`,
      `neigh add 192.168.25${otherNumber}.1 lladdr 66:00:00:00:00:0${otherNumber} dev hand nud permanent`,
    );
    const mac = `66:00:00:00:00:0${otherNumber}`;
    await lab.run(node, ["bridge", "fdb", "add", mac, "dev", "hand", "dst", other]);
    await lab.sysctl(node, "net.ipv4.conf.hand.rp_filter=2");
  }
  await lab.ip(
    "router",
    `route add 192.168.1.1 via ${subnets.address(1, "ipv4")}`,
    `route add 192.168.3.1 via ${subnets.address(3, "ipv4")}`,
  );
}

/** A route of a better metric beside tortie's; without one, tortie's own is taken. */
async function take(way: Way): Promise<void> {
  for (const [node, subnet, other] of [
    ["host1", 1, 3],
    ["host3", 2, 1],
  ] as const) {
    await lab.try(node, ["ip", "route", "del", `192.168.${other}.1`, "metric", "5"]);
    const target = `192.168.${other}.1`;
    if (way === "plain") await lab.ip(node, `route add ${target} via 10.97.${subnet}.254 metric 5`);
    if (way === "by hand")
      await lab.ip(node, `route add ${target} via 192.168.25${other}.1 dev hand onlink metric 5`);
  }
}

/** Octets a second, or seconds a round trip. */
async function measure(test: "tcp_bw" | "tcp_lat"): Promise<number> {
  const { stdout } = await lab.try("w1", ["qperf", "-u", "-t", "2", "192.168.3.1", test]);
  const [, value, unit] = /(?:bw|latency)\s+=\s+([\d.]+) (\S+)/.exec(stdout) ?? [];
  const scale = {
    "bytes/sec": 1,
    KB: 1e3,
    "KB/sec": 1e3,
    "MB/sec": 1e6,
    "GB/sec": 1e9,
    ns: 1e-9,
    us: 1e-6,
    ms: 1e-3,
    sec: 1,
  };
  return Number(value ?? 0) * (scale[(unit ?? "sec") as keyof typeof scale] ?? 1);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
