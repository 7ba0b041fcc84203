import { ApiError } from "../api/api-error.ts";
import type { Datastore } from "../datastore/datastore.ts";
import type { Ipam } from "../ipam/ipam.ts";
import { HostWorkloads } from "../workload/host-workloads.ts";
import { LinkWorkerClient } from "../workload/link-worker-client.ts";
import type { Workloads } from "../workload/workloads.ts";
import type { Agent } from "./agent.ts";
import { WorkloadService } from "./workload-service.ts";

/** The daemon's workloads: who asks for one comes here. */
export class AgentWorkloads {
  readonly #agent: Agent;
  readonly #links: LinkWorkerClient;
  readonly #service: WorkloadService;
  readonly #workloads: HostWorkloads;

  constructor(options: {
    readonly agent: Agent;
    readonly datastore: Datastore;
    readonly ipam: Ipam;
  }) {
    const { agent, datastore, ipam } = options;
    const { nodeName, networkNamespace } = agent.config;
    this.#agent = agent;
    this.#links = new LinkWorkerClient(networkNamespace === undefined ? {} : { networkNamespace });
    this.#service = new WorkloadService({
      nodeName,
      host: () => agent.host,
      resources: () => agent.report.resources,
      kernel: () => ({
        interfaces: agent.kernel.interfaces,
        ready: agent.kernel.readyWorkloads,
      }),
      originate: () => agent.originations.update(),
      log: (name, fields) => agent.log.log("info", name, fields),
    });
    this.#workloads = new HostWorkloads({
      host: this.#service,
      datastore,
      ipam,
      links: this.#links,
    });
  }

  /** Interfaces whose workloads are on their way out. */
  get withdrawn(): ReadonlySet<string> {
    return this.#service.withdrawn;
  }

  /** What can be done with them; not before it is known what this host should be. */
  acts(): Workloads {
    if (this.#agent.host === undefined) {
      throw new ApiError({
        code: "not-ready",
        what: "the datastore has not been read yet",
        fix: "try again in a moment; tortie status says what it waits for",
      });
    }
    return this.#workloads;
  }

  /** The host's state, the resources or the kernel changed. */
  changed(): void {
    this.#service.changed();
  }

  close(): Promise<void> {
    return this.#links.close();
  }
}
