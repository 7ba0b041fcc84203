import { Lab } from "../../src/lab/lab.ts";
import { type LabResource, workloadEndpoint, writeResources } from "../../src/lab/resources.ts";
import type { LabSpeaker, SpeakerPlan } from "../../src/lab/speakers/lab-speaker.ts";
import { Tortied } from "../../src/lab/tortied.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { addWorkloads, type WorkloadPlan } from "../../src/lab/workload.ts";
import type { SpeakerFactory } from "./interop-segment.ts";

export const RACK_ASN = 64512;

/** What the hosts say to a top-of-rack router, beyond address and AS. */
export type TorPlan = {
  readonly name: string;
  readonly make: SpeakerFactory;
  readonly asn: number;
  readonly peering?: { readonly [field: string]: unknown };
};

export type RackPlan = {
  readonly name: string;
  readonly hosts: number;
  readonly tors?: readonly TorPlan[];
};

/** Hosts with tortied and one workload each, and routers, on one Ethernet: 10.98.0.0/24 and fd98::/64. */
export class Rack {
  readonly lab: Lab;
  readonly hosts: readonly Tortied[];
  readonly tors: readonly LabSpeaker[];
  readonly workloads: readonly WorkloadPlan[];
  readonly #plan: RackPlan;
  readonly #resources: string;

