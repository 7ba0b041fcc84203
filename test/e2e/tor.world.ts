import t from "tap";
import { familyOf, type LabSpeaker, type SeenRoute } from "../../src/lab/speakers/lab-speaker.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { bird, frr } from "../support/interop-makes.ts";
import { nodeAddress, Rack, type TorPlan } from "../support/rack.ts";

const TORS: readonly TorPlan[] = [
  { name: "torbird", make: bird, asn: 65_001 },
  { name: "torfrr", make: frr, asn: 65_002 },
  { name: "torall", make: bird, asn: 65_003, peering: { exportLearned: true } },
];

t.test("what an eBGP peer is told", async (t) => {
  const rack = await Rack.open({ name: "tor", hosts: 3, tors: TORS });
  t.teardown(() => rack.close());
  await rack.start();
  t.pass("three hosts in a mesh are Established with three routers");

  for (const tor of rack.tors) {
    const owners = new Map(
      rack.workloads.flatMap(({ ipv4, ipv6 }, index) => {
        const host = nodeAddress(index + 1);
        return [
          [ipv4, `via ${host.ipv4} dev eth0`] as const,
          [ipv6, `via ${host.ipv6} dev eth0`] as const,
        ];
      }),
    );
    await rack.routed(tor.plan.node, owners);
    t.pass(
      `${tor.make} ${tor.plan.node}: the kernel's next hop of each workload is the host that owns it`,
    );
  }

  const [torbird, torfrr, torall] = rack.tors;
  if (torbird === undefined || torfrr === undefined || torall === undefined)
    throw new Error("three routers");
  for (const tor of [torbird, torfrr]) {
    for (const [index, host] of tor.plan.peers.entries()) {
      const own = rack.workloads[index];
      const seen = await routesFrom(tor, index);
      t.same(
        seen.map((route) => route.prefix).sort(),
        [`${own?.ipv4}/32`, `${own?.ipv6}/128`].sort(),
        `${tor.make}: ${host.name} tells what it originates and nothing else`,
      );
      for (const route of seen) {
        t.equal(
          route.nextHop,
          nodeAddress(index + 1)[familyOf(route.prefix)],
          `${route.prefix}: next hop is ${host.name}`,
        );
        t.same(route.asPath, [64_512], `${route.prefix}: the path is the hosts' AS`);
      }
    }
  }
  const all = await waitUntil(
    "a peer with exportLearned is told what the host learned, too",
    async () => {
      const seen = await routesFrom(torall, 0);
      return seen.length === 2 * rack.hosts.length ? seen : undefined;
    },
    { deadlineSeconds: 60, whenLate: () => rack.lab.logTails() },
  );
  t.equal(all.length, 6, "exportLearned: host1 tells the workloads of all three hosts");
});

async function routesFrom(tor: LabSpeaker, index: number): Promise<readonly SeenRoute[]> {
  const peer = tor.plan.peers[index];
  if (peer === undefined) throw new Error(`${tor.plan.node} has no peer ${index}`);
  return [...(await tor.routesFrom(peer, "ipv4")), ...(await tor.routesFrom(peer, "ipv6"))];
}
