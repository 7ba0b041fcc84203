import { writeFileSync } from "node:fs";
import { runProgram } from "../../src/lab/program.ts";
import type { LabResource } from "../../src/lab/resources.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import type { CrossedSubnets, HostNumber } from "./crossed-subnets.ts";

export const ASN = 64512;

/** What the router does with next hops when it passes routes on. */
export type Passing = "unchanged" | "self";

export type ReflectorPlan = {
  readonly clients: readonly HostNumber[];
  readonly families: readonly ("ipv4" | "ipv6")[];
  /** Prefixes that are said to lie behind host1 and behind host2, and those behind the router itself. */
  readonly anycast?: readonly string[];
  readonly own?: readonly string[];
};

/** BIRD on the router between the subnets, with every host as its client: it knows all routes, and is no node of the cluster. */
export class Reflector {
  readonly #subnets: CrossedSubnets;
  readonly #plan: ReflectorPlan;
  readonly #folder: string;

  constructor(subnets: CrossedSubnets, plan: ReflectorPlan) {
    this.#subnets = subnets;
    this.#plan = plan;
    this.#folder = subnets.lab.nodeFolder("router");
  }

  /** No mesh, and each host peers with the router. */
  resources(): readonly LabResource[] {
    const { clients, families } = this.#plan;
    const peers = clients.flatMap((host) =>
      families.map((family) => ({
        kind: "BGPPeer",
        name: `host${host}-${family}`,
        spec: {
          node: `host${host}`,
          peerIP: this.#subnets.routerAddress(host, family),
          asNumber: ASN,
          addPath: "Receive",
        },
      })),
    );
    const spec = { nodeToNodeMeshEnabled: false, asNumber: ASN };
    return [{ kind: "BGPConfiguration", name: "default", spec }, ...peers];
  }

  async start(passing: Passing): Promise<void> {
    this.#write(passing);
    const daemon = this.#subnets.lab.start(
      "router",
      ["bird", "-f", "-c", `${this.#folder}/bird.conf`, "-s", `${this.#folder}/bird.ctl`],
      { log: "bird" },
    );
    await waitUntil("the reflector answers", () => this.birdc("show status"), {
      deadlineSeconds: 20,
      everyMilliseconds: 100,
      whenLate: () => daemon.logTail(),
    });
  }

  async pass(passing: Passing): Promise<void> {
    this.#write(passing);
    const answer = await this.birdc("configure");
    if (!answer.includes("Reconfigured")) throw new Error(`BIRD refused: ${answer}`);
  }

  birdc(command: string): Promise<string> {
    return runProgram(["birdc", "-s", `${this.#folder}/bird.ctl`, ...command.split(" ")]);
  }

  #write(passing: Passing): void {
    const { families, clients, anycast = [], own = [] } = this.#plan;
    const of = (prefixes: readonly string[], family: string) =>
      prefixes.filter((prefix) => prefix.includes(":") === (family === "ipv6"));
    const routes = (prefixes: readonly string[]) =>
      prefixes.map((prefix) => `route ${prefix} blackhole;`).join(" ");
    const text = families.map((family) => {
      const behind = (host: HostNumber) =>
        `if proto = "behind${host}_${family}" then bgp_next_hop = ${this.#subnets.address(host, family)};`;
      const sessions = clients.map(
        (host) => `protocol bgp host${host}_${family} {
  local ${this.#subnets.routerAddress(host, family)} as ${ASN};
  neighbor ${this.#subnets.address(host, family)} as ${ASN};
  direct; rr client; hold time 6; graceful restart off; connect delay time 1; connect retry time 1; error wait time 1,2;
  ${family} { import all; export filter to_${family}; add paths tx; ${passing === "self" ? "next hop self;" : ""} };
}`,
      );
      return `
protocol kernel kernel_${family} { scan time 2; ${family} { import none; export where source = RTS_BGP; }; }
protocol static behind2_${family} { ${family}; ${routes(of(anycast, family))} }
protocol static behind1_${family} { ${family}; ${routes(of(anycast, family))} }
protocol static own_${family} { ${family}; ${routes(of(own, family))} }
filter to_${family} { ${behind(1)} ${behind(2)} accept; }
${sessions.join("\n")}`;
    });
    writeFileSync(
      `${this.#folder}/bird.conf`,
      `router id 10.97.1.254;\nlog stderr all;\nprotocol device { scan time 2; }\n${text.join("\n")}\n`,
    );
  }
}
