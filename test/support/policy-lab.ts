import { Lab } from "../../src/lab/lab.ts";
import { PingStream } from "../../src/lab/ping-stream.ts";
import { type LabResource, workloadEndpoint, writeResources } from "../../src/lab/resources.ts";
import { Tortied } from "../../src/lab/tortied.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { addWorkloads, type WorkloadPlan } from "../../src/lab/workload.ts";

/** A workload, and what policy and NAT know of it. */
export type PolicyWorkload = WorkloadPlan & {
  readonly profiles: readonly string[];
  readonly ports?: readonly object[];
};

/** A machine on the hosts' Ethernet that runs no tortie and has no route to any workload. */
export const OUTSIDE = { name: "out", ipv4: "10.77.0.254", ipv6: "fd77::fe" } as const;

export const HOST_ADDRESSES = {
  host1: { ipv4: "10.77.0.1", ipv6: "fd77::1" },
  host2: { ipv4: "10.77.0.2", ipv6: "fd77::2" },
} as const;

type HostName = keyof typeof HOST_ADDRESSES;

/** host1 and host2 with tortied, `out` between them, and workloads with profiles. */
export class PolicyLab {
  readonly lab: Lab;
  readonly hosts: { readonly [name in HostName]: Tortied };
  readonly #resources: string;

