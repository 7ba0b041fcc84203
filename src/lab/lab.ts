import { mkdirSync, rmSync } from "node:fs";
import { Daemon, type DaemonPlan } from "./daemon.ts";
import {
  claimLabFolder,
  namespaceName,
  releaseLabFolder,
  removeNamespaces,
  sweepAbandonedLabs,
} from "./lab-owner.ts";
import { type ProgramOptions, type ProgramResult, runProgram, tryProgram } from "./program.ts";

/** One end of a link: an interface of a node, with its addresses ("10.0.0.1/24"), perhaps as a port of a bridge there. */
export type LinkEnd = {
  readonly node: string;
  readonly interface: string;
  readonly addresses?: readonly string[];
  readonly bridge?: string;
  readonly mac?: string;
};

/** A node's own interface: a bridge that joins its ports, with the node's addresses on it. */
export type BridgePlan = {
  readonly node: string;
  readonly interface: string;
  readonly addresses?: readonly string[];
};

export type Topology = {
  readonly nodes: readonly string[];
  readonly bridges?: readonly BridgePlan[];
  readonly links: readonly (readonly [LinkEnd, LinkEnd])[];
};

/**
 * A network of network namespaces that belongs to this process. Nodes are namespaces, links are veth pairs between them; the
 * machine's own interfaces, routes and sysctls are never touched. close() removes all; a lab whose owner was killed is swept by
 * the next one (lab-owner.ts).
 */
export class Lab {
  readonly name: string;
  readonly folder: string;
  readonly #nodes: string[] = [];
  readonly #daemons: Daemon[] = [];
  #closed = false;

  private constructor(name: string, folder: string) {
    this.name = name;
    this.folder = folder;
  }

  static async open(name: string): Promise<Lab> {
    await sweepAbandonedLabs();
    const folder = `${claimLabFolder()}/${name}`;
    mkdirSync(folder, { recursive: true });
    return new Lab(name, folder);
  }

  /** The namespace of a node, as `ip netns exec` wants it. */
  namespace(node: string): string {
    return namespaceName(process.pid, this.name, node);
  }

