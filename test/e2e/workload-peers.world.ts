import t from "tap";
import { type LabResource, workloadEndpoint } from "../../src/lab/resources.ts";
import type { SpeakerPlan } from "../../src/lab/speakers/lab-speaker.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import type { WorkloadPlan } from "../../src/lab/workload.ts";
import { bird } from "../support/interop-makes.ts";
import { nodeAddress, Rack } from "../support/rack.ts";

const PEERING = "169.254.0.179";
const SPEAKER_ASN = 65_100;
/** Inside the pool, and nobody's block. */
const BEHIND = "192.168.200.0/24";

t.test(
  "a workload that speaks BGP, filters by interface, and a route of elevated priority",
  async (t) => {
    const rack = await Rack.open({ name: "wlpeer", hosts: 2 });
    t.teardown(() => rack.close());
    const [speaker, other] = rack.workloads;
    if (speaker === undefined || other === undefined) throw new Error("two workloads");
    await rack.start();
    const endpoints = (annotations: NonNullable<Metadata["annotations"]>) => [
      endpoint(speaker, { labels: { bgp: "yes" } }),
      endpoint(other, { annotations }),
    ];
    rack.write([], [...peering("eth*"), ...endpoints({})]);

    const daemon = bird(rack.lab, birdPlan(speaker));
    const [toHost] = daemon.plan.peers;
    if (toHost === undefined) throw new Error("BIRD has a peer");
    await daemon.originate([{ prefix: BEHIND, communities: [] }]);
    await daemon.start();
    const host1 = nodeAddress(1).ipv4;
    await rack.routed(
      "host1",
      new Map([[BEHIND, `via ${speaker.ipv4} dev ${speaker.hostInterface}`]]),
    );
    await rack.routed("host2", new Map([[BEHIND, `via ${host1} dev eth0`]]));
    t.pass(`what BIRD inside ${speaker.name} announces at ${PEERING} is in both hosts' kernels`);

    const told = async (...expected: readonly string[]) => {
      let seen: readonly string[] = [];
      await waitUntil(
        `BIRD is told ${expected.join(", ")}`,
        async () => {
          const routes = await daemon.routesFrom(toHost, "ipv4");
          seen = routes.map(({ prefix, nextHop }) => `${prefix} via ${nextHop}`);
          return seen.join() === expected.join();
        },
        { deadlineSeconds: 60, whenLate: () => `${seen.join("\n")}\n${rack.lab.logTails()}` },
      );
    };
    await told(`${speaker.ipv4}/32 via ${PEERING}`);
    t.pass("a filter that rejects eth*: BIRD is told of the interfaces of workloads alone");
    rack.write([], [...peering("cali*"), ...endpoints({})]);
    await told(`${other.ipv4}/32 via ${PEERING}`);
    t.pass("one that rejects cali*: of the other host alone");

    const way = `via ${nodeAddress(2).ipv4} dev eth0`;
    const metric = (value: number) => new RegExp(` metric ${value}\\b`);
    await rack.routed("host1", new Map([[other.ipv4, way]]));
    t.match((await rack.routesTo("host1", other.ipv4)).join(), metric(1024));
    rack.write([], [...peering("cali*"), ...endpoints({ "tortie/route-priority": "512" })]);
    await rack.routed("host1", new Map([[other.ipv4, "metric 512"]]));
    const routes = await waitUntil(
      "the usual route has gone",
      async () => {
        const present = await rack.routesTo("host1", other.ipv4);
        return present.length === 1 ? present : undefined;
      },
      { deadlineSeconds: 60 },
    );
    t.match(routes.join(), metric(512), "an elevated priority is the metric of the route");

    await daemon.stop();
    await rack.notRouted("host2", [BEHIND]);
    t.pass("with the session its prefix goes");
  },
);

type Metadata = Pick<LabResource, "labels" | "annotations">;

function endpoint({ ipv4, ipv6, ...rest }: WorkloadPlan, metadata: Metadata): LabResource {
  // No profile: the session is let in because somebody asked for it.
  return { ...workloadEndpoint({ ...rest, addresses: [ipv4, ipv6], profiles: [] }), ...metadata };
}

/** The workloads that are peers, and what they are not told: what leads over these interfaces. */
function peering(hidden: string): readonly LabResource[] {
  return [
    { kind: "BGPConfiguration", name: "default", spec: { localWorkloadPeeringIPV4: PEERING } },
    {
      kind: "BGPPeer",
      name: "speakers",
      spec: {
        localWorkloadSelector: "bgp == 'yes'",
        asNumber: SPEAKER_ASN,
        exportLearned: true,
        filters: ["by-interface"],
      },
    },
    {
      kind: "BGPFilter",
      name: "by-interface",
      spec: { exportV4: [{ action: "Reject", interface: hidden }] },
    },
  ];
}

function birdPlan({ name, ipv4, ipv6 }: WorkloadPlan): SpeakerPlan {
  return {
    node: name,
    asn: SPEAKER_ASN,
    routerId: ipv4,
    addresses: { ipv4, ipv6 },
    peers: [{ name: "host", address: PEERING, asn: 64_512, multihop: true, families: ["ipv4"] }],
  };
}