  private constructor(lab: Lab) {
    this.lab = lab;
    this.#resources = `${lab.folder}/resources`;
    const host = (node: HostName) => new Tortied(lab, { node, resourceFolder: this.#resources });
    this.hosts = { host1: host("host1"), host2: host("host2") };
  }

  static async open(name: string, workloads: readonly PolicyWorkload[]): Promise<PolicyLab> {
    const lab = await Lab.open(name);
    try {
      await lab.build({
        nodes: [OUTSIDE.name, "host1", "host2"],
        bridges: [
          {
            node: OUTSIDE.name,
            interface: "br0",
            addresses: [`${OUTSIDE.ipv4}/24`, `${OUTSIDE.ipv6}/64`],
          },
        ],
        links: Object.entries(HOST_ADDRESSES).map(([node, { ipv4, ipv6 }]) => [
          { node, interface: "eth0", addresses: [`${ipv4}/24`, `${ipv6}/64`] },
          { node: OUTSIDE.name, interface: node, bridge: "br0" },
        ]),
      });
      await addWorkloads(lab, workloads);
    } catch (error) {
      await lab.close();
      throw error;
    }
    return new PolicyLab(lab);
  }

  /** Replaces the resources by these workloads and what else is given. */
  write(workloads: readonly PolicyWorkload[], extra: readonly LabResource[] = []): void {
    const nodes = Object.entries(HOST_ADDRESSES).map(([name, { ipv4, ipv6 }]) => ({
      kind: "Node",
      name,
      spec: { bgp: { ipv4Address: `${ipv4}/24`, ipv6Address: `${ipv6}/64` } },
    }));
    writeResources(this.#resources, "cluster.yaml", [...nodes, ...extra]);
    writeResources(this.#resources, "workloads.yaml", workloads.map(endpointOf));
  }

  /** Waits until one ping of each family is answered. */
  async reaches(from: string, to: Target): Promise<void> {
    await Promise.all(
      [to.ipv4, to.ipv6].map((address) =>
        waitUntil(`${from} reaches ${address}`, () => this.pings(from, address), {
          deadlineSeconds: 60,
          everyMilliseconds: 20,
          whenLate: () => this.lab.logTails(),
        }),
      ),
    );
  }

  /** Three pings in each family, of which none is answered. */
  async isCutOff(from: string, to: Target): Promise<boolean> {
    const answered = await Promise.all(
      [to.ipv4, to.ipv6].map((address) => this.pings(from, address, ["-c", "3", "-i", "0.1"])),
    );
    return answered.every((one) => !one);
  }

  /** Whether a ping is answered, on a machine as slow as it may be. */
  answers(from: string, to: string): Promise<boolean> {
    return this.pings(from, to, ["-c", "1", "-W", "10"]);
  }

  /** Whether a ping is answered within a second. */
  async pings(
    from: string,
    to: string,
    options: readonly string[] = ["-c", "1"],
  ): Promise<boolean> {
    const family = to.includes(":") ? "-6" : "-4";
    const { code } = await this.lab.try(from, [
      "ping",
      family,
      "-n",
      "-q",
      "-W",
      "1",
      ...options,
      to,
    ]);
    return code === 0;
  }

  /** A server that tells each caller who it seems to be, again for each line that it gets. */
  serve(node: string, port: number): void {
    this.lab.start(node, [process.execPath, "-e", SERVER, String(port)], { log: `serve-${port}` });
  }

  /** What the server said; undefined when there was no connection. */
  async call(from: string, address: string, port: number): Promise<string | undefined> {
    const command = [process.execPath, "-e", CLIENT, address, String(port)];
    const { code, stdout } = await this.lab.try(from, command);
    return code === 0 ? stdout.trim() : undefined;
  }

  /** Calls until the condition holds of what the server says. */
  async calls(
    from: string,
    [address, port]: readonly [string, number],
    expected: string | undefined,
  ): Promise<void> {
    let said: string | undefined;
    await waitUntil(
      `${from} calls ${address} ${port} and hears ${expected}`,
      async () => {
        said = await this.call(from, address, port);
        return said === expected;
      },
      { deadlineSeconds: 60, whenLate: () => `heard ${said}\n${this.lab.logTails()}` },
    );
  }

  /** A connection that asks and answers all the time; its log has a line for each answer. */
  converse(from: string, address: string, port: number) {
    const command = [process.execPath, "-e", CONVERSATION, address, String(port)];
    return this.lab.start(from, command, { log: `converse-${from}` });
  }

  stream(from: string, to: string): Promise<PingStream> {
    return PingStream.start(this.lab, from, to);
  }

  nft(node: string, ...words: readonly string[]): Promise<string> {
    return this.lab.run(node, ["nft", ...words]);
  }

  /** Our tables as `nft` prints them, without what counters count. */
  async ruleset(node: string): Promise<string> {
    const tables = await Promise.all(
      ["ip", "ip6"].map((family) => this.nft(node, "-s", "list", "table", family, "tortie")),
    );
    return tables.map(inOneOrder).join("\n");
  }

  close(): Promise<void> {
    return this.lab.close();
  }
}

export type Target = { readonly ipv4: string; readonly ipv6: string };

/** The order of elements is that of a hash, and the order of sets and chains that of their making. */
function inOneOrder(table: string): string {
  return table
    .replaceAll(/elements = \{([^}]*)\}/g, (_whole, elements: string) =>
      elements
        .split(",")
        .map((one) => one.trim())
        .toSorted()
        .join(", "),
    )
    .split(/\n\t(?=\S)/)
    .toSorted()
    .join("\n\t");
}

/** So many packets were dropped by rules with this comment. */
export function droppedBy(ruleset: string, comment: string): number {
  const counts = [...ruleset.matchAll(/counter packets (\d+) bytes \d+ drop comment "([^"]*)"/g)];
  return counts
    .filter((match) => match[2] === comment)
    .reduce((sum, match) => sum + Number(match[1]), 0);
}

/** A workload of a host by number. */
export function policyWorkload(
  name: string,
  host: 1 | 2,
  more: Omit<PolicyWorkload, keyof WorkloadPlan> & { readonly number: number },
): PolicyWorkload {
  const { number, ...rest } = more;
  return {
    name,
    host: `host${host}`,
    hostInterface: `cali${name}`,
    ipv4: `192.168.${host}.${number}`,
    ipv6: `fd80:192:168:${host}::${number}`,
    ...rest,
  };
}

function endpointOf({ ipv4, ipv6, ports, ...rest }: PolicyWorkload): LabResource {
  const endpoint = workloadEndpoint({ ...rest, addresses: [ipv4, ipv6] });
  return ports === undefined ? endpoint : { ...endpoint, spec: { ...endpoint.spec, ports } };
}

const SERVER = `
  require("node:net").createServer((socket) => {
    const tell = () => socket.write(socket.remoteAddress.replace("::ffff:", "") + "\\n");
    socket.on("error", () => undefined).on("data", tell);
    tell();
  }).listen(Number(process.argv[1]), "::");`;

const CLIENT = `
  const socket = require("node:net").connect(Number(process.argv[2]), process.argv[1]);
  setTimeout(() => process.exit(1), 1000);
  socket.on("error", () => process.exit(1));
  socket.once("data", (text) => { console.log(String(text)); process.exit(0); });`;

const CONVERSATION = `
  const socket = require("node:net").connect(Number(process.argv[2]), process.argv[1]);
  socket.on("error", (error) => { console.log(error.message); process.exit(1); });
  socket.on("data", (text) => { process.stdout.write(text); setTimeout(() => socket.write("?"), 10); });`;
