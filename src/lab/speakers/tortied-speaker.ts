import type { Lab } from "../lab.ts";
import { type LabResource, workloadEndpoint, writeResources } from "../resources.ts";
import { Tortied } from "../tortied.ts";
import {
  familiesOf,
  type LabFamily,
  type LabSpeaker,
  type OriginatedRoute,
  parseAsPath,
  type SeenRoute,
  type SpeakerPeer,
  type SpeakerPlan,
} from "./lab-speaker.ts";

/** The interface of the one workload that has all addresses of a lab speaker. */
const WORKLOAD_INTERFACE = "calilab0";

/**
 * tortied as one more make. All is said in resources: peers are BGPPeers, routes are the addresses of one workload, and their communities come
 * from the prefix advertisements of the BGPConfiguration.
 */
export class TortiedSpeaker implements LabSpeaker {
  readonly make = "tortied";
  readonly plan: SpeakerPlan;
  readonly tortied: Tortied;
  readonly #lab: Lab;
  readonly #resourceFolder: string;
  #routes: readonly OriginatedRoute[] = [];

  constructor(lab: Lab, plan: SpeakerPlan) {
    this.#lab = lab;
    this.plan = plan;
    this.#resourceFolder = `${lab.nodeFolder(plan.node)}/resources`;
    this.tortied = new Tortied(lab, { node: plan.node, resourceFolder: this.#resourceFolder });
    this.#write();
  }

  async start(): Promise<void> {
    await this.#addWorkloadInterface();
    await this.tortied.start();
  }

  async originate(routes: readonly OriginatedRoute[]): Promise<void> {
    this.#routes = routes;
    this.#write();
  }

  async sessionState(peer: SpeakerPeer): Promise<string> {
    const found = (await this.tortied.peers()).find(({ address }) => address === peer.address);
    const reason = found?.lastError === undefined ? "" : ` (${found.lastError.text})`;
    return found === undefined
      ? "absent"
      : `${found.state}${found.state === "Established" ? "" : reason}`;
  }

  async routesFrom(peer: SpeakerPeer, family: LabFamily): Promise<readonly SeenRoute[]> {
    const routes = await this.tortied.routes(`peer=${peer.address}&family=${family}-unicast`);
    return routes
      .filter((route) => route.eligible)
      .map((route) => ({
        prefix: route.prefix,
        nextHop: route.nextHop ?? "",
        asPath: parseAsPath(route.asPath),
        communities: route.communities ?? [],
        ...(route.originatorId === undefined ? {} : { originatorId: route.originatorId }),
        ...(route.clusterList === undefined ? {} : { clusterList: route.clusterList }),
        stale: route.stale,
      }));
  }

  kill(): Promise<void> {
    return this.tortied.kill();
  }

  stop(): Promise<void> {
    return this.tortied.terminate();
  }

  /** Both ends are in the node itself: nobody answers behind it, and it is up. */
  async #addWorkloadInterface(): Promise<void> {
    const { code } = await this.#lab.try(this.plan.node, [
      "ip",
      "link",
      "show",
      WORKLOAD_INTERFACE,
    ]);
    if (code === 0) return;
    await this.#lab.ip(
      this.plan.node,
      `link add ${WORKLOAD_INTERFACE} type veth peer name labwork0`,
      `link set ${WORKLOAD_INTERFACE} up`,
      "link set labwork0 up",
    );
  }

  #write(): void {
    const resources = [
      ...clusterResources(this.plan, this.#routes),
      ...this.plan.peers.map(bgpPeer),
    ];
    writeResources(this.#resourceFolder, "lab.yaml", [...resources, ...this.#endpoint()]);
  }

  /** One workload that has all the addresses. */
  #endpoint(): readonly LabResource[] {
    if (this.#routes.length === 0) return [];
    const addresses = this.#routes.map(({ prefix }) => prefix.slice(0, prefix.indexOf("/")));
    const workload = { name: "lab", host: this.plan.node, hostInterface: WORKLOAD_INTERFACE };
    return [workloadEndpoint({ ...workload, addresses })];
  }
}

function clusterResources(
  plan: SpeakerPlan,
  routes: readonly OriginatedRoute[],
): readonly LabResource[] {
  const advertisements = routes
    .filter(({ communities }) => communities.length > 0)
    .map(({ prefix, communities }) => ({ cidr: prefix, communities }));
  return [
    {
      kind: "Node",
      name: plan.node,
      spec: {
        bgp: {
          asNumber: plan.asn,
          ipv4Address: `${plan.addresses.ipv4}/24`,
          ipv6Address: `${plan.addresses.ipv6}/64`,
          ...(plan.clusterId === undefined ? {} : { routeReflectorClusterID: plan.clusterId }),
        },
      },
    },
    {
      kind: "BGPConfiguration",
      name: "default",
      spec: {
        nodeToNodeMeshEnabled: false,
        ...(advertisements.length === 0 ? {} : { prefixAdvertisements: advertisements }),
      },
    },
    { kind: "IPPool", name: "ipv4", spec: { cidr: "192.168.0.0/16" } },
    { kind: "IPPool", name: "ipv6", spec: { cidr: "fd80::/16" } },
  ];
}

function bgpPeer(peer: SpeakerPeer): LabResource {
  return {
    kind: "BGPPeer",
    name: peer.name,
    spec: {
      peerIP: peer.address,
      asNumber: peer.asn,
      connectRetryTime: "1s",
      families: familiesOf(peer).map((family) => (family === "ipv4" ? "IPv4" : "IPv6")),
      ...(peer.password === undefined ? {} : { password: peer.password }),
      ...(peer.ttlSecurity === true ? { ttlSecurity: 1 } : {}),
      ...(peer.addPath === true ? { addPath: "Both" } : {}),
      ...(peer.holdTimeSeconds === undefined ? {} : { holdTime: `${peer.holdTimeSeconds}s` }),
      ...(peer.gracefulRestart === undefined
        ? {}
        : { maxRestartTime: `${peer.gracefulRestart.restartTimeSeconds}s` }),
    },
  };
}
