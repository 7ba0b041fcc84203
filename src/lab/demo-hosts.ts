import {
  DEMO_ASN,
  DEMO_HOSTS,
  DEMO_POOLS,
  DEMO_WORKLOADS,
  type DemoHost,
  TOR_ASN,
} from "./demo-plan.ts";
import type { Lab } from "./lab.ts";
import { type LabResource, workloadEndpoint, writeResources } from "./resources.ts";
import { type LabPeerReport, Tortied } from "./tortied.ts";
import { waitUntil } from "./wait-until.ts";

/** One tortied a host, all reading one folder of resources: the hosts, how they peer, and the workloads. */
export function demoHosts(lab: Lab): readonly Tortied[] {
  const resourceFolder = `${lab.folder}/resources`;
  writeResources(resourceFolder, "cluster.yaml", demoClusterResources());
  writeResources(resourceFolder, "workloads.yaml", demoWorkloadResources());
  return DEMO_HOSTS.map(({ name }) => new Tortied(lab, { node: name, resourceFolder }));
}

/** Waits until every host has a session with every other host and with the router. */
export async function waitForSessions(
  lab: Lab,
  hosts: readonly Tortied[],
  deadlineSeconds: number,
): Promise<void> {
  let missing = "";
  await waitUntil(
    "all BGP sessions are up",
    async () => {
      const peers = await Promise.all(hosts.map((host) => host.peers()));
      missing = peers.map((list, index) => `${hosts[index]?.node}: ${describe(list)}`).join("\n");
      return peers.every(
        (list) => list.length >= hosts.length && list.every((p) => p.state === "Established"),
      );
    },
    { deadlineSeconds, whenLate: () => `${missing}\n${lab.logTails()}` },
  );
}

/** Waits until a node's kernel has a route to every workload; on a host, its own ones included. */
export async function waitForKernelRoutes(
  lab: Lab,
  node: string,
  deadlineSeconds: number,
): Promise<void> {
  let missing: readonly string[] = [];
  await waitUntil(
    `the kernel of ${node} has all routes`,
    async () => {
      const ipv4 = routePrefixes(await lab.run(node, ["ip", "-4", "route"]));
      const ipv6 = routePrefixes(await lab.run(node, ["ip", "-6", "route"]));
      const present = new Set([...ipv4, ...ipv6]);
      const wanted = DEMO_WORKLOADS.flatMap((workload) => [workload.ipv4, workload.ipv6]);
      missing = wanted.filter((address) => !present.has(address));
      return missing.length === 0;
    },
    { deadlineSeconds, whenLate: () => `missing: ${missing.join(" ")}\n${lab.logTails()}` },
  );
}

/** The first word of each line; `ip` prints a host route without its length. */
function routePrefixes(text: string): readonly string[] {
  return text.split("\n").map((line) => line.split(" ")[0]?.replace(/\/(32|128)$/, "") ?? "");
}

function describe(peers: readonly LabPeerReport[]): string {
  const one = ({ name, state, lastError }: LabPeerReport) =>
    `${name} ${state}${lastError === undefined ? "" : ` (${lastError.text})`}`;
  return peers.map(one).join(", ") || "no peers";
}

function demoClusterResources(): readonly LabResource[] {
  return [
    ...DEMO_HOSTS.map(node),
    { kind: "BGPConfiguration", name: "default", spec: { asNumber: DEMO_ASN } },
    { kind: "IPPool", name: "workloads-ipv4", spec: { cidr: DEMO_POOLS.ipv4 } },
    { kind: "IPPool", name: "workloads-ipv6", spec: { cidr: DEMO_POOLS.ipv6 } },
    ...(["a", "b"] as const).map(torPeering),
  ];
}

function demoWorkloadResources(): readonly LabResource[] {
  return DEMO_WORKLOADS.map(({ ipv4, ipv6, ...workload }) =>
    workloadEndpoint({ ...workload, addresses: [ipv4, ipv6] }),
  );
}

function node(host: DemoHost): LabResource {
  return {
    kind: "Node",
    name: host.name,
    labels: { rack: host.rack },
    spec: { bgp: { ipv4Address: `${host.ipv4}/24`, ipv6Address: `${host.ipv6}/64` } },
  };
}

/** The hosts of a rack peer with the router's address there. */
function torPeering(rack: "a" | "b"): LabResource {
  const gateway = DEMO_HOSTS.find((host) => host.rack === rack)?.gateway.ipv4;
  return {
    kind: "BGPPeer",
    name: `tor-rack-${rack}`,
    spec: { nodeSelector: `rack == "${rack}"`, peerIP: gateway, asNumber: TOR_ASN },
  };
}
