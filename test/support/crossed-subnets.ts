import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { Lab } from "../../src/lab/lab.ts";
import { PingStream } from "../../src/lab/ping-stream.ts";
import { type LabResource, workloadEndpoint, writeResources } from "../../src/lab/resources.ts";
import type { LabFamily } from "../../src/lab/speakers/lab-speaker.ts";
import { Tortied } from "../../src/lab/tortied.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { addWorkloads, type WorkloadPlan } from "../../src/lab/workload.ts";

export type Mode = "Never" | "Always" | "CrossSubnet";

export type HostNumber = 1 | 2 | 3;

export type CrossedSubnetsPlan = {
  readonly tunnel: "ipip" | "vxlan";
  /** How many times longer than usual everything may take. */
  readonly patience?: number;
  /** What host2's Node says besides, where somebody else writes it. */
  readonly host2?: { readonly [field: string]: string };
};

/** The hosts, and in which subnet each is. */
const HOSTS = [
  { node: "host1", subnet: 1, number: 1 },
  { node: "host2", subnet: 1, number: 2 },
  { node: "host3", subnet: 2, number: 3 },
] as const;

/**
 * Two hosts in one subnet and one in another, each with a workload; the router in between knows the hosts' subnets and nothing of
 * workloads, so only a tunnel brings packets of theirs across.
 */
export class CrossedSubnets {
  readonly lab: Lab;
  readonly hosts: readonly Tortied[];
  readonly workloads: readonly WorkloadPlan[];
  readonly resources: string;
  readonly #patience: number;
  readonly #host2: CrossedSubnetsPlan["host2"];
  readonly #field: "ipipMode" | "vxlanMode";

  private constructor(lab: Lab, { tunnel, patience = 1, host2 }: CrossedSubnetsPlan) {
    this.lab = lab;
    this.#host2 = host2;
    this.#patience = patience;
    this.#field = `${tunnel}Mode`;
    this.resources = `${lab.folder}/resources`;
    this.hosts = HOSTS.map(
      ({ node }) => new Tortied(lab, { node, resourceFolder: this.resources }),
    );
    this.workloads = HOSTS.map(({ node, number }) => ({
      name: `w${number}`,
      host: node,
      hostInterface: `caliw${number}`,
      ipv4: `192.168.${number}.1`,
      ipv6: `fd80:0:0:${number}::1`,
    }));
  }

  static async open(name: string, plan: CrossedSubnetsPlan): Promise<CrossedSubnets> {
    const lab = await Lab.open(name);
    const subnets = new CrossedSubnets(lab, plan);
    try {
      await subnets.#build();
    } catch (error) {
      await lab.close();
      throw error;
    }
    return subnets;
  }

