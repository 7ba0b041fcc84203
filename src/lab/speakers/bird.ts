import { writeFileSync } from "node:fs";
import type { Daemon } from "../daemon.ts";
import type { Lab } from "../lab.ts";
import { runProgram } from "../program.ts";
import { waitUntil } from "../wait-until.ts";
import {
  familiesOf,
  familyOf,
  isInternal,
  type LabFamily,
  type LabSpeaker,
  type OriginatedRoute,
  parseAsPath,
  type SeenRoute,
  type SpeakerPeer,
  type SpeakerPlan,
} from "./lab-speaker.ts";

/** BIRD 2 in a lab node: its configuration is written anew and reloaded for each change. */
export class BirdSpeaker implements LabSpeaker {
  readonly make = "BIRD 2";
  readonly plan: SpeakerPlan;
  readonly #lab: Lab;
  readonly #folder: string;
  #routes: readonly OriginatedRoute[] = [];
  #daemon: Daemon | undefined;

  constructor(lab: Lab, plan: SpeakerPlan) {
    this.#lab = lab;
    this.plan = plan;
    this.#folder = lab.nodeFolder(plan.node);
  }

  /** `recover`: as after a crash, with graceful restart recovery (-R), so that kernel routes stay and R is set. RFC 4724 §4.1. */
  async start(options: { readonly recover?: boolean } = {}): Promise<void> {
    this.#writeConfig();
    const { namespace, folder } = { namespace: this.plan.node, folder: this.#folder };
    const recover = options.recover === true ? ["-R"] : [];
    const command = ["bird", "-f", "-c", `${folder}/bird.conf`, "-s", `${folder}/bird.ctl`];
    this.#daemon = this.#lab.start(namespace, [...command, ...recover], { log: "bird" });
    await waitUntil("BIRD answers", () => this.birdc("show status"), {
      deadlineSeconds: 30,
      everyMilliseconds: 20,
      whenLate: () => this.#daemon?.logTail() ?? "",
    });
  }

  async originate(routes: readonly OriginatedRoute[]): Promise<void> {
    this.#routes = routes;
    if (this.#daemon === undefined) return;
    this.#writeConfig();
    const answer = await this.birdc("configure");
    if (!answer.includes("Reconfigured")) throw new Error(`BIRD refused: ${answer}`);
  }

  async sessionState(peer: SpeakerPeer): Promise<string> {
    const answer = await this.birdc(`show protocols ${peer.name}`);
    return (
      new RegExp(`^${peer.name}\\s.*$`, "m").exec(answer)?.[0].trim().split(/\s+/).pop() ?? "absent"
    );
  }

  async routesFrom(peer: SpeakerPeer, family: LabFamily): Promise<readonly SeenRoute[]> {
    const table = family === "ipv4" ? "master4" : "master6";
    const answer = await this.birdc(`show route all protocol ${peer.name} table ${table}`);
    return parseBirdRoutes(answer);
  }

  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    await daemon?.stop(signal);
  }

  /** Asks over the control socket, as an operator would. */
  birdc(command: string): Promise<string> {
    return runProgram(["birdc", "-s", `${this.#folder}/bird.ctl`, ...command.split(" ")]);
  }

  #writeConfig(): void {
    writeFileSync(`${this.#folder}/bird.conf`, birdConfig(this.plan, this.#routes));
  }
}

/** A whole bird.conf for this plan. */
export function birdConfig(plan: SpeakerPlan, routes: readonly OriginatedRoute[]): string {
  return [
    `router id ${plan.routerId};`,
    "log stderr all;",
    "protocol device { scan time 5; }",
    ...(["ipv4", "ipv6"] as const).map((family) => staticProtocol(family, routes)),
    ...(plan.kernel === true ? (["ipv4", "ipv6"] as const).map(kernelProtocol) : []),
    ...plan.peers.map((peer) => bgpProtocol(plan, peer)),
    "",
  ].join("\n");
}

function staticProtocol(family: LabFamily, routes: readonly OriginatedRoute[]): string {
  const lines = routes
    .filter((route) => familyOf(route.prefix) === family)
    .map(({ prefix, communities }) => {
      const adds = communities.map((c) => `bgp_community.add((${c.replace(":", ",")}));`);
      return `  route ${prefix} blackhole { ${adds.join(" ")} };`;
    });
  return [`protocol static static_${family} {`, `  ${family};`, ...lines, "}"].join("\n");
}

/** Routes from BGP go into the kernel, and the kernel's own (a default route) resolve next hops; `persist` leaves them there when BIRD ends, as a graceful restart needs. */
function kernelProtocol(family: LabFamily): string {
  return `protocol kernel kernel_${family} {
  scan time 5;
  merge paths on;
  persist;
  graceful restart;
  learn;
  ${family} { import all; export where source = RTS_BGP; };
}`;
}

function bgpProtocol(plan: SpeakerPlan, peer: SpeakerPeer): string {
  const options = [
    peer.password === undefined ? "" : `password "${peer.password}";`,
    peer.ttlSecurity === true ? "ttl security on;" : "",
    peer.passive === true ? "passive on;" : "",
    peer.routeReflectorClient === true ? "rr client;" : "",
    plan.clusterId === undefined || !isInternal(plan, peer)
      ? ""
      : `rr cluster id ${plan.clusterId};`,
    peer.gracefulRestart === undefined
      ? "graceful restart off;"
      : `graceful restart on; graceful restart time ${peer.gracefulRestart.restartTimeSeconds};`,
    peer.holdTimeSeconds === undefined ? "" : `hold time ${peer.holdTimeSeconds};`,
  ];
  // Calico's BIRD reflects with the next hop as it came; a router of our own sets itself.
  const nextHop = peer.routeReflectorClient === true ? "" : "next hop self;";
  const paths = peer.addPath === true ? "add paths on;" : "";
  const channels = familiesOf(peer).map(
    (family) =>
      `  ${family} { import all; export where ${exportFilter(plan, peer)}; ${nextHop} ${paths} };`,
  );
  return `protocol bgp ${peer.name} {
  local ${localAddress(plan, peer)} as ${plan.asn};
  neighbor ${peer.address} as ${peer.asn};
  debug { states, events };
  ${peer.multihop === true ? "multihop" : "direct"}; connect retry time 1; error wait time 1,2; connect delay time 1;
  ${options.filter(Boolean).join(" ")}
${channels.join("\n")}
}`;
}

/** BIRD itself keeps iBGP routes from iBGP peers unless it reflects; to eBGP peers it would pass on everything. */
function exportFilter(plan: SpeakerPlan, peer: SpeakerPeer): string {
  const passesOn = isInternal(plan, peer) || plan.transit === true;
  return passesOn ? "source ~ [ RTS_STATIC, RTS_BGP ]" : "source = RTS_STATIC";
}

function localAddress(plan: SpeakerPlan, peer: SpeakerPeer): string {
  if (peer.localAddress !== undefined) return peer.localAddress;
  return peer.address.includes(":") ? plan.addresses.ipv6 : plan.addresses.ipv4;
}

/** Reads `show route all`: a prefix stands before its first route and is left out before the next ones. */
export function parseBirdRoutes(text: string): readonly SeenRoute[] {
  const routes: SeenRoute[] = [];
  let prefix = "";
  for (const block of text.split(/\n(?=\S*\s+(?:unicast|blackhole|unreachable)\b)/)) {
    const head = /^(\S*)\s+(?:unicast|blackhole|unreachable) \[[^\]]*\](.*)$/m.exec(block);
    if (head === null) continue;
    prefix = head[1] || prefix;
    const attribute = (name: string) =>
      new RegExp(`BGP\\.${name}:[ \\t]*(.*)`).exec(block)?.[1]?.trim();
    const originatorId = attribute("originator_id");
    const clusterList = attribute("cluster_list");
    routes.push({
      prefix,
      nextHop: (attribute("next_hop") ?? "").split(" ")[0] ?? "",
      asPath: parseAsPath(attribute("as_path") ?? ""),
      communities: [...(attribute("community") ?? "").matchAll(/\((\d+),(\d+)\)/g)].map(
        ([, high, low]) => `${high}:${low}`,
      ),
      ...(originatorId === undefined ? {} : { originatorId }),
      ...(clusterList === undefined ? {} : { clusterList: clusterList.split(/\s+/) }),
      stale: /\bstale\b|\(\d+s\)/.test(head[2] ?? ""),
    });
  }
  return routes;
}
