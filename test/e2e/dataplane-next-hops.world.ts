import { readFileSync } from "node:fs";
import t from "tap";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { hostWithTwoUplinks, NOTHING_LOCAL } from "./dataplane-host.ts";

t.test(
  "routes are installed by way of on-link gateways, IPv4 and IPv6, and withdrawn",
  async (t) => {
    const { lab, host } = await hostWithTwoUplinks(t, "basic");
    await lab.ip(
      "host",
      "route add 192.0.2.0/24 via 10.0.0.2",
      "route add 198.51.100.0/24 nexthop via 10.0.0.2 nexthop via 10.1.0.2",
    );
    await lab.ip("host", "route add fd99::/64 via fd00::2");
    host.track("10.0.0.2", "192.0.2.7", "10.0.0.1", "203.0.113.1");
    host.learn([
      ["10.65.0.0/26", "10.0.0.2"],
      ["10.65.1.0/26", "192.0.2.7"],
      ["10.65.2.0/26", "198.51.100.9"],
      ["10.65.3.0/26", "10.0.0.2", "10.1.0.2"],
      ["10.65.4.0/26", "203.0.113.1"],
      ["10.65.5.0/26", "10.0.0.1"],
      ["10.65.6.0/26", "fd00::2"],
    ]);
    host.learn([
      ["fd80:1::/122", "fd00::2"],
      ["fd80:2::/122", "fd99::7"],
      ["fd80:3::/122", "fd00::2", "fd01::2"],
    ]);
    await host.hasRoutes([
      "10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024",
      "10.65.1.0/26 via 10.0.0.2 dev eth0 metric 1024",
      "10.65.2.0/26 metric 1024 nexthop via 10.0.0.2 dev eth0 nexthop via 10.1.0.2 dev eth1",
      "10.65.3.0/26 metric 1024 nexthop via 10.0.0.2 dev eth0 nexthop via 10.1.0.2 dev eth1",
      "10.65.6.0/26 via inet6 fd00::2 dev eth0 metric 1024",
    ]);
    await host.hasRoutes(
      [
        "fd80:1::/122 via fd00::2 dev eth0 metric 1024",
        "fd80:2::/122 via fd00::2 dev eth0 metric 1024",
        "fd80:3::/122 metric 1024 nexthop via fd00::2 dev eth0 nexthop via fd01::2 dev eth1",
      ],
      6,
    );
    t.match(host.nextHops.get("10.0.0.2"), { reachable: true, onLink: true });
    t.match(host.nextHops.get("192.0.2.7"), { reachable: true, onLink: false });
    t.match(host.nextHops.get("10.0.0.1"), { reachable: false }, "an own address");
    t.match(host.nextHops.get("203.0.113.1"), { reachable: false }, "no route");
    host.learn([
      ["10.65.0.0/26"],
      ["10.65.1.0/26"],
      ["10.65.2.0/26"],
      ["10.65.3.0/26", "10.1.0.2"],
      ["10.65.6.0/26"],
    ]);
    await host.hasRoutes(["10.65.3.0/26 via 10.1.0.2 dev eth1 metric 1024"]);
  },
);

t.test(
  "gateways that need to be taken as they are: onlink, link-local, IPv4 by way of IPv6",
  async (t) => {
    const { lab, host } = await hostWithTwoUplinks(t, "onlink");
    await lab.ip("left", "addr add 172.16.9.9/32 dev eth0", "addr add fe80::9/64 dev eth0 nodad");
    await lab.ip(
      "host",
      "route add 192.0.2.0/24 via 172.16.9.9 dev eth0 onlink",
      "route add 198.51.100.0/24 via inet6 fe80::9 dev eth0",
      "route add fd98::/64 via fe80::9 dev eth0",
      "route add unreachable 203.0.113.0/24",
      "route add default via 10.0.0.2",
    );
    host.track("192.0.2.7", "198.51.100.7", "fd98::7", "203.0.113.7", "fe80::9");
    host.learn([
      ["10.65.0.0/26", "192.0.2.7"],
      ["10.65.1.0/26", "198.51.100.7"],
      ["10.65.2.0/26", "203.0.113.7"],
    ]);
    host.learn([["fd80:1::/122", "fd98::7"]]);
    await host.hasRoutes([
      "10.65.0.0/26 via 172.16.9.9 dev eth0 metric 1024 onlink",
      "10.65.1.0/26 via inet6 fe80::9 dev eth0 metric 1024",
    ]);
    await host.hasRoutes(["fd80:1::/122 via fe80::9 dev eth0 metric 1024"], 6);
    await host.resolves("203.0.113.7", false);
    await host.resolves("fe80::9", false);
    await lab.ip("host", "route del unreachable 203.0.113.0/24");
    await host.resolves("203.0.113.7", true);
  },
);

