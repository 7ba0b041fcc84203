/*
 * The composition root: the only place that knows every part. Desired state flows one way,
 *
 *   datastore → calc → HostState ─┬→ speaker (configure, originated) ── best routes, next hops → kernel worker
 *                                 └→ kernel worker (workloads, blackholes, static routes)
 *
 * and what is comes back: next hops and lost interfaces to the speaker, everything to the event log and the API.
 */
import { Speaker } from "../../protocol/speaker/speaker.ts";
import type { SpeakerEvent } from "../../protocol/speaker/speaker-io.ts";
import { ApiServer } from "../api/api-server.ts";
import type { StopRequest } from "../api/api-types.ts";
import { BgpDriver } from "../bgp/bgp-driver.ts";
import { processClock } from "../bgp/clock.ts";
import { nativeBgpSockets } from "../bgp/native-bgp-sockets.ts";
import type { HostState } from "../calc/host-state.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { warmThreadPool } from "../kernel/native/network-namespace.ts";
import { version } from "../lib/version.ts";
import { withinTime } from "../lib/within-time.ts";
import { type AgentConfig, storeLocation } from "./agent-config.ts";
import { apiSourceOf } from "./agent-view.ts";
import { ClusterLoss } from "./cluster-loss.ts";
import { ClusterServices } from "./cluster-services.ts";
import { EventLog, type LogDestination } from "./event-log.ts";
import { type HeldPeers, holdPeers } from "./held-peers.ts";
import { followHost, type HostFollowerReport, type HostStateSource } from "./host-follower.ts";
import { HostMemory } from "./host-memory.ts";
import { HostOriginations } from "./host-originations.ts";
import { KernelLink } from "./kernel-link.ts";
import { openDatastore } from "./open-datastore.ts";
import { PeersUp } from "./peers-up.ts";
import { logReport } from "./report-log.ts";
import { RouteSweeps } from "./route-sweeps.ts";
import { RulesLink } from "./rules-link.ts";
import { rehearseInSpareTime } from "./spare-time-rehearsal.ts";
import { SpeakerSetup } from "./speaker-setup.ts";
import { StateDirectory } from "./state-directory.ts";

/** How an Agent is made. */
export type AgentOptions = {
  readonly config: AgentConfig;
  readonly logDestination?: LogDestination;
  /** The process should end: after a stop that the API asked for, or because of a bug. */
  readonly onEnd: (end: AgentEnd) => void;
};

export type AgentEnd =
  | { readonly reason: "stopped" }
  | { readonly reason: "bug"; readonly error: Error };

/** A kernel worker that does not say goodbye by then is left alone; its routes are adopted by the next one. */
const KERNEL_STOP_MILLISECONDS = 10_000;

/** One running daemon. */
export class Agent {
  readonly config: AgentConfig;
  readonly log: EventLog;
  readonly speaker: Speaker;
  readonly driver: BgpDriver;
  readonly kernel: KernelLink;
  readonly rules: RulesLink;
  readonly services: ClusterServices;
  readonly loss: ClusterLoss;
  readonly originations: HostOriginations;
  readonly startedAt = new Date();
  readonly #options: AgentOptions;
  readonly #state: StateDirectory;
  readonly #memory: HostMemory;
  readonly #peersUp: PeersUp;
  readonly #held: HeldPeers;
  readonly #datastore: Datastore;
  readonly #abort = new AbortController();
  readonly #setup: SpeakerSetup;
  readonly #sweeps: RouteSweeps;
  #api: ApiServer | undefined;
  #host: HostState | undefined;
  #report: HostFollowerReport = { resources: new Map(), problems: [], state: "syncing" };
  #configuredAt: Date | undefined;
  #stopping: Promise<void> | undefined;

