import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Lab } from "../../src/lab/lab.ts";
import { type ProgramResult, tryProgram } from "../../src/lab/program.ts";
import { type LabResource, writeResources } from "../../src/lab/resources.ts";
import { Tortied } from "../../src/lab/tortied.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";

export const TORTIE_CNI = fileURLToPath(new URL("../../src/bin/tortie-cni", import.meta.url));

/** The pools that `calicoctl node` made in 2015 when there were none, and one of which another IPAM assigns. */
const POOLS: readonly LabResource[] = [
  // Announced, but assigned by somebody else.
  { kind: "IPPool", name: "foreign", spec: { cidr: "10.44.0.0/24", disabled: true } },
  { kind: "IPPool", name: "ipv4", spec: { cidr: "192.168.0.0/16" } },
  { kind: "IPPool", name: "ipv6", spec: { cidr: "fd80:24e2:f998:72d6::/64" } },
];

/** Hosts on one Ethernet, 10.98.0.0/24 and fd98::/64, each with tortied; pools, and no workload yet. */
export class WorkloadHosts {
  readonly lab: Lab;
  readonly hosts: readonly Tortied[];

  private constructor(lab: Lab, hosts: readonly Tortied[]) {
    this.lab = lab;
    this.hosts = hosts;
  }

  static async open(
    t: { teardown(act: () => unknown): void },
    name: string,
  ): Promise<WorkloadHosts> {
    const lab = await Lab.open(name);
    t.teardown(() => lab.close());
    const ends = [1, 2].map((number) => ({
      node: `host${number}`,
      interface: "eth0",
      addresses: [`10.98.0.${number}/24`, `fd98::${number}/64`],
    }));
    const [left, right] = ends;
    if (left === undefined || right === undefined) throw new Error("two hosts");
    await lab.build({ nodes: ends.map(({ node }) => node), links: [[left, right]] });
    const resourceFolder = `${lab.folder}/resources`;
    const nodes = ends.map(({ node, addresses: [ipv4Address, ipv6Address] }) => ({
      kind: "Node",
      name: node,
      spec: { bgp: { ipv4Address, ipv6Address } },
    }));
    writeResources(resourceFolder, "cluster.yaml", [...nodes, ...POOLS]);
    const hosts = nodes.map(({ name: node }) => new Tortied(lab, { node, resourceFolder }));
    await Promise.all(hosts.map((host) => host.start()));
    const opened = new WorkloadHosts(lab, hosts);
    await opened.sessionsUp();
    return opened;
  }

  get resourceFolder(): string {
    return `${this.lab.folder}/resources`;
  }

  host(number: 1 | 2): Tortied {
    const host = this.hosts[number - 1];
    if (host === undefined) throw new Error("two hosts");
    return host;
  }

  async sessionsUp(): Promise<void> {
    const isUp = async (host: Tortied) =>
      (await host.peers()).some(({ state }) => state === "Established");
    await waitUntil(
      "the hosts are Established",
      async () => (await Promise.all(this.hosts.map(isUp))).every((up) => up),
      { deadlineSeconds: 40, everyMilliseconds: 50, whenLate: () => this.lab.logTails(10) },
    );
  }

  /** Waits until the node's kernel sends this address that way: "via 10.98.0.1". */
  async routed(node: string, address: string, way: string): Promise<void> {
    let found = "";
    await waitUntil(
      `${node} sends ${address} ${way}`,
      async () => {
        found = (await this.lab.try(node, ["ip", "route", "get", address])).stdout;
        return found.includes(way);
      },
      {
        deadlineSeconds: 60,
        everyMilliseconds: 50,
        whenLate: () => `${found}${this.lab.logTails(10)}`,
      },
    );
  }

  /** What workloads have left behind on a host, in the store and in the kernel: empty when all is as before. */
  async traces(node: string): Promise<readonly string[]> {
    const links = await this.lab.run(node, ["ip", "link"]);
    const routes = await this.lab.run(node, ["sh", "-c", "ip route; ip -6 route"]);
    return [
      ...links.split("\n").filter((line) => line.includes("alias tortie ")),
      ...routes.split("\n").filter((line) => / dev cali/.test(line)),
      ...readdirSync(this.resourceFolder).filter((file) =>
        /^(workloadendpoint|ipamhandle)/.test(file),
      ),
    ];
  }

  /** Makes an empty network namespace; answers its path. */
  async sandbox(name: string): Promise<string> {
    await this.lab.build({ nodes: [name], links: [] });
    return `/run/netns/${this.lab.namespace(name)}`;
  }

  /** Waits until the node reaches the address. */
  async reaches(node: string, address: string): Promise<void> {
    const command = ["ping", "-n", "-q", "-c", "1", "-W", "1", address];
    await waitUntil(
      `${node} reaches ${address}`,
      async () => (await this.lab.try(node, command)).code === 0,
      { deadlineSeconds: 60, everyMilliseconds: 50, whenLate: () => this.lab.logTails(10) },
    );
  }
}

/** A configuration as a runtime gives it to the plugin. */
export function networkConfig(host: Tortied, more: object = {}): object {
  return { cniVersion: "1.0.0", name: "net", type: "tortie-cni", socket: host.socket, ...more };
}

export type CniCall = {
  readonly command: string;
  readonly containerId?: string;
  readonly netns?: string;
  readonly interfaceName?: string;
  readonly args?: string;
  readonly config: object | string;
};

/** Calls the plugin as a runtime does. */
export async function callCni(call: CniCall): Promise<ProgramResult & { readonly json: Answer }> {
  const { command, containerId = "", netns = "", interfaceName = "eth0", args = "", config } = call;
  const environment = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: interfaceName,
    CNI_ARGS: args,
    CNI_PATH: "/usr/lib/cni",
  };
  const result = await tryProgram(
    ["env", ...Object.entries(environment).map(([name, value]) => `${name}=${value}`), TORTIE_CNI],
    { input: typeof config === "string" ? config : JSON.stringify(config) },
  );
  const json = result.stdout.trim() === "" ? {} : (JSON.parse(result.stdout) as Answer);
  return { ...result, json };
}

/** The parts of a plugin's answers that are looked at. */
export type Answer = {
  readonly cniVersion?: string;
  readonly code?: number;
  readonly msg?: string;
  readonly supportedVersions?: readonly string[];
  readonly interfaces?: readonly {
    readonly name: string;
    readonly mac: string;
    readonly sandbox?: string;
  }[];
  readonly ips?: readonly {
    readonly address: string;
    readonly gateway: string;
    readonly interface: number;
    readonly version?: string;
  }[];
  readonly ip4?: { readonly ip: string };
  readonly routes?: readonly { readonly dst: string }[];
};
