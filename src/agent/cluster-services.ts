import type { Datastore } from "../datastore/datastore.ts";
import { Ipam } from "../ipam/ipam.ts";
import { withinTime } from "../lib/within-time.ts";
import type { Agent } from "./agent.ts";
import { AgentDocker } from "./agent-docker.ts";
import { AgentWorkloads } from "./agent-workloads.ts";
import { followedSettings } from "./followed-settings.ts";
import { IpamAudit } from "./ipam-audit.ts";
import { type StatusPublisher, statusPublisherOf } from "./status-publisher.ts";
import { TunnelAddresses } from "./tunnel-addresses.ts";

/** The datastore may be far away: what a cleanup cannot give back by then, IPAM's check finds. */
const RELEASE_MILLISECONDS = 10_000;

/** The parts of the daemon that write to the cluster's datastore: addresses, workloads, docker, and what this host says of itself. */
export class ClusterServices {
  readonly ipam: Ipam;
  readonly audit: IpamAudit;
  readonly workloads: AgentWorkloads;
  readonly #agent: Agent;
  readonly #tunnels: TunnelAddresses;
  readonly #docker: AgentDocker;
  readonly #status: StatusPublisher;

  constructor({ agent, datastore }: { readonly agent: Agent; readonly datastore: Datastore }) {
    const { log, config } = agent;
    const { nodeName } = config;
    this.#agent = agent;
    this.ipam = new Ipam({ datastore, settings: followedSettings(() => agent.report) });
    this.audit = new IpamAudit({ nodeName, datastore, ipam: this.ipam, log });
    this.#tunnels = new TunnelAddresses({ nodeName, datastore, ipam: this.ipam, log });
    this.workloads = new AgentWorkloads({ agent, datastore, ipam: this.ipam });
    this.#docker = new AgentDocker({ agent, datastore, services: this });
    this.#status = statusPublisherOf(agent, datastore);
  }

  /** The API answers already. */
  start(signal: AbortSignal): void {
    void this.audit.run(signal);
    this.#docker.start();
    this.#status.start();
  }

  /** The host's state, the resources or the kernel changed. */
  changed(): void {
    this.workloads.changed();
    const { host, report, kernel } = this.#agent;
    if (host === undefined || report.state !== "in-sync") return;
    const up = (kernel.interfaces ?? []).flatMap(({ name, up }) => (up ? [name] : []));
    this.#tunnels.changed({
      resources: report.resources,
      tunnels: host.tunnels,
      interfacesUp: new Set(up),
    });
  }

  /** Nobody outside is served any more. Sessions and kernel are stopped after this. */
  async closeFrontDoors(): Promise<void> {
    this.#status.stop();
    await this.#docker.close();
  }

  /** `cleanup` gives back what only the daemon needed. */
  async close({ cleanup }: { readonly cleanup: boolean }): Promise<void> {
    await this.workloads.close();
    await withinTime(
      cleanup ? this.#tunnels.release() : this.#tunnels.close(),
      RELEASE_MILLISECONDS,
    );
  }
}
