import { Prefix } from "../../protocol/types/prefix.ts";
import { Lab } from "../../src/lab/lab.ts";
import { type LabResource, workloadEndpoint } from "../../src/lab/resources.ts";
import { RouteMonitor } from "../../src/lab/route-monitor.ts";
import { BirdSpeaker } from "../../src/lab/speakers/bird.ts";
import { Tortied } from "../../src/lab/tortied.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { addWorkloads, type WorkloadPlan } from "../../src/lab/workload.ts";
import { affinityName } from "../../src/resources/ipam-names.ts";
import { LabEtcd } from "../support/lab-etcd.ts";
import { CalicoBird } from "./cluster-bird.ts";

export const ASN = 64512;
export const TOR_ASN = 65001;
const ETCD = "10.97.0.200";
const HOSTS = [1, 2, 3, 4, 5];
const CALICO = 6;
const TOR = 101;

export function address(number: number): { readonly ipv4: string; readonly ipv6: string } {
  return { ipv4: `10.97.0.${number}`, ipv6: `fd97::${number}` };
}

/** The blocks of a host. */
export function blocks(number: number): readonly [ipv4: string, ipv6: string] {
  return [`192.168.${number}.0/26`, `fd80:0:0:${number}::/122`];
}

/** By host and peer, each session's state and how often it came up; and what changed in kernels until all was at rest. */
export type Settled = {
  readonly sessions: ReadonlyMap<string, string>;
  readonly changes: readonly string[];
};

/** Five hosts with tortied, a node as calico-node runs it, a router, and an etcd, on one Ethernet. */
export class ClusterLab {
  readonly lab: Lab;
  readonly etcd: LabEtcd;
  readonly hosts: readonly Tortied[];
  readonly calico: CalicoBird;
  readonly tor: BirdSpeaker;
  readonly workloads: readonly WorkloadPlan[];
  readonly #monitors = new Map<string, RouteMonitor>();
  readonly #seen = new Map<string, number>();

  private constructor(lab: Lab, etcd: LabEtcd, workloads: readonly WorkloadPlan[]) {
    this.lab = lab;
    this.etcd = etcd;
    this.workloads = workloads;
    const resourceFolder = { type: "etcd", endpoints: [etcd.endpoint] } as const;
    this.hosts = HOSTS.map((n) => new Tortied(lab, { node: `host${n}`, resourceFolder }));
    const node = { node: "calico", addresses: address(CALICO), asn: ASN, blocks: blocks(CALICO) };
    this.calico = new CalicoBird(lab, node);
    this.tor = new BirdSpeaker(lab, {
      node: "tor",
      asn: TOR_ASN,
      routerId: address(TOR).ipv4,
      addresses: address(TOR),
      kernel: true,
      peers: HOSTS.map((n) => ({
        name: `host${n}`,
        address: address(n).ipv4,
        asn: ASN,
        passive: true,
      })),
    });
  }