  private constructor(options: AgentOptions) {
    const { config } = options;
    this.config = config;
    this.#options = options;
    this.log = new EventLog({
      level: config.logLevel,
      ...(options.logDestination && { destination: options.logDestination }),
    });
    this.#state = new StateDirectory(config.stateDirectory, (error) =>
      this.log.log("warn", "state.failed", {
        error: error.message,
        cause: String(error.cause ?? ""),
      }),
    );
    this.#memory = new HostMemory((state) => this.#state.rememberHostState(state));
    this.#held = holdPeers(this.#state.crashes(), this.startedAt);
    this.speaker = new Speaker({ random: Math.random });
    this.#peersUp = new PeersUp(this.#state, () => this.speaker.peers());
    this.driver = this.#makeDriver();
    this.#setup = new SpeakerSetup({
      log: this.log,
      listen: config.listen,
      held: this.#held,
      peersUp: () => this.#state.peersUp(),
      workloadsAreKnown: () => this.kernel.readyWorkloads !== undefined,
      configure: (speaker, listen) => void this.driver.configure(speaker, listen),
    });
    this.kernel = this.#makeKernel();
    this.#sweeps = new RouteSweeps((family) => this.kernel.sweep(family));
    this.rules = new RulesLink(this);
    this.#datastore = openDatastore(config);
    this.loss = new ClusterLoss({
      datastore: this.#datastore,
      log: this.log,
      remembered: this.#state.clusterMemory(config.nodeName),
      remember: (cluster) => this.#state.rememberCluster(cluster),
      confirmAfterSeconds: config.confirmLossAfterSeconds,
    });
    this.services = new ClusterServices({ agent: this, datastore: this.#datastore });
    this.originations = new HostOriginations({
      log: this.log,
      ready: () => this.kernel.readyWorkloads,
      withdrawn: () => this.services.workloads.withdrawn,
      tell: (routes) => this.driver.feed({ type: "originated", routes, complete: true }),
    });
  }

  /** Starts everything and resolves when the API answers; sessions come up when they can. */
  static async start(options: AgentOptions): Promise<Agent> {
    await warmThreadPool();
    const agent = new Agent(options);
    const { nodeName: node } = agent.config;
    agent.log.log("info", "agent.start", { version: version(), node, pid: process.pid });
    await agent.#serve();
    agent.#follow();
    agent.services.start(agent.#abort.signal);
    rehearseInSpareTime(agent, agent.#abort.signal);
    return agent;
  }

  /** What this host should be, when it is known. */
  get host(): HostState | undefined {
    return this.#host;
  }

  get report(): HostFollowerReport {
    return this.#report;
  }

  /** Why the state directory cannot be written; undefined when all is well. */
  get stateFailure(): string | undefined {
    return this.#state.writeFailure;
  }

  get heldPeers(): HeldPeers {
    return this.#held;
  }

  /** When resources last changed what this host does. */
  get configuredAt(): Date | undefined {
    return this.#configuredAt;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Stops and resolves when nothing of the daemon is left but what should stay. */
  stop(request: StopRequest): Promise<void> {
    this.#stopping ??= this.#stop(request);
    return this.#stopping;
  }

  /** Stops as the API asked and ends the process; the answer to the request goes out first. */
  stopAndEnd(request: StopRequest): void {
    setImmediate(() => {
      void this.stop(request).then(() => this.#options.onEnd({ reason: "stopped" }));
    });
  }

  /** A bug: writes down what is known and leaves. Kernel routes stay, and sessions end without a Cease. */
  crash(error: Error): void {
    this.#peersUp.freeze();
    const peer = this.driver.currentPeer();
    const file = this.#state.rememberCrash({
      version: version(),
      nodeVersion: process.version,
      at: new Date().toISOString(),
      error: error.stack ?? error.message,
      ...(peer !== undefined && { peer }),
      inputs: this.driver.journal(),
      events: this.log.recent({ limit: 100 }),
    });
    this.log.log("error", "agent.crash", { error: error.stack, file });
    this.log.flush();
    this.#options.onEnd({ reason: "bug", error });
  }

  async #stop({ mode, cleanup, message }: StopRequest): Promise<void> {
    this.log.log("info", "agent.stop", { mode, cleanup });
    this.#setup.stop();
    this.#abort.abort();
    this.loss.close();
    this.#memory.flush();
    await this.services.closeFrontDoors();
    this.#peersUp.freeze();
    await this.driver.stop(mode, message);
    await withinTime(this.kernel.stop({ cleanup }), KERNEL_STOP_MILLISECONDS);
    await withinTime(this.rules.stop({ cleanup }), KERNEL_STOP_MILLISECONDS);
    if (mode === "shutdown") this.#state.forgetPeersUp();
    await this.#api?.close();
    await this.services.close({ cleanup });
    await this.#datastore.close();
    this.log.log("info", "agent.stopped");
    this.log.flush();
  }

  #makeDriver(): BgpDriver {
    const { networkNamespace } = this.config;
    return new BgpDriver({
      speaker: this.speaker,
      clock: processClock,
      sockets: nativeBgpSockets(
        networkNamespace === undefined ? {} : { namespace: networkNamespace },
      ),
      outputs: {
        event: (event) => this.#onSpeakerEvent(event),
        // Sessions that end in a stop withdraw everything, but routes stay, or are cleaned up as a whole.
        bestRoutes: (batch) => {
          if (!this.stopping) this.kernel.installBestRoutes(batch);
        },
        acceptsBestRoutes: () => this.kernel.acceptsBestRoutes,
        trackNextHops: (nextHops) => this.kernel.trackNextHops(nextHops),
        familyConverged: (family) => this.#sweeps.converged(family),
        failed: (error) => this.crash(error),
      },
    });
  }

  #makeKernel(): KernelLink {
    const { networkNamespace, routeProtocol, routeTable: table, stateDirectory } = this.config;
    return new KernelLink({
      worker: {
        ...{ routeProtocol, table, stateDirectory, rehearsal: this.config.rehearsal },
        ...(networkNamespace !== undefined && { networkNamespace }),
      },
      log: this.log,
      onReady: (ready) => this.#setup.kernelReady(ready),
      onAccepting: () => this.driver.resume(),
      onForgotten: () => this.driver.restartBestRoutes(),
      onNextHops: ({ nextHops }) => this.driver.feed({ type: "nextHopChanged", nextHops }),
      onInterfaceDown: (message) => this.driver.feed(message),
      onInterfaces: () => {
        this.rules.onInterfaces(this.kernel.interfaces ?? []);
        this.#setup.workloadsChanged();
        this.originations.update();
        this.services.changed();
      },
      onOwnAddresses: (addresses) => this.#setup.setOwnAddresses(addresses),
    });
  }

  async #serve(): Promise<void> {
    this.#api = await ApiServer.start({
      path: this.config.apiSocket,
      source: apiSourceOf(this),
      onError: (error) => this.log.log("error", "api.failed", { error: error.stack }),
    });
  }

  #follow(): void {
    const { nodeName } = this.config;
    void followHost({
      nodeName,
      datastore: this.#datastore,
      storeName: storeLocation(this.config),
      signal: this.#abort.signal,
      guard: this.loss.guard,
      lastKnownGood: () => this.#state.lastKnownGood(nodeName),
      onHostState: (host, source) => this.#onHostState(host, source),
      onReport: (report) => this.#onReport(report),
      onError: (error) => this.log.log("error", "config.failed", { error: error.stack }),
    }).catch((error: unknown) =>
      this.crash(error instanceof Error ? error : new Error(String(error))),
    );
  }

  #onHostState(host: HostState, source: HostStateSource): void {
    this.#host = host;
    this.#configuredAt = new Date();
    this.log.log("info", "config.applied", {
      peers: host.speaker.peers.length,
      originations: host.originations.length,
      workloads: host.workloads.length,
      problems: host.problems,
    });
    // What is gone is withdrawn before its route goes; what is new is announced when the kernel has its route.
    this.originations.setHost(host, source);
    this.rules.onHostState(host);
    this.kernel.installLocal(host);
    this.#setup.setHost(host);
    this.services.changed();
  }

  #onReport(report: HostFollowerReport): void {
    const before = this.#report;
    this.#report = report;
    const { loss, state, resources } = report;
    this.loss.take({ loss, inSync: state === "in-sync", resources });
    logReport(this.log, before, report);
    this.services.changed();
    const inSync = report.state === "in-sync";
    if (inSync) this.rules.onInSync();
    if (inSync && this.#host !== undefined) this.#memory.remember(this.#host);
    this.#sweeps.datastore({ inSync });
  }

  #onSpeakerEvent(event: SpeakerEvent): void {
    this.log.record(event);
    if (/^peer\.(up|down|renamed)$/.test(event.name)) this.#peersUp.changed();
  }
}