  private constructor(lab: Lab, plan: RackPlan) {
    this.lab = lab;
    this.#plan = plan;
    this.#resources = `${lab.folder}/resources`;
    const names = Array.from({ length: plan.hosts }, (_, index) => `host${index + 1}`);
    this.workloads = names.map((host, index) => workloadOf(host, index + 1));
    this.hosts = names.map((node) => new Tortied(lab, { node, resourceFolder: this.#resources }));
    this.tors = (plan.tors ?? []).map((tor, index) => tor.make(lab, torPlan(tor, index, names)));
  }

  static async open(plan: RackPlan): Promise<Rack> {
    const lab = await Lab.open(plan.name);
    const rack = new Rack(lab, plan);
    try {
      await rack.#build();
      rack.write(rack.workloads);
    } catch (error) {
      await lab.close();
      throw error;
    }
    return rack;
  }

  /** Starts routers and hosts, and waits until all sessions are up. */
  async start(): Promise<void> {
    await Promise.all([...this.tors, ...this.hosts].map((daemon) => daemon.start()));
    await this.sessionsUp();
  }

  /** Replaces the resources by these: the cluster's, the given workloads, and what else is given. */
  write(workloads: readonly WorkloadPlan[], extra: readonly LabResource[] = []): void {
    writeResources(this.#resources, "cluster.yaml", [...this.#clusterResources(), ...extra]);
    writeResources(
      this.#resources,
      "workloads.yaml",
      workloads.map(({ ipv4, ipv6, ...rest }) =>
        workloadEndpoint({ ...rest, addresses: [ipv4, ipv6] }),
      ),
    );
  }

  /** Waits until every host is Established with all its peers, and each of them has sent its End-of-RIB. */
  async sessionsUp(hosts: readonly Tortied[] = this.hosts): Promise<void> {
    const wanted = this.hosts.length - 1 + this.tors.length;
    let states = "";
    await waitUntil(
      "all sessions are up",
      async () => {
        const lists = await Promise.all(hosts.map((host) => host.peers()));
        states = lists
          .flatMap((list, index) =>
            list.map(
              (peer) =>
                `${hosts[index]?.node}: ${peer.name} ${peer.state} ${peer.lastError?.text ?? ""}`,
            ),
          )
          .join("\n");
        return lists.every(
          (list) =>
            list.length === wanted &&
            list.every(
              (peer) =>
                peer.state === "Established" &&
                peer.families.every((family) => family.endOfRibReceived),
            ),
        );
      },
      {
        deadlineSeconds: 40,
        everyMilliseconds: 50,
        whenLate: () => `${states}\n${this.lab.logTails()}`,
      },
    );
  }

  /** Waits until the node's kernel routes each of these addresses as `ip route get` says: "via 10.98.0.1". */
  async routed(node: string, expected: ReadonlyMap<string, string>): Promise<void> {
    let wrong: readonly string[] = [];
    await waitUntil(
      `the kernel of ${node} has ${[...expected].map(([address, way]) => `${address} ${way}`).join(", ")}`,
      async () => {
        const found = await Promise.all(
          [...expected.keys()].map((address) => this.routesTo(node, address)),
        );
        wrong = [...expected].flatMap(([address, way], index) =>
          found[index]?.some((line) => line.includes(way))
            ? []
            : [`${address}: ${found[index]?.join("; ") || "no route"}`],
        );
        return wrong.length === 0;
      },
      {
        deadlineSeconds: 60,
        everyMilliseconds: 50,
        whenLate: () => `${wrong.join("\n")}\n${this.lab.logTails()}`,
      },
    );
  }

  /** Waits until the node's kernel has no host route to the addresses. */
  async notRouted(node: string, addresses: readonly string[]): Promise<void> {
    let left: readonly string[] = [];
    await waitUntil(
      `the kernel of ${node} has no route to ${addresses.join(" ")}`,
      async () => {
        left = (await Promise.all(addresses.map((address) => this.routesTo(node, address)))).flat();
        return left.length === 0;
      },
      {
        deadlineSeconds: 60,
        everyMilliseconds: 50,
        whenLate: () => `${left.join("\n")}\n${this.lab.logTails()}`,
      },
    );
  }

  /** The node's host routes to an address, as `ip route show` prints them. */
  async routesTo(node: string, address: string): Promise<readonly string[]> {
    const family = address.includes(":") ? "-6" : "-4";
    const text = await this.lab.run(node, ["ip", family, "route", "show", "exact", address]);
    return text
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
  }

  close(): Promise<void> {
    return this.lab.close();
  }

  async #build(): Promise<void> {
    const names = [
      ...this.hosts.map(({ node }) => node),
      ...(this.#plan.tors ?? []).map((tor) => tor.name),
    ];
    await this.lab.build({
      nodes: ["switch", ...names],
      bridges: [{ node: "switch", interface: "br0" }],
      links: names.map((node) => [
        {
          node,
          interface: "eth0",
          addresses: [
            `${addressOf(node, this.#plan).ipv4}/24`,
            `${addressOf(node, this.#plan).ipv6}/64`,
          ],
        },
        { node: "switch", interface: node, bridge: "br0" },
      ]),
    });
    for (const { name } of this.#plan.tors ?? []) {
      await this.lab.sysctl(name, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    }
    await addWorkloads(this.lab, this.workloads);
  }

  #clusterResources(): readonly LabResource[] {
    return [
      ...this.hosts.map(({ node }) => ({
        kind: "Node",
        name: node,
        spec: {
          bgp: {
            ipv4Address: `${addressOf(node, this.#plan).ipv4}/24`,
            ipv6Address: `${addressOf(node, this.#plan).ipv6}/64`,
          },
        },
      })),
      { kind: "IPPool", name: "ipv4", spec: { cidr: "192.168.0.0/16" } },
      { kind: "IPPool", name: "ipv6", spec: { cidr: "fd80::/48" } },
      ...(this.#plan.tors ?? []).map((tor) => ({
        kind: "BGPPeer",
        name: tor.name,
        spec: {
          peerIP: addressOf(tor.name, this.#plan).ipv4,
          asNumber: tor.asn,
          connectRetryTime: "1s",
          ...tor.peering,
        },
      })),
    ];
  }
}

/** Hosts have .1, .2, …; routers .101, .102, …. */
function addressOf(node: string, plan: RackPlan): { readonly ipv4: string; readonly ipv6: string } {
  const tor = (plan.tors ?? []).findIndex((candidate) => candidate.name === node);
  return nodeAddress(tor >= 0 ? 101 + tor : Number(node.replace("host", "")));
}

/** The addresses of the node with that number. */
export function nodeAddress(number: number): { readonly ipv4: string; readonly ipv6: string } {
  return { ipv4: `10.98.0.${number}`, ipv6: `fd98::${number}` };
}

function workloadOf(host: string, number: number): WorkloadPlan {
  return {
    name: `w${number}`,
    host,
    hostInterface: `caliw${number}`,
    ipv4: `192.168.${number}.1`,
    ipv6: `fd80:0:0:${number}::1`,
  };
}

function torPlan(tor: TorPlan, index: number, hosts: readonly string[]): SpeakerPlan {
  const addresses = nodeAddress(101 + index);
  return {
    node: tor.name,
    asn: tor.asn,
    routerId: addresses.ipv4,
    addresses,
    kernel: true,
    transit: true,
    peers: hosts.map((name, host) => ({
      name,
      address: nodeAddress(host + 1).ipv4,
      asn: RACK_ASN,
      gracefulRestart: { restartTimeSeconds: 120 },
    })),
  };
}
