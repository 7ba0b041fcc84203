import { writeFileSync } from "node:fs";
import type { Lab } from "../../src/lab/lab.ts";
import { runProgram } from "../../src/lab/program.ts";
import { parseBirdRoutes } from "../../src/lab/speakers/bird.ts";
import { familyOf, type LabFamily, type SeenRoute } from "../../src/lab/speakers/lab-speaker.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";

/** A peering as confd hands it to a template: "Mesh_10_97_0_1". */
export type BirdPeering = { readonly name: string; readonly address: string };

export type CalicoBirdPlan = {
  readonly node: string;
  readonly addresses: { readonly [family in LabFamily]: string };
  readonly asn: number;
  /** This host's blocks. */
  readonly blocks: readonly string[];
};

/** Milliseconds; a session that closes and opens takes longer. */
const CLOCKS_APART = 100;

const FAMILIES: readonly LabFamily[] = ["ipv4", "ipv6"];

/**
 * A node as calico-node runs it: one BIRD a family, each configured in the way of Calico's templates (multihop sessions from the
 * node's address, next hops resolved recursively, ADD-PATH, graceful restart, blocks as blackholes, the end with the lesser text waits).
 */
export class CalicoBird {
  readonly plan: CalicoBirdPlan;
  readonly #lab: Lab;
  readonly #folder: string;
  readonly #told = new Map<string, { readonly info: string; readonly since: string }>();

  constructor(lab: Lab, plan: CalicoBirdPlan) {
    this.plan = plan;
    this.#lab = lab;
    this.#folder = lab.nodeFolder(plan.node);
  }

  async start(peerings: readonly BirdPeering[]): Promise<void> {
    for (const family of FAMILIES) {
      this.#write(family, peerings);
      const [conf, ctl] = [this.#file(family, "conf"), this.#file(family, "ctl")];
      const daemon = this.#lab.start(this.plan.node, ["bird", "-R", "-f", "-c", conf, "-s", ctl], {
        log: `bird-${family}`,
      });
      await waitUntil(`${family} BIRD answers`, () => this.birdc(family, "show status"), {
        deadlineSeconds: 60,
        everyMilliseconds: 20,
        whenLate: () => daemon.logTail(),
      });
    }
  }

  /** As confd does after a change: a new configuration, and a reload of both daemons. */
  async configure(peerings: readonly BirdPeering[]): Promise<void> {
    for (const family of FAMILIES) {
      this.#write(family, peerings);
      const answer = await this.birdc(family, "configure");
      if (!/Reconfigur(ed|ation in progress)/.test(answer))
        throw new Error(`BIRD refused: ${answer}`);
    }
  }

  birdc(family: LabFamily, command: string): Promise<string> {
    return runProgram(["birdc", "-s", this.#file(family, "ctl"), ...command.split(" ")]);
  }

  /** What it learned over BGP. */
  async routes(family: LabFamily): Promise<readonly SeenRoute[]> {
    return parseBirdRoutes(await this.birdc(family, "show route all where source = RTS_BGP"));
  }

  /** By protocol, its state and since when: "Established 12:00:01.123". A session that has not moved has the text that it had. */
  async sessions(family: LabFamily): Promise<ReadonlyMap<string, string>> {
    const lines = (await this.birdc(family, "show protocols")).split("\n");
    const words = lines.map((line) => line.trim().split(/\s+/));
    return new Map(
      words
        .filter(([, kind]) => kind === "BGP")
        .map(([name = "", , , , since = "", info = ""]) => [
          name,
          `${info} ${this.#since(`${family} ${name}`, info, since)}`,
        ]),
    );
  }

  /** BIRD computes the time from two clocks at each question, so it wobbles by some milliseconds. */
  #since(session: string, info: string, since: string): string {
    const told = this.#told.get(session);
    const apart = told && Math.abs(millisecondsOfDay(told.since) - millisecondsOfDay(since));
    if (told?.info === info && apart !== undefined && apart < CLOCKS_APART) return told.since;
    this.#told.set(session, { info, since });
    return since;
  }

  #file(family: LabFamily, kind: "conf" | "ctl"): string {
    return `${this.#folder}/bird-${family}.${kind}`;
  }

  #write(family: LabFamily, peerings: readonly BirdPeering[]): void {
    const own = peerings.filter(({ address }) => familyOf(address) === family);
    writeFileSync(this.#file(family, "conf"), config(this.plan, family, own));
  }
}

/** Of "12:00:01.123". */
function millisecondsOfDay(time: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = time.split(":").map(Number);
  return ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

function config(
  { addresses, asn, blocks }: CalicoBirdPlan,
  family: LabFamily,
  peerings: readonly BirdPeering[],
): string {
  const own = addresses[family];
  const ours = blocks.filter((block) => familyOf(block) === family);
  return `
router id ${addresses.ipv4};
log stderr all;
timeformat protocol iso short ms;
protocol device { scan time 2; }
protocol direct { ${family}; interface -"cali*", "*"; }
protocol kernel { learn; persist; scan time 2; graceful restart; merge paths on; ${family} { import all; export where source = RTS_BGP; }; }
protocol static { ${family}; ${ours.map((block) => `route ${block} blackhole;`).join(" ")} }
function calico_export() {
${ours.map((block) => `  if net = ${block} then { bgp_local_pref = 2147482623; accept; }`).join("\n")}
  reject;
}
template bgp bgp_template {
  local ${own} as ${asn};
  multihop;
  ${family} { gateway recursive; import all; export filter { calico_export(); }; add paths on; };
  graceful restart;
  connect delay time 2; connect retry time 5; error wait time 5,30;
}
${peerings
  .map(({ name, address }) => {
    const passive = address > own ? " passive on;" : "";
    return `protocol bgp ${name} from bgp_template { neighbor ${address} as ${asn};${passive} }`;
  })
  .join("\n")}
`;
}
