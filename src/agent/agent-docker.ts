import { setTimeout as sleep } from "node:timers/promises";
import type { Datastore } from "../datastore/datastore.ts";
import { DockerFrontDoor } from "../workload/docker/docker-front-door.ts";
import { WorkloadError } from "../workload/workload-request.ts";
import type { Workloads } from "../workload/workloads.ts";
import type { Agent } from "./agent.ts";
import type { ClusterServices } from "./cluster-services.ts";

/** After a start docker may ask before the datastore has been read; it is told to wait so long. */
const READY_MILLISECONDS = 15_000;
const LOOK_MILLISECONDS = 50;
/** Docker's folders may be made after us, and a port may be freed. */
const RETRY_MILLISECONDS = 5_000;

/** The docker front door of the daemon, where its configuration asks for one. Never rejects: docker is not what the daemon lives for. */
export class AgentDocker {
  readonly #agent: Agent;
  readonly #datastore: Datastore;
  readonly #services: Pick<ClusterServices, "ipam" | "workloads">;
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #hasRead = false;

  constructor(options: {
    readonly agent: Agent;
    readonly datastore: Datastore;
    readonly services: Pick<ClusterServices, "ipam" | "workloads">;
  }) {
    this.#agent = options.agent;
    this.#datastore = options.datastore;
    this.#services = options.services;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Closes plugin sockets and proxy; containers and their endpoints stay. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { docker, nodeName } = this.#agent.config;
    if (docker === undefined) return;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        const door = await DockerFrontDoor.start({
          nodeName,
          datastore: this.#datastore,
          ipam: this.#services.ipam,
          workloads: this.#workloads(),
          dockerSocket: docker.socket,
          pluginFolder: docker.pluginFolder,
          ...(docker.proxyPort !== undefined && { proxyPort: docker.proxyPort }),
          log: (level, event, fields) => this.#agent.log.log(level, event, fields),
        });
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        await door.close();
      } catch (error) {
        this.#agent.log.log("error", "docker.failed", { error: String(error) });
        await sleep(RETRY_MILLISECONDS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** The daemon's workloads, as soon as it knows what this host should be. */
  #workloads(): Workloads {
    const acts = () => this.#ready();
    return {
      add: async (...given) => (await acts()).add(...given),
      remove: async (...given) => (await acts()).remove(...given),
      check: async (...given) => (await acts()).check(...given),
      list: async () => (await acts()).list(),
      gc: async (...given) => (await acts()).gc(...given),
    };
  }

  async #ready(): Promise<Workloads> {
    const late = Date.now() + READY_MILLISECONDS;
    // A state that is remembered from an earlier run knows no endpoints: those are in the datastore.
    while (!this.#hasRead && this.#agent.report.state !== "in-sync") {
      if (this.#abort.signal.aborted || Date.now() > late) {
        throw new WorkloadError("unavailable", "tortied has not read the datastore yet");
      }
      await sleep(LOOK_MILLISECONDS);
    }
    this.#hasRead = true;
    return this.#services.workloads.acts();
  }
}
