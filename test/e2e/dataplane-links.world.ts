import t from "tap";
import { hostWithTwoUplinks } from "./dataplane-host.ts";

t.test(
  "the uplink moves: the address goes to another interface, and so do the routes",
  async (t) => {
    const { lab, host } = await hostWithTwoUplinks(t, "move");
    await lab.ip("right", "addr add 10.0.0.2/24 dev eth0");
    host.track("10.0.0.2");
    const routes = Array.from(
      { length: 300 },
      (_, i) => [`10.65.${i >> 8}.${i & 255}/32`, "10.0.0.2"] as const,
    );
    host.learn(routes);
    const by = (name: string) =>
      routes.map(([prefix]) => `${prefix.slice(0, -3)} via 10.0.0.2 dev ${name} metric 1024`);
    await host.hasRoutes(by("eth0"));
    await lab.ip("host", "addr del 10.0.0.1/24 dev eth0", "addr add 10.0.0.1/24 dev eth1");
    await host.hasRoutes(by("eth1"));
  },
);

t.test(
  "carrier loss makes next hops over the link unresolvable at once; its return brings all back",
  async (t) => {
    const { lab, host } = await hostWithTwoUplinks(t, "carrier");
    await lab.ip("host", "route add default via 10.1.0.2");
    host.track("10.0.0.2", "10.1.0.2");
    host.learn([
      ["10.65.0.0/26", "10.0.0.2"],
      ["10.65.1.0/26", "10.0.0.2", "10.1.0.2"],
      ["10.65.2.0/26", "10.1.0.2"],
    ]);
    const all = [
      "10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024",
      "10.65.1.0/26 metric 1024 nexthop via 10.0.0.2 dev eth0 nexthop via 10.1.0.2 dev eth1",
      "10.65.2.0/26 via 10.1.0.2 dev eth1 metric 1024",
    ];
    await host.hasRoutes(all);
    const startedAt = performance.now();
    await lab.ip("left", "link set eth0 down");
    await host.resolves("10.0.0.2", false);
    t.ok(performance.now() - startedAt < 10_000, "no audit was waited for");
    const down = host.messages.find((message) => message.type === "interfaceDown");
    t.match(down, { interface: "eth0", addresses: ["10.0.0.1"] });
    await host.hasRoutes([
      "10.65.1.0/26 via 10.1.0.2 dev eth1 metric 1024",
      "10.65.2.0/26 via 10.1.0.2 dev eth1 metric 1024",
    ]);
    await lab.ip("left", "link set eth0 up");
    await host.hasRoutes(all);
  },
);

t.test("an interface is taken down and up by hand: the kernel forgets, we do not", async (t) => {
  const { lab, host } = await hostWithTwoUplinks(t, "downup");
  host.track("10.0.0.2", "fd00::2");
  host.learn([
    ["10.65.0.0/26", "10.0.0.2"],
    ["10.65.1.0/26", "10.0.0.2", "10.1.0.2"],
  ]);
  host.learn([["fd80:1::/122", "fd00::2"]]);
  const all = [
    "10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024",
    "10.65.1.0/26 metric 1024 nexthop via 10.0.0.2 dev eth0 nexthop via 10.1.0.2 dev eth1",
  ];
  await host.hasRoutes(all);
  // In one go: nobody may count on seeing the state between.
  await lab.ip(
    "host",
    "link set eth0 down",
    "link set eth0 up",
    "addr add fd00::1/64 dev eth0 nodad",
  );
  await host.hasRoutes(all);
  await host.hasRoutes(["fd80:1::/122 via fd00::2 dev eth0 metric 1024"], 6);
});

t.test("a static's multipath leg dies with its link, and the rest carries on", async (t) => {
  const { lab, host } = await hostWithTwoUplinks(t, "leg");
  await lab.ip("host", "route add 192.0.2.0/24 nexthop via 10.0.0.2 nexthop via 10.1.0.2");
  host.learn([["10.65.0.0/26", "192.0.2.7"]]);
  const both =
    "10.65.0.0/26 metric 1024 nexthop via 10.0.0.2 dev eth0 nexthop via 10.1.0.2 dev eth1";
  await host.hasRoutes([both]);
  await lab.ip("host", "link set eth0 down");
  // The kernel itself keeps the leg in the listing, as dead, and uses the other one: nothing has to be written.
  const deadLeg = both.replace("dev eth0", "dev eth0 dead linkdown");
  await host.hasRoutes([deadLeg]);
  for (const last of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const way = await lab.run("host", ["ip", "route", "get", `10.65.0.${last}`]);
    t.match(way, /via 10\.1\.0\.2 dev eth1/);
  }
  await lab.ip("host", "link set eth0 up");
  await host.hasRoutes([both]);
  await lab.ip("right", "link set eth0 down");
  await host.hasRoutes(["10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024"]);
  await lab.ip("right", "link set eth0 up");
  await host.hasRoutes([both]);
});

t.test(
  "a leg is taken from another's IPv6 route: the kernel tells of the leg, not of what is left",
  async (t) => {
    const { lab, host } = await hostWithTwoUplinks(t, "sibling");
    await lab.ip("host", "route add fd99::/64 nexthop via fd00::2 nexthop via fd01::2");
    host.learn([["fd80:1::/122", "fd99::7"]]);
    const both =
      "fd80:1::/122 metric 1024 nexthop via fd00::2 dev eth0 nexthop via fd01::2 dev eth1";
    await host.hasRoutes([both], 6);
    await lab.ip("host", "route del fd99::/64 via fd00::2");
    await host.hasRoutes(["fd80:1::/122 via fd01::2 dev eth1 metric 1024"], 6);
    await lab.ip("host", "route append fd99::/64 via fd00::2");
    await host.hasRoutes([both], 6);
  },
);
