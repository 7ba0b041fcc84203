import { chmodSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import type { Daemon } from "./daemon.ts";
import type { Lab } from "./lab.ts";
import { tryProgram } from "./program.ts";
import { waitUntil } from "./wait-until.ts";

/** The launchers that a user starts, too: they take the bundle when there is one. */
export const TORTIED = fileURLToPath(new URL("../bin/tortied", import.meta.url));
export const TORTIE = fileURLToPath(new URL("../bin/tortie", import.meta.url));

/** The parts of the API's answers that labs look at (src/api/api-types.ts). */
export type LabPeerReport = {
  readonly name: string;
  readonly address: string;
  readonly state: string;
  readonly standsBy?: string;
  readonly lastError?: { readonly text: string };
  readonly families: readonly { readonly family: string; readonly endOfRibReceived: boolean }[];
};

export type LabRouteReport = {
  readonly prefix: string;
  readonly peer: string;
  readonly nextHop?: string;
  readonly asPath: string;
  readonly communities?: readonly string[];
  readonly originatorId?: string;
  readonly clusterList?: readonly string[];
  readonly stale: boolean;
  readonly best: boolean;
  readonly eligible: boolean;
};

export type TortiedPlan = {
  readonly node: string;
  /** A folder of YAML, or the daemon's own words for another datastore. */
  readonly resourceFolder:
    | string
    | { readonly type: "etcd"; readonly endpoints: readonly string[] };
  readonly logLevel?: "debug" | "info";
};

/** One tortied in a lab node: its socket, state and log are in the node's folder, which survives a kill. */
export class Tortied {
  readonly node: string;
  readonly socket: string;
  readonly #lab: Lab;
  readonly #configFile: string;
  #daemon: Daemon | undefined;

  constructor(lab: Lab, { node, resourceFolder, logLevel = "info" }: TortiedPlan) {
    const folder = lab.nodeFolder(node);
    this.#lab = lab;
    this.node = node;
    this.socket = `${folder}/tortie.sock`;
    this.#configFile = `${folder}/tortied.yaml`;
    const config = {
      nodeName: node,
      datastore:
        typeof resourceFolder === "string"
          ? { type: "directory", path: resourceFolder }
          : resourceFolder,
      apiSocket: this.socket,
      stateDirectory: `${folder}/state`,
      logLevel,
      // A lab is many daemons on few processors, and none of them takes a full table.
      rehearsal: false,
    };
    writeFileSync(this.#configFile, stringify(config));
    // The demo's reads work without root, as they do on a host.
    chmodSync(folder, 0o755);
  }

  get daemon(): Daemon {
    if (this.#daemon === undefined) throw new Error(`tortied on ${this.node} was not started`);
    return this.#daemon;
  }

  /** Starts it; returns when its API answers. */
  async start(deadlineSeconds = 60): Promise<void> {
    const daemon = this.#lab.start(this.node, [TORTIED, "--config", this.#configFile], {
      log: "tortied",
    });
    this.#daemon = daemon;
    await waitUntil(
      `tortied on ${this.node} answers`,
      () => {
        if (daemon.end !== undefined) return "ended";
        return this.get("/v1/status").then(() => "answers");
      },
      { deadlineSeconds, everyMilliseconds: 50, whenLate: () => daemon.logTail() },
    );
    if (daemon.end !== undefined)
      throw new Error(`tortied on ${this.node} ended\n${daemon.logTail(30)}`);
  }

  async kill(): Promise<void> {
    await this.#daemon?.stop("SIGKILL");
  }

  /** SIGTERM means restart: routes stay, and peers are not told. */
  async terminate(): Promise<void> {
    await this.#daemon?.stop("SIGTERM");
  }

  /** Peers that are meant to be up; not those that stand by for another session. */
  async peers(): Promise<readonly LabPeerReport[]> {
    const { items } = (await this.get("/v1/peers")) as { items: readonly LabPeerReport[] };
    return items.filter(({ standsBy }) => standsBy === undefined);
  }

  /** Every path of the Loc-RIB, of all pages. */
  async routes(query = ""): Promise<readonly LabRouteReport[]> {
    const routes: LabRouteReport[] = [];
    let cursor: string | undefined;
    do {
      const from = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page = (await this.get(`/v1/routes?${query}${from}`)) as {
        readonly items: readonly LabRouteReport[];
        readonly cursor?: string;
      };
      routes.push(...page.items);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return routes;
  }

  /** What `tortie` prints when a user asks this daemon. */
  async tortie(...words: readonly string[]): Promise<string> {
    const result = await tryProgram([TORTIE, "--socket", this.socket, ...words]);
    return `${result.stdout}${result.stderr}`.trimEnd();
  }

  /** A GET at its API. */
  get(path: string): Promise<unknown> {
    return exchange(this.socket, "GET", path);
  }

  /** A POST at its API, as root. */
  post(path: string, body: unknown): Promise<unknown> {
    return exchange(this.socket, "POST", path, JSON.stringify(body));
  }
}

function exchange(
  socketPath: string,
  method: string,
  path: string,
  body?: string,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const outgoing = request({ socketPath, method, path, headers, timeout: 30_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
      });
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${method} ${path}: no answer`)));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
