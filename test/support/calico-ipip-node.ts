import { writeFileSync } from "node:fs";
import { runProgram } from "../../src/lab/program.ts";
import { parseBirdRoutes } from "../../src/lab/speakers/bird.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { prepareHostSide } from "../../src/lab/workload.ts";
import type { CrossedSubnets, Mode } from "./crossed-subnets.ts";

const ASN = 64512;

/** What such a node's Node resource says: it takes encapsulated packets. */
export const CALICO_TUNNEL_ADDRESS = "192.168.2.40";
const BLOCK = "192.168.2.0/26";

/**
 * host2 as calico-node leaves it: BIRD with the sessions and filters of Calico's templates, a block as a blackhole, tunl0 with the
 * tunnel's address, and routes `via NODE dev tunl0 onlink proto 80`. Calico's own BIRD writes those by a patch (krt_tunnel), and
 * Felix does since 3.33; Debian's BIRD cannot, so here they are made from what it has learned, by the same rule.
 */
export class CalicoIpipNode {
  readonly #subnets: CrossedSubnets;
  readonly #folder: string;

  constructor(subnets: CrossedSubnets) {
    this.#subnets = subnets;
    this.#folder = subnets.lab.nodeFolder("host2");
  }

  async start(peers: readonly string[]): Promise<void> {
    const { lab, workloads } = this.#subnets;
    await prepareHostSide(lab, workloads.slice(1, 2));
    await lab.ip(
      "host2",
      "link set tunl0 mtu 1480 up",
      `addr add ${CALICO_TUNNEL_ADDRESS}/32 dev tunl0`,
      `route add blackhole ${BLOCK} proto 80`,
    );
    this.#write(peers);
    const daemon = lab.start(
      "host2",
      ["bird", "-R", "-f", "-c", `${this.#folder}/bird.conf`, "-s", `${this.#folder}/bird.ctl`],
      { log: "bird" },
    );
    await waitUntil("host2's BIRD answers", () => this.#birdc("show status"), {
      deadlineSeconds: 60,
      everyMilliseconds: 200,
      whenLate: () => daemon.logTail(),
    });
  }

  /** As confd does when peerings change. */
  async peerWith(peers: readonly string[]): Promise<void> {
    this.#write(peers);
    const answer = await this.#birdc("configure");
    if (!/Reconfigur(ed|ation in progress)/.test(answer))
      throw new Error(`BIRD refused: ${answer}`);
  }

  /** Waits until BIRD knows ways to these workloads, and puts all it knows into the kernel, in place of what was there. */
  async program(mode: Mode, workloads: readonly string[]): Promise<void> {
    const learned = await waitUntil(
      `host2's BIRD knows ${workloads.join(" ")}`,
      async () => {
        const routes = parseBirdRoutes(await this.#birdc("show route all where source = RTS_BGP"));
        const known = new Set(routes.map(({ prefix }) => prefix));
        return workloads.every((address) => known.has(`${address}/32`)) ? routes : undefined;
      },
      {
        deadlineSeconds: 120,
        everyMilliseconds: 300,
        whenLate: () => this.#subnets.lab.logTails(10),
      },
    );
    const commands = learned.map(({ prefix, nextHop }) => {
      // Inside our own subnet CrossSubnet means as it is.
      const direct = mode === "CrossSubnet" && nextHop.startsWith("10.97.1.");
      return `route replace ${prefix} via ${nextHop} dev ${direct ? "eth0" : "tunl0"} onlink proto 80`;
    });
    await this.#subnets.lab.ip("host2", ...new Set(commands));
  }

  #birdc(command: string): Promise<string> {
    return runProgram(["birdc", "-s", `${this.#folder}/bird.ctl`, ...command.split(" ")]);
  }

  #write(peers: readonly string[]): void {
    const own = this.#subnets.address(2, "ipv4");
    writeFileSync(`${this.#folder}/bird.conf`, birdConfig(own, peers));
  }
}

function birdConfig(own: string, peers: readonly string[]): string {
  const sessions = peers.map((address) => {
    const name = `Mesh_${address.replaceAll(".", "_")}`;
    const passive = address > own ? " passive on;" : "";
    return `protocol bgp ${name} from bgp_template { neighbor ${address} as ${ASN};${passive} }`;
  });
  return `
router id ${own};
log stderr all;
protocol device { scan time 2; }
protocol direct { ipv4; interface -"cali*", -"kube-ipvs*", "*"; }
protocol kernel { learn; persist; scan time 2; graceful restart; merge paths on; ipv4 { import all; export none; }; }
protocol static { ipv4; route ${BLOCK} blackhole; }
function calico_export() {
  if net = ${BLOCK} then { bgp_local_pref = 2147482623; accept; }
  reject;
}
template bgp bgp_template {
  local ${own} as ${ASN};
  multihop;
  ipv4 { gateway recursive; import all; export filter { calico_export(); }; add paths on; };
  graceful restart;
  connect delay time 2; connect retry time 5; error wait time 5,30;
}
${sessions.join("\n")}
`;
}
