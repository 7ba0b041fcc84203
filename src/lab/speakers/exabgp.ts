import {
  appendFileSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
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
  type SeenRoute,
  type SpeakerPeer,
  type SpeakerPlan,
} from "./lab-speaker.ts";

/**
 * ExaBGP in a lab node. It keeps no routes of its own: it is told what to send through a FIFO, and writes each event as a line of
 * JSON to a file, from which the Adj-RIB-In is put together here.
 */
export class ExabgpSpeaker implements LabSpeaker {
  readonly make = "ExaBGP";
  readonly plan: SpeakerPlan;
  readonly #lab: Lab;
  readonly #folder: string;
  #originated: readonly OriginatedRoute[] = [];
  #daemon: Daemon | undefined;
  #commands: number | undefined;

  constructor(lab: Lab, plan: SpeakerPlan) {
    this.#lab = lab;
    this.plan = plan;
    this.#folder = `${lab.nodeFolder(plan.node)}/exabgp`;
  }

  async start(): Promise<void> {
    await this.#prepareFolder();
    const environment = {
      "exabgp.daemon.user": "root",
      "exabgp.daemon.drop": "false",
      "exabgp.api.cli": "false",
      "exabgp.api.ack": "false",
      "exabgp.log.level": "INFO",
      "exabgp.log.destination": "stdout",
    };
    const command = ["exabgp", `${this.#folder}/exabgp.conf`];
    this.#daemon = this.#lab.start(this.plan.node, command, { log: "exabgp", environment });
    await waitUntil("ExaBGP starts its process", () => existsSync(`${this.#folder}/ready`), {
      deadlineSeconds: 30,
      everyMilliseconds: 50,
      whenLate: () => this.#daemon?.logTail() ?? "",
    });
    // Read and write: the FIFO then never ends for its reader.
    this.#commands = openSync(`${this.#folder}/commands`, "r+");
    const routes = this.#originated;
    this.#originated = [];
    await this.originate(routes);
  }

  async originate(routes: readonly OriginatedRoute[]): Promise<void> {
    const before = this.#originated;
    this.#originated = routes;
    if (this.#commands === undefined) return;
    for (const route of before) {
      if (!routes.some(({ prefix }) => prefix === route.prefix))
        this.#tell(`withdraw ${this.#route(route)}`);
    }
    for (const route of routes) this.#tell(`announce ${this.#route(route)}`);
  }

  async sessionState(peer: SpeakerPeer): Promise<string> {
    const states = this.#events(peer).filter((event) => event.type === "state");
    const last = states.at(-1)?.neighbor?.state;
    return last === "up" ? "Established" : (last ?? "absent");
  }

  async routesFrom(peer: SpeakerPeer, family: LabFamily): Promise<readonly SeenRoute[]> {
    const routes = new Map<string, SeenRoute>();
    for (const event of this.#events(peer)) {
      if (event.type === "state" && event.neighbor?.state === "down") routes.clear();
      const update = event.neighbor?.message?.update;
      if (update !== undefined) applyUpdate(routes, update, family);
    }
    return [...routes.values()];
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
    this.#commands = undefined;
    await daemon?.stop(signal);
  }

  #tell(command: string): void {
    if (this.#commands !== undefined) writeSync(this.#commands, `${command}\n`);
  }

  #route({ prefix, communities }: OriginatedRoute): string {
    const attributes = communities.length === 0 ? "" : ` community [ ${communities.join(" ")} ]`;
    return `route ${prefix} next-hop ${this.plan.addresses[familyOf(prefix)]}${attributes}`;
  }

  #events(peer: SpeakerPeer): readonly ExabgpEvent[] {
    const lines = readFileSync(`${this.#folder}/events`, "utf8").split("\n");
    // The last line may be half written; it is read with the next look.
    const events = lines.slice(0, -1).map((line) => JSON.parse(line) as ExabgpEvent);
    return events.filter((event) => event.neighbor?.address?.peer === peer.address);
  }

  async #prepareFolder(): Promise<void> {
    const folder = this.#folder;
    rmSync(folder, { recursive: true, force: true });
    await runProgram(["mkdir", "-p", folder]);
    await runProgram(["mkfifo", `${folder}/commands`]);
    appendFileSync(`${folder}/events`, "");
    const script = [
      "#!/bin/sh",
      "exec 3<&0 # a background command's own standard input is /dev/null",
      `cat <&3 >> ${folder}/events &`,
      `touch ${folder}/ready`,
      `exec cat <> ${folder}/commands`,
      "",
    ].join("\n");
    writeFileSync(`${folder}/process`, script, { mode: 0o755 });
    writeFileSync(`${folder}/exabgp.conf`, exabgpConfig(this.plan, `${folder}/process`));
  }
}

/** A whole exabgp.conf for this plan; `script` is the process that carries commands in and events out. */
export function exabgpConfig(plan: SpeakerPlan, script: string): string {
  return [
    `process lab { run ${script}; encoder json; }`,
    ...plan.peers.map(
      (peer) => `neighbor ${peer.address} {
  router-id ${plan.routerId};
  local-address ${plan.addresses[familyOf(peer.address)]};
  local-as ${plan.asn};
  peer-as ${peer.asn};
  hold-time ${peer.holdTimeSeconds ?? 90};
  family { ${familiesOf(peer)
    .map((family) => `${family} unicast;`)
    .join(" ")} }
  api { processes [ lab ]; neighbor-changes; receive { parsed; update; } }
}`,
    ),
    "",
  ].join("\n");
}

type ExabgpUpdate = {
  readonly attribute?: {
    readonly "as-path"?: readonly number[];
    readonly community?: readonly (readonly number[])[];
    readonly "originator-id"?: string;
    readonly "cluster-list"?: readonly string[];
  };
  readonly announce?: {
    readonly [family: string]: { readonly [nextHop: string]: readonly { readonly nlri: string }[] };
  };
  readonly withdraw?: { readonly [family: string]: readonly { readonly nlri: string }[] };
};

type ExabgpEvent = {
  readonly type: string;
  readonly neighbor?: {
    readonly address?: { readonly peer: string };
    readonly state?: string;
    readonly message?: { readonly update?: ExabgpUpdate };
  };
};

function applyUpdate(
  routes: Map<string, SeenRoute>,
  update: ExabgpUpdate,
  family: LabFamily,
): void {
  for (const { nlri } of update.withdraw?.[`${family} unicast`] ?? []) routes.delete(nlri);
  for (const [nextHop, announced] of Object.entries(update.announce?.[`${family} unicast`] ?? {})) {
    // A link-local next hop that comes with a global one is listed as one more.
    if (nextHop.startsWith("fe80:")) continue;
    for (const { nlri } of announced) routes.set(nlri, seenRoute(nlri, nextHop, update));
  }
}

function seenRoute(prefix: string, nextHop: string, update: ExabgpUpdate): SeenRoute {
  const attribute = update.attribute ?? {};
  const { "originator-id": originatorId, "cluster-list": clusterList } = attribute;
  return {
    prefix,
    nextHop,
    asPath: attribute["as-path"] ?? [],
    communities: (attribute.community ?? []).map((pair) => pair.join(":")),
    ...(originatorId === undefined ? {} : { originatorId }),
    ...(clusterList === undefined ? {} : { clusterList }),
  };
}
