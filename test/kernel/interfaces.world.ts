import { execFileSync } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import t, { type Test } from "tap";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { AddressDriver, type DesiredAddress } from "../../src/kernel/address-driver.ts";
import {
  listAddresses,
  listLinks,
  listNeighbors,
  listRoutes,
  listRules,
} from "../../src/kernel/kernel-lists.ts";
import {
  addRule,
  changeLink,
  createLink,
  deleteLink,
  deleteNeighbor,
  deleteRule,
  setNeighbor,
} from "../../src/kernel/kernel-requests.ts";
import { LinkDriver } from "../../src/kernel/link-driver.ts";
import { LinkTable } from "../../src/kernel/link-table.ts";
import { isUsable } from "../../src/kernel/netlink/address-codec.ts";
import { NEIGHBOR_STATE, SCOPE } from "../../src/kernel/netlink/netlink-constants.ts";
import { TORTIE_ROUTE_PROTOCOL } from "../../src/kernel/route-protocol.ts";
import { KernelHost } from "./kernel-host.ts";

/** What the host side of a workload's interface carries. */
const GATEWAYS: readonly DesiredAddress[] = [
  { address: IpAddress("169.254.1.1"), prefixLength: 32, scope: SCOPE.link },
  { address: IpAddress("fe80::1"), prefixLength: 64, scope: SCOPE.link, noDad: true },
];
const MAC = "ee:ee:ee:ee:ee:ee";

async function newHost(t: Test): Promise<KernelHost> {
  const host = await KernelHost.create();
  t.teardown(() => host.remove());
  return host;
}

/** `ip -j`, whose answers are the oracle. */
function json(host: KernelHost, command: string): Record<string, unknown>[] {
  const output = execFileSync("ip", ["-n", host.name, "-j", "-d", ...command.split(" ")], {
    encoding: "utf8",
  });
  return output.trim() === "" ? [] : JSON.parse(output);
}

