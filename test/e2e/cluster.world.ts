// Runs alone: it measures how soon a change is everywhere, and counts lost pings.
import t from "tap";
import type { LabResource } from "../../src/lab/resources.ts";
import { isWithin } from "../support/load.ts";
import { address, blocks, ClusterLab, TOR_ASN } from "./cluster-lab.ts";
import { moveCluster } from "./cluster-reflectors.ts";

/** A change must be in BIRD's and the kernel's tables by then. */
const ONE_SECOND = 1000;

const TOR: LabResource = {
  kind: "BGPPeer",
  name: "tor",
  spec: { nodeSelector: "rack == 'r1'", peerIP: address(101).ipv4, asNumber: TOR_ASN },
};

t.test("a cluster in etcd, live", async (t) => {
  const cluster = await ClusterLab.open();
  t.teardown(() => cluster.close());
  await cluster.start();
  const { calico, tor, etcd } = cluster;

  const told = async (prefix: string) =>
    (await calico.routes(prefix.includes(":") ? "ipv6" : "ipv4")).find(
      (route) => route.prefix === prefix,
    );
  const torRoute = async (prefix: string) =>
    (await tor.birdc(`show route all for ${prefix}`).catch(() => "")).includes(`\n${prefix} `);
  const all = async () => {
    for (const n of [1, 2, 3, 4, 5]) {
      for (const block of blocks(n)) {
        if ((await told(block)) === undefined) return false;
        if (!(await cluster.kernel("calico", block)).includes("via")) return false;
      }
    }
    for (const block of blocks(6)) {
      if (!(await cluster.kernel("host1", block)).includes("via")) return false;
    }
    return true;
  };
  await cluster.within("six nodes have each other's blocks", all);
  t.match(await told("192.168.1.0/26"), { nextHop: address(1).ipv4 });
  t.match(await cluster.kernel("host1", "192.168.1.0/26"), /^blackhole/, "own blocks do not loop");
  t.match(
    await calico.birdc("ipv4", "show route all 192.168.1.0/26"),
    /BGP.local_pref: 2147482623/,
    "the local preference says the priority as Calico does",
  );
  t.equal(await told("192.168.1.1/32"), undefined, "what a block speaks for is not told");
  await t.test("single-family BIRDs: a session for each family", async (t) => {
    for (const family of ["ipv4", "ipv6"] as const) {
      const sessions = [...(await calico.sessions(family)).values()];
      t.ok(
        sessions.length === 5 && sessions.every((text) => text.startsWith("Established")),
        family,
      );
    }
    const peers = await cluster.hosts[0]?.peers();
    const families = (peers ?? []).map((peer) => [peer.address, peer.state] as const);
    t.ok(
      families.some(([each]) => each === address(6).ipv6),
      "the second session stands in",
    );
    t.notOk(
      families.some(([each]) => each === address(2).ipv6),
      "among our own, it stands by",
    );
  });

  /** Makes a change and waits for what follows; asserts the time, and that nothing but what is named has moved. */
  const step = async (
    what: string,
    {
      put = [],
      remove = [],
      until,
      sessions = /^$/,
      routes = /^$/,
    }: {
      readonly put?: readonly LabResource[];
      readonly remove?: readonly string[];
      readonly until: () => Promise<boolean>;
      readonly sessions?: RegExp;
      readonly routes?: RegExp;
    },
  ) => {
    const { sessions: before } = await cluster.settled();
    await etcd.put(put);
    for (const key of remove) await etcd.ctl(["del", key]);
    const milliseconds = await cluster.within(what, until);
    t.ok(isWithin(milliseconds, ONE_SECOND), `${what}: ${Math.round(milliseconds)} ms`);
    const { sessions: after, changes } = await cluster.settled();
    const moved = [...new Set([...before.keys(), ...after.keys()])].filter(
      (name) => before.get(name) !== after.get(name) && !sessions.test(name),
    );
    t.strictSame(moved, [], `${what}: no other session has moved`);
    const others = changes.filter((line) => !routes.test(line));
    t.strictSame(others, [], `${what}: no other route has moved`);
  };

  const inRack = { rack: "r1" };
  const torTable = /^tor: /;
  await step("a peer is added, and a node is labelled for it", {
    put: [TOR, cluster.node(1, inRack)],
    until: async () =>
      (await torRoute("192.168.1.0/26")) && (await cluster.kernel("tor", "192.168.1.0/26")) !== "",
    sessions: /^host1 10\.97\.0\.101$/,
    routes: torTable,
  });
  await step("the label moves to another node", {
    put: [cluster.node(1), cluster.node(2, inRack)],
    until: async () => (await torRoute("192.168.2.0/26")) && !(await torRoute("192.168.1.0/26")),
    sessions: /^host[12] 10\.97\.0\.101$/,
    routes: torTable,
  });
  await step("a filter with a community", {
    put: [
      {
        kind: "BGPFilter",
        name: "mark",
        spec: {
          exportV4: [
            {
              action: "Accept",
              cidr: "192.168.2.0/24",
              matchOperator: "In",
              operations: [{ addCommunity: { value: "65000:7" } }],
            },
          ],
          exportV6: [{ action: "Reject" }],
        },
      },
      { ...TOR, spec: { ...TOR.spec, filters: ["mark"] } },
    ],
    until: async () =>
      /BGP\.community: .*\(65000,7\)/.test(await tor.birdc("show route all 192.168.2.0/26")) &&
      (await cluster.kernel("tor", "fd80:0:0:2::/122")) === "",
    routes: torTable,
  });
  const applied = await cluster.applied(2);
  await step("a setting that needs no new session", {
    put: [{ ...TOR, spec: { ...TOR.spec, filters: ["mark"], keepaliveTime: "10s" } }],
    until: async () => (await cluster.applied(2)) > applied,
  });
  await step("communities of prefixAdvertisements", {
    put: [
      {
        kind: "BGPConfiguration",
        name: "default",
        spec: { prefixAdvertisements: [{ cidr: "192.168.0.0/16", communities: ["65000:9"] }] },
      },
    ],
    until: async () => (await told("192.168.4.0/26"))?.communities.includes("65000:9") === true,
  });
  const borrowed = cluster.borrowed(3, "192.168.4.9");
  await step("an address borrowed from another host's block", {
    put: [borrowed],
    until: async () =>
      (await told("192.168.4.9/32"))?.nextHop === address(3).ipv4 &&
      (await cluster.kernel("calico", "192.168.4.9")).includes(`via ${address(3).ipv4}`),
    routes: /192\.168\.4\.9|caliw3/,
  });
  await step("a pool that is not exported", {
    put: [
      {
        kind: "IPPool",
        name: "ipv6",
        spec: { cidr: "fd80::/48", blockSize: 122, disableBGPExport: true },
      },
    ],
    until: async () =>
      (await told("fd80:0:0:1::/122")) === undefined &&
      (await cluster.kernel("host1", "fd80:0:0:2::/122")) === "",
    routes: /fd80:/,
  });
  await step("and that is exported again", {
    put: [{ kind: "IPPool", name: "ipv6", spec: { cidr: "fd80::/48", blockSize: 122 } }],
    until: async () =>
      (await told("fd80:0:0:1::/122")) !== undefined &&
      (await cluster.kernel("host1", "fd80:0:0:2::/122")) !== "",
    routes: /fd80:/,
  });
  await step("a peer is removed", {
    remove: ["/calico/resources/v3/projectcalico.org/bgppeers/tor"],
    until: async () => (await cluster.kernel("tor", "192.168.2.0/26")) === "",
    sessions: /^host2 10\.97\.0\.101$/,
    routes: torTable,
  });
  await t.test("to two route reflectors and back, without a lost ping", async (t) => {
    const there = await moveCluster(cluster, ["--reflectors", "host4,host5", "--apply"]);
    t.equal(there.code, 0, there.text);
    t.match(there.text, /Step 1 of 3(.*\n)*Step 3 of 3(.*\n)*Done: nothing is left to do/);
    t.strictSame(there.lost, [], "no ping is lost on the way there");
    t.strictSame(there.routeChanges, [], "no kernel has changed a route");
    const peers = (await cluster.hosts[0]?.peers()) ?? [];
    t.strictSame(
      peers.map((peer) => peer.address).toSorted(),
      [address(4).ipv4, address(5).ipv4],
      "host1 peers with the two reflectors alone",
    );
    await cluster.within("BIRD has host1's block over a reflector", async () => {
      const route = await told("192.168.1.0/26");
      return route?.nextHop === address(1).ipv4 && route.originatorId === address(1).ipv4;
    });
    const back = await moveCluster(cluster, ["--to-mesh", "--apply"]);
    t.equal(back.code, 0, back.text);
    t.strictSame(back.lost, [], "nor on the way back");
    t.strictSame(back.routeChanges, []);
    t.equal((await told("192.168.1.0/26"))?.originatorId, undefined);
  });
});
