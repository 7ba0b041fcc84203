import { mock } from "node:test";
import t from "tap";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { NextHopFeed } from "../../../src/dataplane/next-hop-feed.ts";
import { NextHopResolver } from "../../../src/dataplane/next-hop-resolver.ts";
import type { LocalDataplane } from "../../../src/dataplane/route-worker-messages.ts";
import { TimeShare } from "../../../src/dataplane/time-share.ts";
import { WorkloadInterfaces } from "../../../src/dataplane/workload-interfaces.ts";
import { LinkTable } from "../../../src/kernel/link-table.ts";
import type { AddressMessage } from "../../../src/kernel/netlink/address-codec.ts";
import type { KernelEvent, KernelObject } from "../../../src/kernel/netlink/kernel-event.ts";
import type { LinkMessage } from "../../../src/kernel/netlink/link-codec.ts";
import { LINK_FLAG } from "../../../src/kernel/netlink/netlink-constants.ts";
import type { NetlinkSocket } from "../../../src/kernel/netlink/netlink-socket.ts";
import type { RouteMessage } from "../../../src/kernel/netlink/route-codec.ts";
import type { SysctlDriver } from "../../../src/kernel/sysctl-driver.ts";

const OURS = 116;

function event(
  object: KernelObject,
  change: KernelEvent["change"] = "new",
  replaced = false,
): KernelEvent {
  return { ...object, change, replaced, portId: 1 };
}

function link(index: number, name: string, state: Partial<LinkMessage> = {}): KernelObject {
  const message = {
    index,
    name,
    flags: 0,
    up: true,
    carrier: true,
    mtu: 1500,
    macAddress: "02:00:00:00:00:01",
  };
  return { type: "link", link: { ...message, ...state } };
}

function address(interfaceIndex: number, text: string, protocol = 0): KernelObject {
  const message: AddressMessage = {
    interfaceIndex,
    address: IpAddress(text),
    prefixLength: 24,
    scope: 0,
    flags: 0,
    protocol,
  };
  return { type: "address", address: message };
}

function route(
  prefix: string,
  gateway: string | undefined,
  differs: Partial<RouteMessage> = {},
): KernelObject {
  const leg = { interfaceIndex: 2, weight: 1, onLink: false, dead: false, linkDown: false };
  const legs = [gateway === undefined ? leg : { ...leg, gateway: IpAddress(gateway) }];
  const message: RouteMessage = {
    prefix: Prefix(prefix),
    table: 254,
    metric: 0,
    tos: 0,
    protocol: 4,
    scope: 0,
    kind: "unicast",
    legs,
    cloned: false,
  };
  return { type: "route", route: { ...message, ...differs } };
}

function fixture() {
  const links = new LinkTable();
  const resolver = new NextHopResolver();
  const feed = new NextHopFeed({ resolver, links, routeProtocol: OURS });
  const tell = (object: KernelObject, change?: KernelEvent["change"], replaced?: boolean) =>
    feed.handle(event(object, change, replaced));
  tell(link(2, "eth0"));
  tell(address(2, "10.0.0.1"));
  tell(route("10.0.0.0/24", undefined));
  const gateways = (nextHop: string) => {
    resolver.refresh(() => true);
    return resolver.resolution(IpAddress(nextHop)).gateways.map(({ gateway }) => gateway);
  };
  return { feed, resolver, links, tell, gateways };
}

t.test(
  "routes of others resolve; ours, other tables', other services' and cached ones do not",
  async (t) => {
    const { tell, gateways } = fixture();
    const passed: Partial<RouteMessage>[] = [
      { protocol: OURS },
      { table: 100 },
      { tos: 8 },
      { cloned: true },
    ];
    for (const differs of passed) {
      t.match(tell(route("192.0.2.0/24", "10.0.0.2", differs)), { resolution: false });
      t.same(gateways("192.0.2.7"), [], JSON.stringify(differs));
    }
    t.match(tell(route("192.0.2.0/24", "10.0.0.2")), { resolution: true });
    t.same(gateways("192.0.2.7"), ["10.0.0.2"]);
  },
);

t.test(
  "a replaced route takes the place of its key; a deleted one goes; a dump must confirm both",
  async (t) => {
    const { feed, tell, gateways } = fixture();
    tell(route("192.0.2.0/24", "10.0.0.2"));
    tell(route("192.0.2.0/24", "10.0.0.3"), "new", true);
    t.same(gateways("192.0.2.7"), ["10.0.0.3"]);
    tell(route("192.0.2.0/24", "10.0.0.3"), "deleted");
    t.same(gateways("192.0.2.7"), []);
    t.equal(feed.routesAreDoubtful, true);
  },
);