t.test("a learned route that covers its own next hop never carries it", async (t) => {
  const { lab, host } = await hostWithTwoUplinks(t, "cover");
  // With another address left, the kernel keeps the routes over the interface, and the first one's are in the way.
  await lab.ip("host", "addr add 10.9.9.1/24 dev eth0");
  host.track("10.0.0.2");
  host.learn([
    ["10.0.0.0/8", "10.0.0.2"],
    ["10.0.0.2/32", "10.0.0.2"],
  ]);
  const both = [
    "10.0.0.0/8 via 10.0.0.2 dev eth0 metric 1024",
    "10.0.0.2 via 10.0.0.2 dev eth0 metric 1024",
  ];
  await host.hasRoutes(both);
  await lab.ip("host", "addr del 10.0.0.1/24 dev eth0");
  await host.resolves("10.0.0.2", false);
  await host.hasRoutes([]);
  await lab.ip("host", "addr add 10.0.0.1/24 dev eth0");
  await host.resolves("10.0.0.2", true);
  await host.hasRoutes(both);
});

t.test(
  "an address is removed and comes back, with routes that preferred it as source",
  async (t) => {
    const { lab, host } = await hostWithTwoUplinks(t, "address");
    await lab.ip(
      "host",
      "addr add 10.0.9.1/24 dev eth0",
      "route add 192.0.2.0/24 via 10.0.0.2 src 10.0.9.1",
    );
    host.track("192.0.2.7");
    host.learn([["10.65.0.0/26", "192.0.2.7"]]);
    const route = "10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024";
    await host.hasRoutes([route]);
    // The kernel drops 192.0.2.0/24 now and tells nobody.
    await lab.ip("host", "addr del 10.0.9.1/24 dev eth0");
    await host.resolves("192.0.2.7", false);
    await host.hasRoutes([]);
    await lab.ip(
      "host",
      "addr add 10.0.9.1/24 dev eth0",
      "route add 192.0.2.0/24 via 10.0.0.2 src 10.0.9.1",
    );
    await host.hasRoutes([route]);
  },
);

t.test(
  "another's route on the same key is left alone, named, and yields when it goes",
  async (t) => {
    const { lab, host } = await hostWithTwoUplinks(t, "foreign");
    await lab.ip(
      "host",
      "route add 10.65.0.0/26 via 10.1.0.2 metric 1024 proto static",
      "route add 10.65.1.0/26 via 10.1.0.2 metric 1024 proto bird",
      "route add 10.65.2.0/26 via 10.1.0.2 metric 32 proto bird",
    );
    host.learn([
      ["10.65.0.0/26", "10.0.0.2"],
      ["10.65.1.0/26", "10.0.0.2"],
      ["10.65.2.0/26", "10.0.0.2"],
    ]);
    await host.hasRoutes(["10.65.2.0/26 via 10.0.0.2 dev eth0 metric 1024"]);
    await host.reportsPending(2);
    t.match(
      host.status?.pending
        .map(({ reason }) => reason)
        .sort()
        .join("; "),
      /bird.*static/s,
    );
    const others = await lab.run("host", ["ip", "route", "show", "10.65.1.0/26"]);
    t.match(others, /via 10.1.0.2 dev eth1 proto bird/);
    await lab.ip("host", "route del 10.65.1.0/26 proto bird");
    await host.hasRoutes([
      "10.65.1.0/26 via 10.0.0.2 dev eth0 metric 1024",
      "10.65.2.0/26 via 10.0.0.2 dev eth0 metric 1024",
    ]);
    host.learn([["10.65.0.0/26"], ["10.65.1.0/26"], ["10.65.2.0/26"]]);
    await host.hasRoutes([]);
    t.match(await lab.run("host", ["ip", "route", "show", "10.65.0.0/26"]), /proto static/);
  },
);

t.test("a route of ours that somebody deletes is put back", async (t) => {
  const { lab, host } = await hostWithTwoUplinks(t, "repair");
  const route = "10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024";
  host.learn([["10.65.0.0/26", "10.0.0.2"]]);
  await host.hasRoutes([route]);
  await lab.ip("host", "route del 10.65.0.0/26");
  await host.hasRoutes([route]);
});

