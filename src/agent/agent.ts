/*
 * The composition root: the only place that knows every part. Desired state flows one way,
 *
 *   datastore → calc → HostState ─┬→ speaker (configure, originated) ── best routes, next hops → kernel worker
 *                                 └→ kernel worker (workloads, blackholes, static routes)
 *
 * and what is comes back: next hops and lost interfaces to the speaker, everything to the event log and the API. The
 * speaker is configured when two things are known: what the kernel still holds of an earlier run (graceful restart), and
 * what this host should be. An OPEN before that would make peers flush us, so there is none.
 */
import { Speaker } from "../../protocol/speaker/speaker.ts";
import type { SpeakerConfig } from "../../protocol/speaker/speaker-config.ts";
import type { SpeakerEvent } from "../../protocol/speaker/speaker-io.ts";
import type { Family } from "../../protocol/types/family.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
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
import { drained } from "./drain.ts";
import { EventLog, type LogDestination } from "./event-log.ts";
import { type HeldPeers, holdPeers } from "./held-peers.ts";
import { followHost, type HostFollowerReport, type HostStateSource } from "./host-follower.ts";
import { HostMemory } from "./host-memory.ts";
import { KernelLink, type KernelReady } from "./kernel-link.ts";
import { openDatastore } from "./open-datastore.ts";
import { PeersUp } from "./peers-up.ts";
import { presentOriginations } from "./present-originations.ts";
import { logReport } from "./report-log.ts";
import { RulesLink } from "./rules-link.ts";
import { rehearseInSpareTime } from "./spare-time-rehearsal.ts";
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

