import t from "tap";
import { writeResources } from "../../src/lab/resources.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { CrossedSubnets } from "../support/crossed-subnets.ts";
import { takeSnapshot } from "../support/network-snapshot.ts";

const FAMILIES = ["ipv4", "ipv6"] as const;
const TUNNEL = { ipv4: /dev vxlan\.calico .*onlink/, ipv6: /via fe80::.* dev vxlan-v6\.calico/ };

t.test("node stop --cleanup leaves the host as it was before tortied came", async (t) => {
  const subnets = await CrossedSubnets.open("cleanup", { tunnel: "vxlan" });
  t.teardown(() => subnets.close());
  const { lab } = subnets;
  await livedIn(subnets);
  const before = await takeSnapshot(lab, "host1");

  writeResources(subnets.resources, "felix.yaml", [
    { kind: "FelixConfiguration", name: "default", spec: { natOutgoingAddress: "10.97.1.1" } },
  ]);
  subnets.setPools([
    { cidr: "192.168.0.0/16", vxlanMode: "Always", natOutgoing: true },
    { cidr: "fd80::/48", vxlanMode: "Always", natOutgoing: true },
  ]);
  await Promise.all([1, 3].map((number) => subnets.hosts[number - 1]?.start()));
  for (const family of FAMILIES) {
    await subnets.routed(1, 3, family, TUNNEL[family]);
    await subnets.routed(3, 1, family, TUNNEL[family]);
    await subnets.answered(1, 3, family);
    const outside = subnets.routerAddress(1, family);
    await lab.run("w1", ["ping", "-n", "-c", "1", "-W", "5", outside]);
  }
  t.pass("tunnels, NAT, profiles and workloads are in use, in both families");
  const during = await takeSnapshot(lab, "host1");
  for (const command of Object.keys(before).filter((each) =>
    /link|addr|route|fdb|permanent|nft|iptables|sysctl/.test(each),
  ))
    t.notSame(during[command], before[command], `${command} shows it`);

  await subnets.cleanUp(1);
  await waitUntil(
    "no link of ours",
    async () => !(await lab.run("host1", ["ip", "link"])).includes("vxlan"),
    {
      deadlineSeconds: 5,
      everyMilliseconds: 50,
    },
  );
  const after = await takeSnapshot(lab, "host1");
  for (const [command, lines] of Object.entries(before))
    t.strictSame(after[command], lines, `${command}: as before`);
});

/** A host has settings, routes, rules and neighbors of its own, a docker that drops what is forwarded, and workloads' interfaces. */
async function livedIn({ lab }: CrossedSubnets): Promise<void> {
  await lab.ip(
    "host1",
    // What a maker of interfaces does: tortied sets both where they are not so, and leaves them.
    "link set caliw1 address ee:ee:ee:ee:ee:ee up",
    "route add 10.200.0.0/16 via 10.97.1.254 proto static",
    "route add 10.201.0.0/16 via 10.97.1.254 table 77",
    "route add blackhole 192.168.77.0/26",
    "route add fd99::/64 via fd97:1::254 proto static",
    "rule add from 10.201.0.0/16 lookup 77 priority 1000",
    "neigh add 10.97.1.66 lladdr 02:00:00:00:00:66 dev eth0 nud permanent",
    "neigh add proxy 10.97.1.67 dev eth0",
    "link add br9 type bridge",
    "link set br9 up",
  );
  await lab.sysctl(
    "host1",
    "net.ipv4.conf.all.rp_filter=2",
    "net.ipv4.conf.all.accept_redirects=0",
    "net.ipv4.conf.br9.forwarding=1",
    "net.ipv6.conf.br9.forwarding=1",
    "net.ipv4.conf.caliw1.proxy_arp=0",
  );
  for (const program of ["iptables", "ip6tables"]) {
    await lab.run("host1", [program, "-N", "DOCKER-USER"]);
    await lab.run("host1", [program, "-A", "FORWARD", "-j", "DOCKER-USER"]);
    await lab.run("host1", [program, "-P", "FORWARD", "DROP"]);
  }
  await lab.run("host1", [
    "nft",
    "add table inet others { chain c { type filter hook input priority 0; } ; }",
  ]);
  // An empty look at every table makes those that `iptables` makes by itself.
  for (const program of ["iptables-save", "ip6tables-save"]) await lab.run("host1", [program]);
}