t.test(
  "static routes to peers, blackholes for own blocks, and nothing learned beside them",
  async (t) => {
    const { host } = await hostWithTwoUplinks(t, "own");
    host.track("198.51.100.7", "10.66.0.9");
    host.learn([
      ["10.66.0.0/26", "10.0.0.2"],
      ["198.51.100.7/32", "10.0.0.2"],
      ["10.65.0.0/26", "198.51.100.7"],
    ]);
    const learned = "10.65.0.0/26 via 10.1.0.2 dev eth1 metric 1024";
    host.local({
      ...NOTHING_LOCAL,
      blackholes: [Prefix("10.66.0.0/26")],
      staticRoutes: [{ prefix: Prefix("198.51.100.7/32"), gateway: IpAddress("10.1.0.2") }],
    });
    await host.hasRoutes([
      learned,
      "198.51.100.7 via 10.1.0.2 dev eth1 metric 1024",
      "blackhole 10.66.0.0/26 metric 1024",
    ]);
    await host.resolves("198.51.100.7", true);
    await host.resolves("10.66.0.9", false);
    const prefix = Prefix("198.51.100.9/32");
    host.local({ ...NOTHING_LOCAL, staticRoutes: [{ prefix, gateway: IpAddress("10.1.0.2") }] });
    host.track("198.51.100.9");
    await host.resolves("198.51.100.9", true);
    const answers = host.messages
      .flatMap((message) => (message.type === "nextHops" ? message.nextHops : []))
      .filter(({ nextHop }) => nextHop === "198.51.100.9");
    t.match(answers, [{ reachable: true }], "from the first answer on");
    t.equal(answers.length, 1);
    host.local(NOTHING_LOCAL);
    await host.hasRoutes([
      "10.66.0.0/26 via 10.0.0.2 dev eth0 metric 1024",
      "198.51.100.7 via 10.0.0.2 dev eth0 metric 1024",
    ]);
  },
);

t.test("another metric: every route is added anew before the old one goes", async (t) => {
  const { lab, host } = await hostWithTwoUplinks(t, "metric");
  const local = { ...NOTHING_LOCAL, blackholes: [Prefix("10.66.0.0/26")] };
  host.local(local);
  host.learn([["10.65.0.0/26", "10.0.0.2"]]);
  host.learn([["fd80:1::/122", "fd00::2"]]);
  const routes = (metric: number) => [
    `10.65.0.0/26 via 10.0.0.2 dev eth0 metric ${metric}`,
    `blackhole 10.66.0.0/26 metric ${metric}`,
  ];
  await host.hasRoutes(routes(1024));
  const monitor = lab.start("host", ["ip", "-4", "monitor", "route"], { log: "metric" });
  const seen = () => readFileSync(`${lab.nodeFolder("host")}/metric.log`, "utf8");
  await waitUntil(
    "the monitor listens",
    async () => {
      await lab.ip("host", "route add 198.18.0.1 dev lo", "route del 198.18.0.1 dev lo");
      return seen().includes("198.18.0.1");
    },
    { deadlineSeconds: 60, everyMilliseconds: 20 },
  );
  // 2147483647 less 512: a workload that moves there.
  host.learn([["10.65.0.0/26", "10.0.0.2"]], { localPref: 2147483135 });
  const blackhole = "blackhole 10.66.0.0/26 metric 1024";
  await host.hasRoutes(["10.65.0.0/26 via 10.0.0.2 dev eth0 metric 512", blackhole]);
  host.learn([["10.65.0.0/26", "10.0.0.2"]]);
  await host.hasRoutes(routes(1024));
  host.local({ ...local, routeMetric: { ipv4: 50, ipv6: 60 } });
  await host.hasRoutes(routes(50));
  await host.hasRoutes(["fd80:1::/122 via fd00::2 dev eth0 metric 60"], 6);
  await waitUntil(
    "the last removal is seen",
    () => /10\.65.*metric 50 [\s\S]*Deleted.*10\.65.*1024/.test(seen()),
    {
      deadlineSeconds: 60,
      everyMilliseconds: 20,
    },
  );
  await monitor.stop();
  const order = seen()
    .split("\n")
    .filter((line) => line.includes("10.65.0.0/26"));
  t.match(order, [
    /^10\.65.*metric 512/,
    /^Deleted 10\.65.*metric 1024/,
    /^10\.65.*metric 1024/,
    /^Deleted 10\.65.*metric 512/,
    /^10\.65.*metric 50/,
    /^Deleted 10\.65.*metric 1024/,
  ]);
  host.learn([["10.65.0.0/26"]]);
  await host.hasRoutes(routes(50).slice(1));
});