  /** A folder of its own for a node's daemons. */
  nodeFolder(node: string): string {
    const folder = `${this.folder}/${node}`;
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Makes nodes, bridges and links, all up and addressed. May be called again to add more. */
  async build(topology: Topology): Promise<void> {
    await this.#addNodes(topology.nodes);
    const batches = new Batches();
    for (const bridge of topology.bridges ?? []) addBridge(batches, bridge);
    await this.#flush(batches);
    const pairs = topology.links.map(([a, b]) => this.#linkCommand(a, b)).join("");
    await runProgram(["ip", "-batch", "-"], { input: pairs });
    for (const end of topology.links.flat()) addLinkEnd(batches, end);
    await this.#flush(batches);
  }

  /** Runs `ip` commands in a node, one a line: "route add default via 10.0.0.1". */
  async ip(node: string, ...commands: readonly string[]): Promise<void> {
    const input = commands.map((command) => `${command}\n`).join("");
    await runProgram(["ip", "-n", this.namespace(node), "-batch", "-"], { input });
  }

  /** Sets sysctls in a node: "net.ipv4.ip_forward=1". */
  async sysctl(node: string, ...settings: readonly string[]): Promise<void> {
    await this.run(node, ["sysctl", "-q", "-w", ...settings]);
  }

  /** Runs a program in a node; it must succeed. */
  run(node: string, command: readonly string[], options?: ProgramOptions): Promise<string> {
    return runProgram(this.#inNode(node, command), options);
  }

  /** Runs a program in a node and returns how it went. */
  try(node: string, command: readonly string[], options?: ProgramOptions): Promise<ProgramResult> {
    return tryProgram(this.#inNode(node, command), options);
  }

  /** Starts a program that stays; `log` is the name of its log file in the node's folder. */
  start(
    node: string,
    command: readonly string[],
    plan: Pick<DaemonPlan, "environment"> & { readonly log: string },
  ): Daemon {
    // Work that was interrupted may still be going on; what it starts now would outlive the lab.
    if (this.#closed) throw new Error("the lab is closed");
    const daemon = new Daemon({
      name: `${plan.log} on ${node}`,
      namespace: this.namespace(node),
      command,
      logFile: `${this.nodeFolder(node)}/${plan.log}.log`,
      environment: plan.environment ?? {},
    });
    this.#daemons.push(daemon);
    return daemon;
  }

  /** The ends of the logs of all daemons, or of one node's; a daemon that was started again is told once. */
  logTails(lines?: number, node?: string): string {
    const daemons = new Map(this.#daemons.map((daemon) => [daemon.logFile, daemon]));
    return [...daemons.values()]
      .filter((daemon) => node === undefined || daemon.name.endsWith(` on ${node}`))
      .map((daemon) => daemon.logTail(lines))
      .join("\n");
  }

  /** Kills all that runs in the lab and removes all of it. */
  async close(): Promise<void> {
    this.#closed = true;
    await removeNamespaces(this.#nodes.map((node) => this.namespace(node)));
    this.#nodes.length = 0;
    rmSync(this.folder, { recursive: true, force: true });
    releaseLabFolder();
  }

  async #addNodes(nodes: readonly string[]): Promise<void> {
    // Noted before they exist, so that close() removes also what a failure left half done.
    this.#nodes.push(...nodes);
    const input = nodes.map((node) => `netns add ${this.namespace(node)}\n`).join("");
    await runProgram(["ip", "-batch", "-"], { input });
    await Promise.all(nodes.map((node) => this.#prepareNode(node)));
  }

  /** Duplicate address detection would hold every IPv6 address back for a second or two; here no address is there twice. */
  async #prepareNode(node: string): Promise<void> {
    await this.sysctl(
      node,
      ...["all", "default"].map((name) => `net.ipv6.conf.${name}.accept_dad=0`),
      "net.ipv4.conf.all.rp_filter=0",
      "net.ipv4.conf.default.rp_filter=0",
      "net.ipv4.ping_group_range=0 2147483647",
    );
    await this.ip(node, "link set lo up");
  }

  #inNode(node: string, command: readonly string[]): readonly string[] {
    return ["ip", "netns", "exec", this.namespace(node), ...command];
  }

  #linkCommand(a: LinkEnd, b: LinkEnd): string {
    const end = ({ node, interface: name, mac }: LinkEnd) =>
      `name ${name} ${mac === undefined ? "" : `address ${mac} `}netns ${this.namespace(node)}`;
    return `link add ${end(a)} type veth peer ${end(b)}\n`;
  }

  async #flush(batches: Batches): Promise<void> {
    const work = batches.take();
    await Promise.all([...work].map(([node, commands]) => this.ip(node, ...commands)));
  }
}

/** Commands collected a node, so that each node costs one `ip` process. */
class Batches {
  #commands = new Map<string, string[]>();

  add(node: string, ...commands: readonly string[]): void {
    this.#commands.set(node, [...(this.#commands.get(node) ?? []), ...commands]);
  }

  take(): ReadonlyMap<string, readonly string[]> {
    const commands = this.#commands;
    this.#commands = new Map();
    return commands;
  }
}

function addBridge(batches: Batches, bridge: BridgePlan): void {
  const name = bridge.interface;
  batches.add(bridge.node, `link add ${name} type bridge`, ...addressCommands(bridge));
  batches.add(bridge.node, `link set ${name} up`);
}

function addLinkEnd(batches: Batches, end: LinkEnd): void {
  const port = end.bridge === undefined ? [] : [`link set ${end.interface} master ${end.bridge}`];
  batches.add(end.node, ...port, ...addressCommands(end), `link set ${end.interface} up`);
}

function addressCommands(on: {
  readonly interface: string;
  readonly addresses?: readonly string[];
}): readonly string[] {
  return (on.addresses ?? []).map(
    (address) => `addr add ${address} dev ${on.interface}${address.includes(":") ? " nodad" : ""}`,
  );
}
