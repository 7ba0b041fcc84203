import t, { type Test } from "tap";
import { CrossedSubnets } from "../support/crossed-subnets.ts";

const TUNNEL = { ipv4: /dev vxlan\.calico .*onlink/, ipv6: /via fe80::.* dev vxlan-v6\.calico/ };
const DIRECT = { ipv4: /via 10\.97\.1\.\d+ dev eth0/, ipv6: /via fd97:1::\d+ dev eth0/ };
const FAMILIES = ["ipv4", "ipv6"] as const;

t.test(
  "VXLAN carries workloads' packets across subnets; its mode changes without loss",
  async (t) => {
    const subnets = await CrossedSubnets.open("cross", { tunnel: "vxlan" });
    t.teardown(() => subnets.close());
    await subnets.start("Always");
    for (const family of FAMILIES) {
      await subnets.routed(1, 2, family, TUNNEL[family]);
      await subnets.routed(2, 1, family, TUNNEL[family]);
      await subnets.routed(1, 3, family, TUNNEL[family]);
      await subnets.routed(3, 1, family, TUNNEL[family]);
    }
    t.pass("Always: every route goes through the tunnel, once the far ends are ready");

    const streams = await Promise.all(
      FAMILIES.flatMap((family) => [subnets.pings(1, 2, family), subnets.pings(1, 3, family)]),
    );
    subnets.setMode("CrossSubnet");
    for (const family of FAMILIES) {
      await subnets.routed(1, 2, family, DIRECT[family]);
      await subnets.routed(2, 1, family, DIRECT[family]);
      await subnets.routed(1, 3, family, TUNNEL[family]);
    }
    for (const family of FAMILIES) {
      t.ok(await subnets.passes([1, 2], 1500, family), `${family}: Ethernet's own size without`);
      t.notOk(await subnets.passes([1, 2], 1501, family));
      await pathMtu(t, subnets, family);
    }
    subnets.setMode("Always");
    for (const family of FAMILIES) {
      await subnets.routed(1, 2, family, TUNNEL[family]);
      await subnets.routed(2, 1, family, TUNNEL[family]);
    }
    for (const stream of streams) {
      const { sent, lost } = await stream.stop();
      t.strictSame(
        lost,
        [],
        `${stream.title}: none of ${sent} pings lost while the mode changed twice`,
      );
    }

    const link = await subnets.lab.run("host1", ["ip", "-d", "link", "show", "vxlan.calico"]);
    t.match(link, /mtu 1450/, "MTU: Ethernet's less the encapsulation");
    t.match(link, /vxlan id 4096 local 10\.97\.1\.1 dev eth0 .*dstport 4789 nolearning/);
    for (const family of FAMILIES) await pathMtu(t, subnets, family);
    const forwarding = await subnets.lab.run("host1", [
      "bridge",
      "fdb",
      "show",
      "dev",
      "vxlan.calico",
    ]);
    t.match(forwarding, /66:[0-9a-f:]+ dst 10\.97\.1\.2 self permanent/);
    t.match(forwarding, /66:[0-9a-f:]+ dst 10\.97\.2\.3 self permanent/);

    const [host1] = subnets.hosts;
    t.match(await host1?.tortie("tunnel", "test", "--mtu", "host3"), /host3 .*1500 +1500 +ok/);
    await subnets.lab.ip("router", "link set eth1 mtu 1400");
    await subnets.lab.ip("host3", "link set eth0 mtu 1400");
    const test = await host1?.tortie("tunnel", "test", "--mtu", "host3", "-o", "json");
    t.match(test, /"pathMtu": 1400/, "a path that carries less is found out");
    t.match(test, /"verdict": "too small"/);
    t.match(test, /vxlanMTU: 1350/, "with what to do about it");

    await subnets.cleanUp(1);
    const links = await subnets.lab.run("host1", ["ip", "-o", "link"]);
    t.notMatch(links, /vxlan/, "a cleanup leaves no device");
    const routes = await subnets.lab.run("host1", ["ip", "route"]);
    t.notMatch(routes, /192\.168/, "and no route");
  },
);

/** Ethernet's size less the outer headers: what the device says is what passes. RFC 7348 §4.3. */
async function pathMtu(t: Test, subnets: CrossedSubnets, family: "ipv4" | "ipv6"): Promise<void> {
  const size = { ipv4: 1450, ipv6: 1430 }[family];
  t.ok(await subnets.passes([1, 3], size, family), `${family}: ${size} octets in one piece`);
  t.notOk(await subnets.passes([1, 3], size + 1, family), "and no more");
}

t.test("pools of different modes, and a node whose address changes", async (t) => {
  const subnets = await CrossedSubnets.open("mixed", { tunnel: "vxlan" });
  t.teardown(() => subnets.close());
  await subnets.start("Never");
  subnets.setPools([
    { cidr: "192.168.0.0/23", vxlanMode: "Never" },
    { cidr: "192.168.2.0/23", vxlanMode: "Always" },
    { cidr: "192.168.128.0/17", vxlanMode: "CrossSubnet" },
  ]);
  await subnets.routed(1, 3, "ipv4", TUNNEL.ipv4);
  await subnets.routed(2, 3, "ipv4", TUNNEL.ipv4);
  await subnets.routed(2, 1, "ipv4", DIRECT.ipv4);
  await subnets.routed(3, 2, "ipv4", TUNNEL.ipv4);
  t.pass("each pool's routes go its own way");

  await subnets.moveHost3("10.97.2.30", "ipv4");
  await subnets.forwards(2, "10.97.2.30");
  const stream = await subnets.pings(2, 3, "ipv4");
  const { received } = await stream.stop();
  t.ok(received > 0, "the far end is found at its new address");
  t.notMatch(await subnets.forwarding(2), /10\.97\.2\.3 /, "and nothing leads to the old one");
  subnets.setPools([{ cidr: "192.168.0.0/16" }, { cidr: "fd80::/48", vxlanMode: "CrossSubnet" }]);
  await subnets.routed(2, 3, "ipv6", TUNNEL.ipv6);
  await subnets.moveHost3("fd97:2::30", "ipv6");
  await subnets.forwards(2, "fd97:2::30", "vxlan-v6.calico");
  await subnets.routed(2, 3, "ipv6", TUNNEL.ipv6);
  await subnets.routed(3, 2, "ipv6", TUNNEL.ipv6);
  await subnets.answered(2, 3, "ipv6");
  t.pass("the same for IPv6");
});
