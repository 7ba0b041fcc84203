import { mkdirSync, writeFileSync } from "node:fs";
import type { Daemon } from "../daemon.ts";
import type { Lab } from "../lab.ts";
import { runProgram } from "../program.ts";
import { waitUntil } from "../wait-until.ts";
import {
  familiesOf,
  familyOf,
  type LabFamily,
  type LabSpeaker,
  type OriginatedRoute,
  parseAsPath,
  type SeenRoute,
  type SpeakerPeer,
  type SpeakerPlan,
} from "./lab-speaker.ts";

/** Where it locks itself in; Debian's service unit makes it at each start, and here no unit runs. */
const CHROOT = "/run/openbgpd";

/** OpenBGPD in a lab node: its configuration is written anew and reloaded for each change. */
export class OpenbgpdSpeaker implements LabSpeaker {
  readonly make = "OpenBGPD";
  readonly plan: SpeakerPlan;
  readonly #lab: Lab;
  readonly #folder: string;
  #originated: readonly OriginatedRoute[] = [];
  #daemon: Daemon | undefined;

  constructor(lab: Lab, plan: SpeakerPlan) {
    this.#lab = lab;
    this.plan = plan;
    this.#folder = lab.nodeFolder(plan.node);
  }

  async start(): Promise<void> {
    this.#writeConfig();
    mkdirSync(CHROOT, { recursive: true });
    const command = ["/usr/sbin/bgpd", "-d", "-f", `${this.#folder}/openbgpd.conf`];
    this.#daemon = this.#lab.start(this.plan.node, command, { log: "openbgpd" });
    await waitUntil("OpenBGPD answers", () => this.#bgpctl("show summary"), {
      deadlineSeconds: 30,
      everyMilliseconds: 50,
      whenLate: () => this.#daemon?.logTail() ?? "",
    });
  }

  async originate(routes: readonly OriginatedRoute[]): Promise<void> {
    this.#originated = routes;
    if (this.#daemon === undefined) return;
    this.#writeConfig();
    await this.#bgpctl("reload");
  }

  async sessionState(peer: SpeakerPeer): Promise<string> {
    const answer = JSON.parse(await this.#bgpctl("-j show neighbor")) as {
      neighbors?: readonly { readonly remote_addr?: string; readonly state?: string }[];
    };
    return answer.neighbors?.find((n) => n.remote_addr === peer.address)?.state ?? "absent";
  }

  async routesFrom(peer: SpeakerPeer, family: LabFamily): Promise<readonly SeenRoute[]> {
    const text = await this.#bgpctl(
      `-j show rib ${family === "ipv4" ? "inet" : "inet6"} in detail neighbor ${peer.address}`,
    );
    const { rib = [] } = JSON.parse(text) as { readonly rib?: readonly OpenbgpdRoute[] };
    return rib.map(seenRoute);
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

  #bgpctl(command: string): Promise<string> {
    return runProgram(["bgpctl", "-s", `${this.#folder}/openbgpd.sock`, ...command.split(" ")]);
  }

  /** It refuses a file that others may read: keys stand in it. */
  #writeConfig(): void {
    const config = openbgpdConfig(this.plan, this.#originated, `${this.#folder}/openbgpd.sock`);
    writeFileSync(`${this.#folder}/openbgpd.conf`, config, { mode: 0o600 });
  }
}

/** A whole bgpd.conf for this plan. */
export function openbgpdConfig(
  plan: SpeakerPlan,
  routes: readonly OriginatedRoute[],
  socket: string,
): string {
  return [
    `AS ${plan.asn}`,
    `router-id ${plan.routerId}`,
    `socket "${socket}"`,
    "connect-retry 1",
    "fib-update no",
    ...routes.map((route) => network(plan, route)),
    ...plan.peers.flatMap((peer) => neighbor(plan, peer)),
    "allow from any",
    "allow to any",
    "match to any inet6 set nexthop no-modify",
    "",
  ].join("\n");
}

/** Over an IPv4 session it takes ::1 for its own IPv6 address; so the next hop is said here, and kept as on a multihop session. */
function network(plan: SpeakerPlan, { prefix, communities }: OriginatedRoute): string {
  const sets = [
    ...communities.map((community) => `community ${community}`),
    ...(familyOf(prefix) === "ipv6" ? [`nexthop ${plan.addresses.ipv6}`] : []),
  ];
  return `network ${prefix}${sets.length === 0 ? "" : ` set { ${sets.join(" ")} }`}`;
}

function neighbor(plan: SpeakerPlan, peer: SpeakerPeer): readonly string[] {
  return [
    `neighbor ${peer.address} {`,
    ` remote-as ${peer.asn}`,
    ...(plan.asn === peer.asn ? [] : [" multihop 2"]),
    ...familiesOf(peer).map((family) => ` announce ${family === "ipv4" ? "IPv4" : "IPv6"} unicast`),
    ...(peer.holdTimeSeconds === undefined ? [] : [` holdtime ${peer.holdTimeSeconds}`]),
    ...(peer.routeReflectorClient === true
      ? [` route-reflector${plan.clusterId === undefined ? "" : ` ${plan.clusterId}`}`]
      : []),
    "}",
  ].filter(Boolean);
}

type OpenbgpdAttribute = {
  readonly type: string;
  readonly originator?: string;
  readonly cluster_list?: readonly string[];
};

type OpenbgpdRoute = {
  readonly prefix: string;
  readonly aspath: string;
  readonly exit_nexthop?: string;
  readonly true_nexthop?: string;
  readonly communities?: readonly string[];
  readonly attributes?: readonly OpenbgpdAttribute[];
  readonly stale?: boolean;
};

function seenRoute(route: OpenbgpdRoute): SeenRoute {
  const attribute = (type: string) =>
    route.attributes?.find((candidate) => candidate.type === type);
  const originatorId = attribute("Originator Id")?.originator;
  const clusterList = attribute("Cluster Id List")?.cluster_list;
  return {
    prefix: route.prefix,
    nextHop: route.exit_nexthop ?? route.true_nexthop ?? "",
    asPath: parseAsPath(route.aspath),
    communities: route.communities ?? [],
    ...(originatorId === undefined ? {} : { originatorId: String(originatorId) }),
    ...(clusterList === undefined ? {} : { clusterList: (clusterList as string[]).map(String) }),
    stale: route.stale === true,
  };
}