  static async open(): Promise<ClusterLab> {
    const lab = await Lab.open("cluster");
    try {
      const nodes = [...HOSTS.map((n) => `host${n}`), "calico", "tor"];
      const numbers = [...HOSTS, CALICO, TOR];
      await lab.build({
        nodes: ["switch", ...nodes],
        bridges: [{ node: "switch", interface: "br0", addresses: [`${ETCD}/24`] }],
        links: nodes.map((node, index) => {
          const { ipv4, ipv6 } = address(numbers[index] ?? 0);
          const addresses = [`${ipv4}/24`, `${ipv6}/64`];
          return [
            { node, interface: "eth0", addresses },
            { node: "switch", interface: node, bridge: "br0" },
          ];
        }),
      });
      const workloads = HOSTS.map(firstWorkload);
      await addWorkloads(lab, workloads);
      const etcd = await LabEtcd.start(lab, { node: "switch", address: ETCD });
      return new ClusterLab(lab, etcd, workloads);
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** The cluster at the beginning: a mesh of six, a pool for each family, a block of each for everybody. */
  initialResources(): readonly LabResource[] {
    return [
      ...[...HOSTS, CALICO].map((n) => this.node(n)),
      ...[...HOSTS, CALICO].flatMap((n) => blocks(n).map((cidr) => affinity(hostName(n), cidr))),
      { kind: "IPPool", name: "ipv4", spec: { cidr: "192.168.0.0/16" } },
      { kind: "IPPool", name: "ipv6", spec: { cidr: "fd80::/48", blockSize: 122 } },
      ...this.workloads.map(({ ipv4, ipv6, ...rest }) =>
        workloadEndpoint({ ...rest, addresses: [ipv4, ipv6] }),
      ),
    ];
  }

  node(n: number, labels: LabResource["labels"] = {}): LabResource {
    const { ipv4, ipv6 } = address(n);
    const bgp = { ipv4Address: `${ipv4}/24`, ipv6Address: `${ipv6}/64` };
    return { kind: "Node", name: hostName(n), labels, spec: { bgp } };
  }

  /** A host's workload with one more address. */
  borrowed(n: number, ipv4: string): LabResource {
    const plan = this.workloads[n - 1];
    if (plan === undefined) throw new Error(`no workload ${n}`);
    return workloadEndpoint({ ...plan, addresses: [plan.ipv4, plan.ipv6, ipv4] });
  }

  /** How often a host has taken up a change of what it should be. */
  async applied(n: number): Promise<number> {
    const log = `${this.lab.nodeFolder(hostName(n))}/tortied.log`;
    return Number(await this.lab.run(hostName(n), ["grep", "-c", '"config.applied"', log]));
  }

  async start(): Promise<void> {
    await this.etcd.put(this.initialResources());
    await this.calico.start(this.meshOfCalico());
    await this.tor.start();
    await Promise.all(this.hosts.map((host) => host.start()));
    for (const host of [...this.hosts.map(({ node }) => node), "calico", "tor"]) {
      this.#monitors.set(host, await RouteMonitor.start(this.lab, host));
    }
  }

  /** What confd makes of the mesh for the node that runs BIRD. */
  meshOfCalico(): readonly { readonly name: string; readonly address: string }[] {
    return HOSTS.flatMap((n) =>
      Object.values(address(n)).map((each) => ({
        name: `Mesh_${each.replaceAll(/[.:]/g, "_")}`,
        address: each,
      })),
    );
  }

  /** Waits until it is so, and answers how many milliseconds that took. */
  async within(what: string, is: () => Promise<boolean>): Promise<number> {
    const started = performance.now();
    await waitUntil(what, is, {
      deadlineSeconds: 60,
      everyMilliseconds: 10,
      whenLate: () => this.lab.logTails(8),
    });
    return performance.now() - started;
  }

  /** The route to a prefix in a node's kernel, as `ip route` prints it; "" for none. */
  async kernel(node: string, prefix: string): Promise<string> {
    const family = prefix.includes(":") ? "-6" : "-4";
    const text = await this.lab.run(node, ["ip", family, "route", "show", "exact", prefix]);
    return text.trim();
  }

  /** Waits until every session is up and nothing has moved between two looks; answers with the sessions, and the routes that moved meanwhile. */
  async settled(): Promise<Settled> {
    const changes: string[] = [];
    let last = "";
    return waitUntil(
      "everything is at rest",
      async () => {
        const news = await this.routeChanges();
        changes.push(...news);
        const sessions = await this.uptimes();
        const look = [...sessions].map((session) => session.join(": ")).join("\n");
        const rests = news.length === 0 && look === last;
        last = look;
        const up = [...sessions.values()].every((state) => state.startsWith("Established"));
        return rests && up ? { sessions, changes } : undefined;
      },
      { deadlineSeconds: 60, whenLate: () => `${last}\n${changes.slice(-20).join("\n")}` },
    );
  }

  /** By host and peer, each session's state and how often it came up; of BIRD, since when. */
  async uptimes(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const host of this.hosts) {
      for (const peer of await host.peers()) {
        const { establishedCount } = peer as unknown as { readonly establishedCount: number };
        found.set(`${host.node} ${peer.address}`, `${peer.state}, ${establishedCount} times`);
      }
    }
    for (const family of ["ipv4", "ipv6"] as const) {
      for (const [name, since] of await this.calico.sessions(family))
        found.set(`calico ${name}`, since);
    }
    return found;
  }

  /** Changes of routes in all kernels since the last call: "host1: Deleted 192.168.2.0/26 …". */
  async routeChanges(): Promise<readonly string[]> {
    const news = await Promise.all(
      [...this.#monitors].map(async ([node, monitor]) => {
        const changes = await monitor.changes();
        const seen = this.#seen.get(node) ?? 0;
        this.#seen.set(node, changes.length);
        return changes.slice(seen).map((line) => `${node}: ${line}`);
      }),
    );
    return news.flat();
  }

  close(): Promise<void> {
    return this.lab.close();
  }
}

/** The workload of host n, with the first address of each of its blocks. */
export function firstWorkload(n: number) {
  return {
    name: `w${n}`,
    host: `host${n}`,
    hostInterface: `caliw${n}`,
    ipv4: `192.168.${n}.1`,
    ipv6: `fd80:0:0:${n}::1`,
  };
}

function hostName(n: number): string {
  return n === CALICO ? "calico" : `host${n}`;
}

function affinity(host: string, cidr: string): LabResource {
  const name = affinityName({ type: "host", node: host, cidr: Prefix(cidr) });
  const spec = { state: "confirmed", node: host, type: "host", cidr };
  return { kind: "BlockAffinity", name, spec };
}