t.test(
  "only a link that could carry packets and cannot any more is reported as down, with its addresses",
  async (t) => {
    const { tell, gateways } = fixture();
    const down = { interface: "eth0", addresses: ["10.0.0.1"] };
    t.match(tell(link(2, "eth0", { mtu: 9000 })), { resolution: false, links: true });
    t.same(tell(link(2, "eth0", { carrier: false })).down, down);
    t.same(gateways("10.0.0.2"), []);
    t.equal(
      tell(link(2, "eth0", { up: false, carrier: false })).down,
      undefined,
      "it was dead before",
    );
    t.equal(tell(link(2, "eth0")).down, undefined);
    t.same(gateways("10.0.0.2"), ["10.0.0.2"]);
    t.same(tell(link(2, "eth0"), "deleted").down, down);
    t.same(gateways("10.0.0.2"), []);
    t.equal(
      tell(link(3, "eth1", { carrier: false })).down,
      undefined,
      "a new one without carrier is no loss",
    );
  },
);

t.test(
  "a workload's routes need an interface that is there, up and its own; the first claim wins",
  async (t) => {
    const { links, tell } = fixture();
    const workloads = new WorkloadInterfaces({
      // Neither is touched by the question which routes there are.
      socket: {} as NetlinkSocket,
      sysctls: {} as SysctlDriver,
      links,
      protocol: OURS,
    });
    const workload = (
      name: string,
      ...addresses: string[]
    ): LocalDataplane["workloads"][number] => ({
      interface: name,
      addresses: addresses.map(IpAddress),
    });
    workloads.setDesired([
      workload("eth0", "10.66.0.9"),
      workload("lo", "10.66.0.10"),
      workload("cali1", "10.66.0.2", "fd80:66::2"),
      workload("cali2", "10.66.0.2", "10.66.0.3"),
      workload("cali3", "10.66.0.4"),
    ]);
    tell(link(1, "lo", { flags: LINK_FLAG.loopback }));
    tell(link(7, "cali1"));
    tell(address(7, "169.254.1.1", OURS));
    tell(link(8, "cali2"));
    tell(link(9, "cali3", { up: false }));
    const lines = () =>
      workloads
        .routes()
        .reachable.map(({ prefix, interfaceIndex }) => `${prefix} ${interfaceIndex}`);
    t.same(lines(), ["10.66.0.2/32 7", "fd80:66::2/128 7", "10.66.0.3/32 8"]);
    t.same(workloads.routes().pending, [
      { what: "10.66.0.2/32 dev cali2", reason: "cali1 has it" },
    ]);
    tell(link(7, "cali1"), "deleted");
    t.same(lines(), ["10.66.0.2/32 8", "10.66.0.3/32 8"], "the second claim takes over");
    tell(link(9, "cali3"));
    t.same(lines(), ["10.66.0.2/32 8", "10.66.0.3/32 8", "10.66.0.4/32 9"]);
  },
);

t.test("routes go with an address, and silently: only a dump can say which", (t) => {
  const { feed, tell } = fixture();
  feed.loadRoutes({ dump: () => {} } as unknown as NetlinkSocket);
  tell(address(2, "10.0.0.2"));
  t.notOk(feed.routesAreDoubtful, "a new address brings routes that are told");
  tell(address(2, "10.0.0.2"), "deleted");
  t.ok(feed.routesAreDoubtful);
  t.end();
});

t.test("what is dear is done again only when its share of the time allows", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.teardown(() => mock.timers.reset());
  let turns = 0;
  const share = new TimeShare(0.25, () => turns++);
  const spend = (milliseconds: number) => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
  };
  t.ok(share.run(() => spend(10)));
  t.notOk(share.run(() => t.fail("too soon")));
  t.notOk(share.run(() => t.fail("too soon")));
  mock.timers.tick(60_000);
  t.equal(turns, 1, "one notice for all that wait");
  const before = performance.now();
  while (!share.run(() => spend(10)));
  t.ok(performance.now() - before < 5_000, "its turn has come");
  t.notOk(
    share.run(() => t.fail("too soon")),
    "again",
  );
  share.stop();
  mock.timers.tick(60_000);
  t.equal(turns, 1, "no notice after a stop");
  t.end();
});