  async start(mode: Mode, hosts: readonly HostNumber[] = [1, 2, 3]): Promise<void> {
    this.setMode(mode);
    const started = this.hosts.filter((_host, index) => hosts.some((each) => each === index + 1));
    await Promise.all(started.map((host) => host.start(15 * this.#patience)));
  }

  /** Changes the mode of both pools; an IPv6 pool has no IP-in-IP. */
  setMode(mode: Mode): void {
    const ipv6 = this.#field === "vxlanMode" ? { vxlanMode: mode } : {};
    writeResources(this.resources, "pools.yaml", [
      { kind: "IPPool", name: "ipv4", spec: { cidr: "192.168.0.0/16", [this.#field]: mode } },
      { kind: "IPPool", name: "ipv6", spec: { cidr: "fd80::/48", ...ipv6 } },
    ]);
  }

  /** Puts other pools in place. */
  setPools(pools: readonly { readonly [field: string]: string | boolean }[]): void {
    writeResources(
      this.resources,
      "pools.yaml",
      pools.map((spec, index) => ({ kind: "IPPool", name: `pool-${index}`, spec })),
    );
  }

  /** Gives host3 another address, on its interface and in its Node; all else that its Node says stays. */
  async moveHost3(to: string, family: LabFamily): Promise<void> {
    const length = family === "ipv4" ? 24 : 64;
    await this.lab.ip("host3", `addr add ${to}/${length} dev eth0`);
    const file = `${this.resources}/nodes.yaml`;
    const before = `${this.address(3, family)}/${length}`;
    const text = readFileSync(file, "utf8").replace(before, `${to}/${length}`);
    writeFileSync(`${this.resources}/.nodes.yaml`, text);
    renameSync(`${this.resources}/.nodes.yaml`, file);
  }

  /** The address of a host's first interface. */
  address(number: HostNumber, family: LabFamily): string {
    const subnet = number === 3 ? 2 : 1;
    return family === "ipv4" ? `10.97.${subnet}.${number}` : `fd97:${subnet}::${number}`;
  }

  /** The router, as that host sees it. */
  routerAddress(number: HostNumber, family: LabFamily): string {
    return this.address(number, family).replace(/\d+$/, "254");
  }

  /** The kernel's route of one host to the workload of another, as `ip route show` prints it. */
  async route(from: HostNumber, to: HostNumber, family: LabFamily): Promise<string> {
    return this.routeTo(from, this.workloads[to - 1]?.[family] ?? "");
  }

  async routeTo(from: HostNumber, prefix: string): Promise<string> {
    const version = prefix.includes(":") ? "-6" : "-4";
    const command = ["ip", version, "route", "show", "exact", prefix];
    return (await this.lab.run(`host${from}`, command)).trim();
  }

  /** Waits until that route is as the pattern says. */
  routed(from: HostNumber, to: HostNumber, family: LabFamily, way: RegExp): Promise<void> {
    return this.routedTo(from, this.workloads[to - 1]?.[family] ?? "", way);
  }

  async routedTo(from: HostNumber, prefix: string, way: RegExp): Promise<void> {
    let seen = "";
    await waitUntil(
      `host${from}'s route to ${prefix} is ${way}`,
      async () => {
        seen = await this.routeTo(from, prefix);
        return way.test(seen);
      },
      {
        deadlineSeconds: 40 * this.#patience,
        everyMilliseconds: 50 * this.#patience,
        whenLate: () => `${seen}\n${this.lab.logTails(20)}`,
      },
    );
  }

  /** The forwarding database of a host's VXLAN device. */
  forwarding(host: HostNumber, device = "vxlan.calico"): Promise<string> {
    return this.lab.run(`host${host}`, ["bridge", "fdb", "show", "dev", device]);
  }

  /** Waits until that host's VXLAN has a far end there. */
  async forwards(host: HostNumber, underlay: string, device?: string): Promise<void> {
    let seen = "";
    await waitUntil(
      `host${host} forwards to ${underlay}`,
      async () => {
        seen = await this.forwarding(host, device);
        return seen.includes(`dst ${underlay} `);
      },
      {
        deadlineSeconds: 40 * this.#patience,
        everyMilliseconds: 50 * this.#patience,
        whenLate: () => `${seen}\n${this.lab.logTails(20)}`,
      },
    );
  }

  pings(from: HostNumber, to: HostNumber, family: LabFamily): Promise<PingStream> {
    const target = this.workloads[to - 1]?.[family] ?? "";
    return PingStream.start(this.lab, `w${from}`, target);
  }

  /** One ping from workload to workload that must be answered. */
  async answered(from: HostNumber, to: HostNumber, family: LabFamily): Promise<void> {
    const target = this.workloads[to - 1]?.[family] ?? "";
    await this.lab.run(`w${from}`, ["ping", "-n", "-c", "1", "-W", "5", target]);
  }

  /** Listens at a node's eth0; first() waits for the first packet that the filter lets through, as tcpdump prints it. */
  async capture(node: string, filter: string): Promise<{ readonly first: () => Promise<string> }> {
    const command = ["tcpdump", "-lnnq", "-i", "eth0", "-c", "1", filter];
    const daemon = this.lab.start(node, command, { log: `tcpdump-${Date.now()}` });
    const settings = {
      deadlineSeconds: 10 * this.#patience,
      everyMilliseconds: 20 * this.#patience,
      whenLate: () => daemon.logTail(),
    };
    await waitUntil("tcpdump listens", () => daemon.logTail().includes("listening"), settings);
    return {
      first: async () => {
        await waitUntil(`a packet: ${filter}`, () => daemon.end !== undefined, settings);
        return daemon.logTail();
      },
    };
  }

  /** Whether a packet of this size goes from one workload to another in one piece, whatever was learned of the path before. */
  async passes(
    [from, to]: readonly [HostNumber, HostNumber],
    packet: number,
    family: LabFamily = "ipv4",
  ): Promise<boolean> {
    const target = this.workloads[to - 1]?.[family] ?? "";
    const [version, headers] = family === "ipv4" ? ["-4", 28] : ["-6", 48];
    await this.lab.run(`w${from}`, ["ip", version, "route", "flush", "cache"]);
    const payload = String(packet - headers);
    const command = ["ping", "-c", "1", "-W", "2", "-M", "do", "-s", payload, target];
    const { stdout } = await this.lab.try(`w${from}`, command);
    return stdout.includes("1 received");
  }

  /** Stops a host's daemon for good, and waits for its end. */
  async cleanUp(number: HostNumber): Promise<void> {
    const host = this.hosts[number - 1];
    await host?.tortie("node", "stop", "--cleanup");
    await waitUntil(`tortied on host${number} has ended`, () => host?.daemon.end !== undefined, {
      deadlineSeconds: 20 * this.#patience,
      everyMilliseconds: 20,
      whenLate: () => this.lab.logTails(20),
    });
  }

  close(): Promise<void> {
    return this.lab.close();
  }

  async #build(): Promise<void> {
    const ends = (node: string, name: string, subnet: number, last: number) => ({
      node,
      interface: name,
      addresses: [`10.97.${subnet}.${last}/24`, `fd97:${subnet}::${last}/64`],
    });
    await this.lab.build({
      nodes: ["switch", "router", ...HOSTS.map(({ node }) => node)],
      bridges: [{ node: "switch", interface: "br0" }],
      links: [
        ...HOSTS.slice(0, 2).map(
          ({ node, subnet, number }) =>
            [
              ends(node, "eth0", subnet, number),
              { node: "switch", interface: node, bridge: "br0" },
            ] as const,
        ),
        [
          ends("router", "eth0", 1, 254),
          { node: "switch", interface: "router", bridge: "br0" },
        ] as const,
        [ends("router", "eth1", 2, 254), ends("host3", "eth0", 2, 3)] as const,
      ],
    });
    await this.lab.sysctl("router", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    for (const { node, subnet } of HOSTS) {
      await this.lab.ip(
        node,
        `route add default via 10.97.${subnet}.254`,
        `route add default via fd97:${subnet}::254`,
      );
    }
    await addWorkloads(this.lab, this.workloads);
    this.#writeHosts();
  }

  #writeHosts(): void {
    const nodes: LabResource[] = HOSTS.map(({ node, subnet, number }) => ({
      kind: "Node",
      name: node,
      spec: {
        bgp: {
          ipv4Address: `10.97.${subnet}.${number}/24`,
          ipv6Address: `fd97:${subnet}::${number}/64`,
          ...(node === "host2" && this.#host2),
        },
      },
    }));
    writeResources(this.resources, "nodes.yaml", nodes);
    writeResources(
      this.resources,
      "workloads.yaml",
      this.workloads.map(({ ipv4, ipv6, ...rest }) =>
        workloadEndpoint({ ...rest, addresses: [ipv4, ipv6] }),
      ),
    );
  }
}
