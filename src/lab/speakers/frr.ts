import { chmodSync, writeFileSync } from "node:fs";
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

/** FRR in a lab node: bgpd, and zebra, without which bgpd knows no IPv6 next hop of its own; changed through vtysh while it runs. */
export class FrrSpeaker implements LabSpeaker {
  readonly make = "FRR";
  readonly plan: SpeakerPlan;
  readonly #lab: Lab;
  readonly #folder: string;
  #originated: readonly OriginatedRoute[] = [];
  #daemons: Daemon[] = [];

  constructor(lab: Lab, plan: SpeakerPlan) {
    this.#lab = lab;
    this.plan = plan;
    this.#folder = `${lab.nodeFolder(plan.node)}/frr`;
  }

  /** `recover`: as after a crash; what zebra left in the kernel is kept and found again. */
  async start(options: { readonly recover?: boolean } = {}): Promise<void> {
    await this.#prepareFolder();
    const zebra = ["-r", ...(options.recover === true ? ["-K", "120"] : [])];
    await this.#startDaemon("zebra", zebra, "show version");
    const bgpd = this.plan.kernel === true ? [] : ["--no_kernel"];
    await this.#startDaemon("bgpd", bgpd, "show bgp summary json");
  }

  async #startDaemon(
    name: "zebra" | "bgpd",
    options: readonly string[],
    question: string,
  ): Promise<void> {
    const folder = this.#folder;
    const files = [
      "-f",
      `${folder}/${name}.conf`,
      "-i",
      `${folder}/${name}.pid`,
      "-z",
      `${folder}/zserv.api`,
    ];
    const talk = ["--vty_socket", folder, "-P", "0", "--log", "stdout"];
    const command = [`/usr/lib/frr/${name}`, ...files, ...talk, ...options];
    const daemon = this.#lab.start(this.plan.node, command, { log: name });
    this.#daemons.push(daemon);
    await waitUntil(`${name} answers`, () => this.#vtysh([question]), {
      deadlineSeconds: 30,
      everyMilliseconds: 30,
      whenLate: () => daemon.logTail(),
    });
  }

  async originate(routes: readonly OriginatedRoute[]): Promise<void> {
    const before = this.#originated;
    this.#originated = routes;
    if (this.#daemons.length === 0) return;
    const gone = before.filter(({ prefix }) => !routes.some((route) => route.prefix === prefix));
    const lines = [
      "configure terminal",
      ...routes.flatMap(routeMap),
      `router bgp ${this.plan.asn}`,
      ...(["ipv4", "ipv6"] as const).flatMap((family) => [
        `address-family ${family} unicast`,
        ...gone
          .filter(({ prefix }) => familyOf(prefix) === family)
          .map((r) => `no network ${r.prefix}`),
        ...networks(routes, family),
        "exit-address-family",
      ]),
    ];
    await this.#vtysh(lines);
  }

  async sessionState(peer: SpeakerPeer): Promise<string> {
    const answer = JSON.parse(await this.#vtysh([`show bgp neighbors ${peer.address} json`]));
    return String(answer[peer.address]?.bgpState ?? "absent");
  }

  async routesFrom(peer: SpeakerPeer, family: LabFamily): Promise<readonly SeenRoute[]> {
    const table = JSON.parse(await this.#vtysh([`show bgp ${family} unicast json`]));
    const prefixes = Object.keys(table.routes ?? {});
    if (prefixes.length === 0) return [];
    const questions = prefixes.map((prefix) => `show bgp ${family} unicast ${prefix} json`);
    return parseJsonObjects(await this.#vtysh(questions)).flatMap((entry) =>
      pathsFrom(entry, peer),
    );
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const daemons = this.#daemons;
    this.#daemons = [];
    for (const daemon of daemons.reverse()) await daemon.stop(signal);
  }

  #vtysh(lines: readonly string[]): Promise<string> {
    const commands = lines.flatMap((line) => ["-c", line]);
    return runProgram(["vtysh", "--vty_socket", this.#folder, ...commands]);
  }

  /** FRR gives root away and then needs its files: the folder belongs to its own user. */
  async #prepareFolder(): Promise<void> {
    await runProgram(["install", "-d", "-o", "frr", "-g", "frr", this.#folder]);
    writeFileSync(`${this.#folder}/zebra.conf`, "log stdout\n");
    writeFileSync(`${this.#folder}/bgpd.conf`, frrConfig(this.plan, this.#originated));
    chmodSync(`${this.#folder}/bgpd.conf`, 0o644);
  }
}

/**
 * Otherwise it waits for a second or more, after a session is up, for routes that may come. One that restarts has to: without it, its
 * End-of-RIB precedes its routes.
 */
const AT_ONCE = " coalesce-time 0";

/** A whole bgpd.conf for this plan. */
export function frrConfig(plan: SpeakerPlan, routes: readonly OriginatedRoute[]): string {
  return [
    // A changed route map takes effect at once, not after five seconds.
    "bgp route-map delay-timer 0",
    ...routes.flatMap(routeMap),
    `router bgp ${plan.asn}`,
    ` bgp router-id ${plan.routerId}`,
    " no bgp ebgp-requires-policy",
    " no bgp network import-check",
    " no bgp default ipv4-unicast",
    ...(plan.clusterId === undefined ? [] : [` bgp cluster-id ${plan.clusterId}`]),
    ...(plan.peers.some((peer) => peer.gracefulRestart) ? gracefulRestart(plan) : [AT_ONCE]),
    ...plan.peers.flatMap(neighbor),
    ...(["ipv4", "ipv6"] as const).flatMap((family) => [
      ` address-family ${family} unicast`,
      ...plan.peers
        .filter((peer) => familiesOf(peer).includes(family))
        .flatMap((peer) => activation(plan, peer)),
      ...networks(routes, family).map((line) => `  ${line}`),
      " exit-address-family",
    ]),
    "",
  ].join("\n");
}

function gracefulRestart(plan: SpeakerPlan): readonly string[] {
  const times = plan.peers.map((peer) => peer.gracefulRestart?.restartTimeSeconds ?? 0);
  return [
    " bgp graceful-restart",
    ` bgp graceful-restart restart-time ${Math.max(...times)}`,
    " bgp graceful-restart preserve-fw-state",
  ];
}

function neighbor(peer: SpeakerPeer): readonly string[] {
  const line = ` neighbor ${peer.address}`;
  return [
    `${line} remote-as ${peer.asn}`,
    `${line} timers connect 1`,
    `${line} advertisement-interval 0`,
    ...(peer.holdTimeSeconds === undefined
      ? []
      : [`${line} timers ${Math.floor(peer.holdTimeSeconds / 3)} ${peer.holdTimeSeconds}`]),
    ...(peer.password === undefined ? [] : [`${line} password ${peer.password}`]),
    ...(peer.passive === true ? [`${line} passive`] : []),
    ...(peer.ttlSecurity === true ? [`${line} ttl-security hops 1`] : []),
  ];
}

function activation(plan: SpeakerPlan, peer: SpeakerPeer): readonly string[] {
  const line = `  neighbor ${peer.address}`;
  const reflected = peer.routeReflectorClient === true;
  return [
    `${line} activate`,
    ...(reflected ? [`${line} route-reflector-client`] : []),
    ...(plan.asn === peer.asn && !reflected ? [`${line} next-hop-self`] : []),
  ];
}

/** FRR hangs communities on a network statement by a route map, one a prefix. */
function routeMap(route: OriginatedRoute): readonly string[] {
  const name = routeMapName(route);
  const set = route.communities.length === 0 ? "none" : route.communities.join(" ");
  return [`route-map ${name} permit 10`, `set community ${set}`, "exit"];
}

function networks(routes: readonly OriginatedRoute[], family: LabFamily): readonly string[] {
  return routes
    .filter(({ prefix }) => familyOf(prefix) === family)
    .map((route) => `network ${route.prefix} route-map ${routeMapName(route)}`);
}

function routeMapName(route: OriginatedRoute): string {
  return `R${route.prefix.replace(/[^0-9a-f]/g, "_")}`;
}

/** vtysh writes one answer after the other; each ends with a brace of its own line. */
function parseJsonObjects(text: string): readonly FrrPrefix[] {
  const objects = text.split(/(?<=^\})\s*$/m).filter((object) => object.trim() !== "");
  return objects.map((object) => JSON.parse(object) as FrrPrefix);
}

type FrrPrefix = {
  readonly prefix: string;
  readonly paths?: readonly {
    readonly aspath?: { readonly string: string };
    readonly community?: { readonly list?: readonly string[] };
    readonly originatorId?: string;
    readonly clusterList?: { readonly list?: readonly string[] };
    readonly stale?: boolean;
    readonly peer?: { readonly peerId: string };
    readonly nexthops?: readonly { readonly ip: string; readonly scope?: string }[];
  }[];
};

function pathsFrom(entry: FrrPrefix, peer: SpeakerPeer): readonly SeenRoute[] {
  const paths = (entry.paths ?? []).filter((path) => path.peer?.peerId === peer.address);
  return paths.map((path) => ({
    prefix: entry.prefix,
    nextHop: (path.nexthops ?? []).find((hop) => hop.scope !== "link-local")?.ip ?? "",
    asPath: parseAsPath(path.aspath?.string.replace("Local", "") ?? ""),
    communities: path.community?.list ?? [],
    ...(path.originatorId === undefined ? {} : { originatorId: path.originatorId }),
    ...(path.clusterList === undefined ? {} : { clusterList: path.clusterList.list ?? [] }),
    stale: path.stale === true,
  }));
}