/** A kernel that does not answer by then is not waited for: its routes count as not preserved. */
const KERNEL_MILLISECONDS = 10_000;
/** RFC 4724 §4.1: Selection_Deferral_Timer. */
const SELECTION_DEFERRAL_SECONDS = 10;
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
  readonly startedAt = new Date();
  readonly #options: AgentOptions;
  readonly #state: StateDirectory;
  readonly #memory: HostMemory;
  readonly #peersUp: PeersUp;
  readonly #held: HeldPeers;
  readonly #datastore: Datastore;
  readonly #abort = new AbortController();
  readonly #pendingSweeps = new Set<Family>();
  #api: ApiServer | undefined;
  #kernelTimer: NodeJS.Timeout | undefined;
  #kernelReady: KernelReady | undefined;
  #restarting: SpeakerConfig["gracefulRestart"];
  #host: HostState | undefined;
  #hostSource: HostStateSource = "datastore";
  #report: HostFollowerReport = { resources: new Map(), problems: [], state: "syncing" };
  #ownAddresses: readonly IpAddress[] = [];
  /** Originations that wait for their interface. */
  #absent = 0;
  #configuredAt: Date | undefined;
  #speakerIsConfigured = false;
  #stopping: Promise<void> | undefined;
  #draining = false;

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
    this.kernel = this.#makeKernel();
    this.rules = new RulesLink(this);
    this.#datastore = openDatastore(config);
    this.loss = new ClusterLoss({
      datastore: this.#datastore,
      log: this.log,
      remembered: this.#state.clusterMemory(config.nodeName),
      remember: (cluster) => this.#state.rememberCluster(cluster),
      confirmAfterSeconds: config.confirmLossAfterSeconds,
    });
    this.services = new ClusterServices({
      agent: this,
      datastore: this.#datastore,
      originate: () => this.#originate(),
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

  get draining(): boolean {
    return this.#draining;
  }

  /** Asks peers to take other ways than through this host, or no longer. RFC 8326. */
  drain({ on }: { readonly on: boolean }): void {
    this.log.log("info", "operator.drain", { on });
    this.#draining = on;
    this.#originate();
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
    clearTimeout(this.#kernelTimer);
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
        familyConverged: (family) => this.#onConverged(family),
        failed: (error) => this.crash(error),
      },
    });
  }

  #makeKernel(): KernelLink {
    const { networkNamespace, routeProtocol, routeTable: table, stateDirectory } = this.config;
    this.#kernelTimer = setTimeout(() => {
      this.log.log("error", "kernel.silent", { seconds: KERNEL_MILLISECONDS / 1000 });
      this.#onKernelReady({ preserved: [] });
    }, KERNEL_MILLISECONDS);
    return new KernelLink({
      worker: {
        ...{ routeProtocol, table, stateDirectory, rehearsal: this.config.rehearsal },
        ...(networkNamespace !== undefined && { networkNamespace }),
      },
      log: this.log,
      onReady: (ready) => this.#onKernelReady(ready),
      onAccepting: () => this.driver.resume(),
      onForgotten: () => this.driver.restartBestRoutes(),
      onNextHops: ({ nextHops }) => this.driver.feed({ type: "nextHopChanged", nextHops }),
      onInterfaceDown: (message) => this.driver.feed(message),
      onInterfaces: () => {
        this.rules.onInterfaces(this.kernel.interfaces ?? []);
        if (!this.#speakerIsConfigured) this.#configureSpeaker();
        this.#originate();
        this.services.changed();
      },
      onOwnAddresses: (addresses) => {
        this.#ownAddresses = addresses;
        this.#configureSpeaker();
      },
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
    this.#hostSource = source;
    this.#configuredAt = new Date();
    this.log.log("info", "config.applied", {
      peers: host.speaker.peers.length,
      originations: host.originations.length,
      workloads: host.workloads.length,
      problems: host.problems,
    });
    // What is gone is withdrawn before its route goes; what is new is announced when the kernel has its route.
    this.#originate();
    this.rules.onHostState(host);
    this.kernel.installLocal(host);
    this.#configureSpeaker();
    this.services.changed();
  }

  /** Workloads that this host delivers to; before the kernel's first report nobody knows, and nothing is said. */
  #originate(): void {
    const { readyWorkloads } = this.kernel;
    if (this.#host === undefined || readyWorkloads === undefined) return;
    const { withdrawn } = this.services.workloads;
    const ready = new Set([...readyWorkloads].filter((name) => !withdrawn.has(name)));
    const routes = presentOriginations(this.#host, ready, this.#hostSource);
    const absent = this.#host.originations.length - routes.length;
    if (absent !== this.#absent) this.log.log("info", "workloads.absent", { count: absent });
    this.#absent = absent;
    const told = this.#draining ? drained(routes) : routes;
    this.driver.feed({ type: "originated", routes: told, complete: true });
  }

  #onReport(report: HostFollowerReport): void {
    const before = this.#report;
    this.#report = report;
    const { loss, state, resources } = report;
    this.loss.take({ loss, inSync: state === "in-sync", resources });
    logReport(this.log, before, report);
    this.services.changed();
    if (report.state !== "in-sync") return;
    this.rules.onInSync();
    if (this.#host !== undefined) this.#memory.remember(this.#host);
    for (const family of this.#pendingSweeps) this.#sweep(family);
  }

  #onKernelReady(ready: KernelReady): void {
    clearTimeout(this.#kernelTimer);
    if (this.#kernelReady !== undefined) return;
    this.#kernelReady = ready;
    if (ready.preserved.length > 0) {
      this.#restarting = {
        preservedFamilies: ready.preserved,
        waitForPeers: this.#state.peersUp(),
        selectionDeferralSeconds: SELECTION_DEFERRAL_SECONDS,
      };
      this.log.log("info", "agent.restarting", { waitForPeers: this.#restarting.waitForPeers });
    }
    this.#configureSpeaker();
  }

  #configureSpeaker(): void {
    if (this.#host === undefined || this.#kernelReady === undefined || this.stopping) return;
    // A restarted daemon's first words must hold what it announced before, or peers drop it at our End-of-RIB. RFC 4724 §4.1.
    if (this.#restarting !== undefined && this.kernel.readyWorkloads === undefined) return;
    const { speaker, listen } = this.#host;
    const config: SpeakerConfig = {
      ...speaker,
      ownAddresses: [...new Set([...speaker.ownAddresses, ...this.#ownAddresses])],
      peers: speaker.peers.map((peer) => this.#held.apply(peer)),
      ...(this.#restarting !== undefined && { gracefulRestart: this.#restarting }),
    };
    const override = this.config.listen;
    this.#speakerIsConfigured = true;
    void this.driver.configure(config, {
      port: override?.port ?? listen.port,
      addresses: override?.addresses ?? listen.addresses,
    });
  }

  #onSpeakerEvent(event: SpeakerEvent): void {
    this.log.record(event);
    if (/^peer\.(up|down|renamed)$/.test(event.name)) this.#peersUp.changed();
  }

  /** Nothing is swept before the datastore is in sync: a route that nobody wants yet may be wanted then. */
  #onConverged(family: Family): void {
    if (this.#report.state === "in-sync") this.#sweep(family);
    else this.#pendingSweeps.add(family);
  }

  #sweep(family: Family): void {
    this.#pendingSweeps.delete(family);
    this.kernel.sweep(family);
  }
}
