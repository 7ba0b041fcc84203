import { writeFileSync } from "node:fs";
import type { Daemon } from "../daemon.ts";
import type { Lab } from "../lab.ts";
import { waitUntil } from "../wait-until.ts";
import {
  familiesOf,
  familyOf,
  type LabFamily,
  type LabSpeaker,
  type OriginatedRoute,
  type SeenRoute,
  type SpeakerPeer,
  type SpeakerPlan,
} from "./lab-speaker.ts";

const API_PORT = 50051;

/** GoBGP in a lab node: routes come and go through its command line client, in the node's own namespace. */
export class GobgpSpeaker implements LabSpeaker {
  readonly make = "GoBGP";
  readonly plan: SpeakerPlan;
  readonly #lab: Lab;
  #originated: readonly OriginatedRoute[] = [];
  #daemon: Daemon | undefined;

  constructor(lab: Lab, plan: SpeakerPlan) {
    this.#lab = lab;
    this.plan = plan;
  }

  async start(): Promise<void> {
    const config = `${this.#lab.nodeFolder(this.plan.node)}/gobgp.toml`;
    writeFileSync(config, gobgpConfig(this.plan));
    const command = ["gobgpd", "-f", config, "--api-hosts", `127.0.0.1:${API_PORT}`];
    this.#daemon = this.#lab.start(this.plan.node, command, { log: "gobgpd" });
    await waitUntil("gobgpd answers", () => this.#gobgp("global"), {
      deadlineSeconds: 30,
      everyMilliseconds: 50,
      whenLate: () => this.#daemon?.logTail() ?? "",
    });
    const routes = this.#originated;
    this.#originated = [];
    await this.originate(routes);
  }

  async originate(routes: readonly OriginatedRoute[]): Promise<void> {
    const before = this.#originated;
    this.#originated = routes;
    if (this.#daemon === undefined) return;
    for (const route of before) {
      if (routes.some(({ prefix }) => prefix === route.prefix)) continue;
      await this.#gobgp(`global rib del -a ${familyOf(route.prefix)} ${route.prefix}`);
    }
    for (const route of routes) {
      const family = familyOf(route.prefix);
      const communities =
        route.communities.length === 0 ? "" : ` community ${route.communities.join(",")}`;
      const nextHop = this.plan.addresses[family];
      await this.#gobgp(
        `global rib add -a ${family} ${route.prefix} origin igp nexthop ${nextHop}${communities}`,
      );
    }
  }

  async sessionState(peer: SpeakerPeer): Promise<string> {
    const neighbor = JSON.parse(await this.#gobgp(`neighbor ${peer.address} -j`));
    const state = Number(neighbor.state?.session_state ?? 0);
    return SESSION_STATES[state] ?? `state ${state}`;
  }

  async routesFrom(peer: SpeakerPeer, family: LabFamily): Promise<readonly SeenRoute[]> {
    const text = await this.#gobgp(`neighbor ${peer.address} adj-in -a ${family} -j`);
    const table = (text.trim() === "" ? {} : JSON.parse(text)) as GobgpTable;
    return Object.values(table)
      .flat()
      .map((path) => seenRoute(path));
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

  #gobgp(command: string): Promise<string> {
    return this.#lab.run(this.plan.node, ["gobgp", "-p", String(API_PORT), ...command.split(" ")]);
  }
}

/** The order of its API's enumeration. */
const SESSION_STATES = [
  "Unknown",
  "Idle",
  "Connect",
  "Active",
  "OpenSent",
  "OpenConfirm",
  "Established",
];

/** A whole gobgpd.toml for this plan. */
export function gobgpConfig(plan: SpeakerPlan): string {
  return [
    "[global.config]",
    `  as = ${plan.asn}`,
    `  router-id = "${plan.routerId}"`,
    ...plan.peers.flatMap((peer) => neighbor(plan, peer)),
    "",
  ].join("\n");
}

function neighbor(plan: SpeakerPlan, peer: SpeakerPeer): readonly string[] {
  return [
    "[[neighbors]]",
    "  [neighbors.config]",
    `    neighbor-address = "${peer.address}"`,
    `    peer-as = ${peer.asn}`,
    "  [neighbors.timers.config]",
    "    connect-retry = 1",
    "    idle-hold-time-after-reset = 1",
    ...(peer.holdTimeSeconds === undefined ? [] : [`    hold-time = ${peer.holdTimeSeconds}`]),
    ...(peer.routeReflectorClient === true
      ? [
          "  [neighbors.route-reflector.config]",
          "    route-reflector-client = true",
          `    route-reflector-cluster-id = "${plan.clusterId ?? plan.routerId}"`,
        ]
      : []),
    ...familiesOf(peer).flatMap((family) => [
      "  [[neighbors.afi-safis]]",
      "    [neighbors.afi-safis.config]",
      `      afi-safi-name = "${family}-unicast"`,
    ]),
  ];
}

type GobgpAttribute = {
  readonly type: number;
  readonly value?: unknown;
  readonly nexthop?: string;
  readonly as_paths?: readonly { readonly asns: readonly number[] }[];
  readonly communities?: readonly number[];
};

type GobgpPath = {
  readonly nlri: { readonly prefix: string };
  readonly attrs: readonly GobgpAttribute[];
  readonly stale?: boolean;
};

type GobgpTable = { readonly [prefix: string]: readonly GobgpPath[] };

const AS_PATH = 2;
const NEXT_HOP = 3;
const COMMUNITIES = 8;
const ORIGINATOR_ID = 9;
const CLUSTER_LIST = 10;
const MP_REACH_NLRI = 14;

function seenRoute(path: GobgpPath): SeenRoute {
  const attribute = (type: number) => path.attrs.find((candidate) => candidate.type === type);
  const nextHop = attribute(NEXT_HOP) ?? attribute(MP_REACH_NLRI);
  const originatorId = attribute(ORIGINATOR_ID)?.value;
  const clusterList = attribute(CLUSTER_LIST)?.value;
  return {
    prefix: path.nlri.prefix,
    nextHop: nextHop?.nexthop ?? "",
    asPath: (attribute(AS_PATH)?.as_paths ?? []).flatMap((segment) => segment.asns),
    communities: (attribute(COMMUNITIES)?.communities ?? []).map(
      (c) => `${c >>> 16}:${c & 0xffff}`,
    ),
    ...(originatorId === undefined ? {} : { originatorId: String(originatorId) }),
    ...(clusterList === undefined ? {} : { clusterList: (clusterList as string[]).map(String) }),
    stale: path.stale === true,
  };
}