t.test(
  "a workload's interface gets its MAC address and gateways when it appears, again when it reappears",
  async (t) => {
    const host = await newHost(t);
    const table = new LinkTable();
    table.load(host.socket);
    const links = new LinkDriver(host.socket, table);
    const addresses = new AddressDriver({
      socket: host.socket,
      table,
      protocol: TORTIE_ROUTE_PROTOCOL,
    });
    links.setDesired(new Map([["cali1", { macAddress: MAC, up: true }]]));
    addresses.setDesired(new Map([["cali1", GATEWAYS]]));
    t.match(links.apply(), [{ what: "link cali1", reason: "there is no such interface" }]);
    t.equal(addresses.apply().length, 2);

    for (const round of ["first", "again"]) {
      createLink(host.socket, { name: "cali1", kind: "veth", peer: { name: "inside" } });
      changeLink(host.socket, host.link("inside"), { up: true });
      await host.until("the link in the table", () => {
        while (host.events.length > 0) table.handle(host.events.shift() as never);
        return table.byName("cali1") !== undefined;
      });
      t.strictSame(links.apply(), [], round);
      t.strictSame(addresses.apply(), [], round);
      const [shown] = json(host, "address show dev cali1");
      t.match(shown, { address: MAC, flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"] });
      const infos = ((shown?.["addr_info"] ?? []) as Record<string, unknown>[]).filter(
        ({ local }) => GATEWAYS.some(({ address }) => address === local),
      );
      t.match(infos, [
        { family: "inet", local: "169.254.1.1", prefixlen: 32, scope: "link" },
        { family: "inet6", local: "fe80::1", prefixlen: 64, scope: "link" },
      ]);
      const ours = listAddresses(host.socket).filter(
        ({ protocol }) => protocol === TORTIE_ROUTE_PROTOCOL,
      );
      t.ok(
        ours.length === 2 && ours.every(isUsable),
        "usable at once, without duplicate detection",
      );
      table.load(host.socket);
      t.strictSame([...links.apply(), ...addresses.apply()], [], "nothing left to do");
      deleteLink(host.socket, table.byName("cali1")?.index ?? 0);
      await host.until("the link out of the table", () => {
        while (host.events.length > 0) table.handle(host.events.shift() as never);
        return table.byName("cali1") === undefined;
      });
      t.notOk([...table.addresses()].some(({ address }) => address === "169.254.1.1"));
    }
  },
);

t.test(
  "a fresh process sees which addresses are ours and unwanted, and removes them when it may",
  async (t) => {
    const host = await newHost(t);
    const first = new LinkTable();
    first.load(host.socket);
    const before = new AddressDriver({
      socket: host.socket,
      table: first,
      protocol: TORTIE_ROUTE_PROTOCOL,
    });
    before.setDesired(new Map([["a", GATEWAYS]]));
    t.strictSame(before.apply(), []);
    const theirs = json(host, "address show dev b");

    const table = new LinkTable();
    table.load(host.socket);
    const after = new AddressDriver({
      socket: host.socket,
      table,
      protocol: TORTIE_ROUTE_PROTOCOL,
    });
    after.setDesired(new Map([["a", GATEWAYS.slice(0, 1)]]));
    t.strictSame(after.apply(), []);
    const ours = () =>
      listAddresses(host.socket).filter(({ protocol }) => protocol === TORTIE_ROUTE_PROTOCOL);
    t.equal(ours().length, 2, "kept until the sweep");
    after.sweep();
    t.strictSame(after.apply(), []);
    t.strictSame(
      ours().map(({ address }) => address),
      ["169.254.1.1"],
    );
    t.strictSame(json(host, "address show dev b"), theirs, "others' addresses are left alone");
  },
);

t.test("lists say what ip -j says", async (t) => {
  const host = await newHost(t);
  host.ip("addr add 192.0.2.1 peer 192.0.2.2/32 dev a");
  host.ip(
    "route add 10.50.0.0/16 metric 9 nexthop via 10.0.1.2 dev a weight 2 nexthop via 10.0.2.2 dev b",
  );
  host.ip("route add 10.51.0.0/16 via inet6 fe80::7 dev a table 1234 src 10.0.1.1");
  host.ip("route add unreachable 10.52.0.0/16 proto bird");
  host.ip("-6 route add fd50::/64 via fd00:1::9 metric 33");
  for (const version of [4, 6] as const) {
    const expected = json(host, `-${version} route show table all`)
      .map(
        ({ dst, metric, dev, table }) => `${dst} ${metric ?? 0} ${dev ?? "-"} ${table ?? "main"}`,
      )
      .sort();
    const ours = listRoutes(host.socket, { version })
      .map((route) => {
        const text = route.prefix.replace(version === 4 ? /^0\.0\.0\.0\/0$/ : /^::\/0$/, "default");
        const dst = text.replace(version === 4 ? /\/32$/ : /\/128$/, "");
        const index = route.legs.length === 1 ? route.legs[0]?.interfaceIndex : undefined;
        const dev = listLinks(host.socket).find((link) => link.index === index)?.name ?? "-";
        const table = { 254: "main", 255: "local" }[route.table] ?? route.table;
        return `${dst} ${route.metric} ${dev} ${table}`;
      })
      .sort();
    t.strictSame(ours, expected);
  }
  const multipath = listRoutes(host.socket, { version: 4, table: 254 }).find(
    ({ prefix }) => prefix === "10.50.0.0/16",
  );
  t.match(multipath?.legs, [
    { gateway: "10.0.1.2", weight: 2 },
    { gateway: "10.0.2.2", weight: 1 },
  ]);
  t.match(listRoutes(host.socket, { version: 4, table: 1234 }), [
    { prefix: "10.51.0.0/16", preferredSource: "10.0.1.1", legs: [{ gateway: "fe80::7" }] },
  ]);
  t.match(
    listRoutes(host.socket, { version: 4, protocol: 12 }).map(({ prefix, kind }) => [prefix, kind]),
    [["10.52.0.0/16", "unreachable"]],
    "filtered by the kernel",
  );
  t.strictSame(
    listRoutes(host.socket, { version: 4, table: 4321 }),
    [],
    "a table that does not exist",
  );
  t.strictSame(
    listRoutes(host.socket, { version: 4, interfaceIndex: 4321 }),
    [],
    "nor this interface",
  );

  const links = json(host, "link show").map(({ ifname, ifindex, mtu, address }) => [
    ifname,
    ifindex,
    mtu,
    address,
  ]);
  t.strictSame(
    listLinks(host.socket).map(({ name, index, mtu, macAddress }) => [
      name,
      index,
      mtu,
      macAddress,
    ]),
    links,
  );
  const pointToPoint = listAddresses(host.socket, 4).find(({ address }) => address === "192.0.2.1");
  t.match(pointToPoint, { peer: "192.0.2.2", prefixLength: 32, scope: SCOPE.universe });
});

t.test("neighbors and rules are set, listed and removed", async (t) => {
  const host = await newHost(t);
  const neighbor = {
    interfaceIndex: host.link("a"),
    address: IpAddress("10.0.1.77"),
    macAddress: MAC,
    state: NEIGHBOR_STATE.permanent,
    flags: 0,
    protocol: TORTIE_ROUTE_PROTOCOL,
  };
  setNeighbor(host.socket, neighbor);
  t.match(json(host, "neigh show 10.0.1.77"), [
    { dst: "10.0.1.77", lladdr: MAC, state: ["PERMANENT"] },
  ]);
  t.strictSame(
    listNeighbors(host.socket, 4).find(({ address }) => address === "10.0.1.77"),
    neighbor,
  );
  deleteNeighbor(host.socket, neighbor);
  t.strictSame(
    listNeighbors(host.socket, 4).filter(({ address }) => address === "10.0.1.77"),
    [],
  );

  const rule = {
    version: 6,
    priority: 99,
    table: 1234,
    action: 1,
    source: Prefix("fd65::/48"),
    mark: { value: 0x10, mask: 0xf0 },
    inputInterface: "a",
    protocol: TORTIE_ROUTE_PROTOCOL,
    inverted: true,
  } as const;
  addRule(host.socket, rule);
  t.match(json(host, "-6 rule show"), [
    {},
    {
      priority: 99,
      not: null,
      src: "fd65::",
      srclen: 48,
      fwmark: "0x10",
      fwmask: "0xf0",
      iif: "a",
      table: "1234",
    },
    {},
  ]);
  t.strictSame(
    listRules(host.socket, 6).find(({ priority }) => priority === 99),
    rule,
  );
  t.throws(() => addRule(host.socket, rule), { message: /^add rule 99: EEXIST/ });
  deleteRule(host.socket, rule);
  t.equal(listRules(host.socket, 6).length, 2);
});

t.test("a link moves into another namespace, and errors name what was asked", async (t) => {
  const [host, other] = [await newHost(t), await newHost(t)];
  createLink(host.socket, { name: "cali2", kind: "veth", peer: { name: "eth9" } });
  const { openSync, closeSync } = await import("node:fs");
  const fd = openSync(other.path, "r");
  changeLink(host.socket, host.link("eth9"), { name: "eth0", mtu: 1400, namespace: { fd } });
  closeSync(fd);
  t.match(
    listLinks(other.socket).find(({ name }) => name === "eth0"),
    { mtu: 1400, kind: "veth" },
  );
  t.throws(() => createLink(host.socket, { name: "cali2", kind: "veth" }), {
    message: /^create link cali2: EEXIST/,
  });
  t.throws(() => deleteLink(host.socket, 99_999), { code: "ENODEV" });
});

t.test(
  "after many visits to namespaces every thread of this process is still at home",
  async (t) => {
    const host = await newHost(t);
    const home = readlinkSync("/proc/thread-self/ns/net");
    const inside = host.inside(() => readlinkSync("/proc/thread-self/ns/net"));
    t.not(inside, home);
    t.throws(() => host.inside(() => JSON.parse("{")), SyntaxError, "also when the section throws");
    for (const task of readdirSync("/proc/self/task")) {
      t.equal(readlinkSync(`/proc/self/task/${task}/ns/net`), home);
    }
  },
);
