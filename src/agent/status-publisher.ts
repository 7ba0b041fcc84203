import type { PeerSnapshot } from "../../protocol/speaker/speaker-snapshot.ts";
import { formatRouterId, type RouterId } from "../../protocol/types/router-id.ts";
import { timeOfDay } from "../bgp/clock.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { resourcesOfKind } from "../datastore/resource-table.ts";
import { equalJson } from "../lib/exact-json.ts";
import { version } from "../lib/version.ts";
import { API_VERSION, type Resource } from "../resources/resource.ts";
import type { Agent } from "./agent.ts";
import type { EventLog } from "./event-log.ts";

const KIND = "CalicoNodeStatus";
/** How often it is looked whether there is something to tell: a person may be waiting for it. */
const LOOK_MILLISECONDS = 500;
/** News are told at once, but not more often than this: every write is heard by every node. */
const SHORTEST_MILLISECONDS = 10_000;
/** A daemon that has run for so long is one that stays. */
const SETTLED_MILLISECONDS = 30_000;
/** Of the object that a node makes for itself: without news it says so often that it lives. */
const OWN_PERIOD_SECONDS = 600;

export type StatusPublisherOptions = {
  readonly nodeName: string;
  readonly datastore: Pick<Datastore, "create" | "update">;
  /** Whether an object is made where none asks for this node's state; not into a directory that a person keeps. */
  readonly makesOwn: boolean;
  /** Every CalicoNodeStatus. */
  readonly requests: () => readonly Resource<string, unknown>[];
  /** True once the resources are those of the datastore. */
  readonly isInSync: () => boolean;
  readonly peers: () => readonly PeerSnapshot[];
  readonly routerId: () => RouterId | undefined;
  /** Instants of the speaker's clock as RFC 3339, the same text each time: another one would be news. */
  readonly timeOfDay: (instant: PeerSnapshot["stateSince"]) => string;
  readonly startedAt: Date;
  readonly log: EventLog;
  readonly now?: () => number;
};

type Request = Resource<
  string,
  { readonly node?: string; readonly updatePeriodSeconds?: number }
> & { readonly status?: unknown };

/**
 * Tells the cluster how this host's sessions are, in the CalicoNodeStatus objects that ask for it, so that the cluster can be
 * looked at from any host. A write that fails or that somebody else was quicker with is made again later.
 */
export class StatusPublisher {
  readonly #options: StatusPublisherOptions;
  readonly #now: () => number;
  readonly #lastWrites = new Map<string, { readonly at: number; readonly told: object }>();
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;

  constructor(options: StatusPublisherOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_MILLISECONDS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Writes what is due. */
  async look(): Promise<void> {
    if (this.#isBusy || !this.#options.isInSync()) return;
    this.#isBusy = true;
    try {
      const requests = this.#requests();
      if (requests.length === 0 && this.#mayMakeOwn()) await this.#makeOwn();
      for (const request of requests) await this.#tell(request);
    } catch (error) {
      this.#options.log.log("debug", "status.failed", { error: (error as Error).message });
    } finally {
      this.#isBusy = false;
    }
  }

  #requests(): readonly Request[] {
    const all = this.#options.requests() as readonly Request[];
    return all.filter(({ spec }) => spec.node === this.#options.nodeName);
  }

  /** A daemon that is tried out for a moment leaves nothing in the cluster. */
  #mayMakeOwn(): boolean {
    const { makesOwn, startedAt } = this.#options;
    return makesOwn && this.#now() - startedAt.getTime() >= SETTLED_MILLISECONDS;
  }

  async #makeOwn(): Promise<void> {
    const { nodeName: node, datastore } = this.#options;
    const spec = { node, classes: ["Agent", "BGP"], updatePeriodSeconds: OWN_PERIOD_SECONDS };
    await datastore.create({ apiVersion: API_VERSION, kind: KIND, metadata: { name: node }, spec });
  }

  async #tell(request: Request): Promise<void> {
    const { name } = request.metadata;
    const period = (request.spec.updatePeriodSeconds ?? 0) * 1000;
    // Calico's meaning: without a period nobody wants to hear of it.
    if (period === 0) return;
    const last = this.#lastWrites.get(name);
    const told = this.#state();
    const age = this.#now() - (last?.at ?? Number.NEGATIVE_INFINITY);
    const hasNews = !equalJson(last?.told, told) && age >= Math.min(period, SHORTEST_MILLISECONDS);
    // Whoever asks anew takes the old answer out (src/cli/session-wait.ts).
    const isAsked = request.status === undefined;
    if (age < period && !hasNews && !isAsked) return;
    const status = { lastUpdated: new Date(this.#now()).toISOString(), ...told };
    const result = await this.#options.datastore.update({ ...(request as Resource), status });
    if (result.type === "written") this.#lastWrites.set(name, { at: this.#now(), told });
  }

  /** As Calico's objects have it; the agent of a family is what it says of BIRD. */
  #state(): object {
    const { peers, routerId, startedAt, timeOfDay } = this.#options;
    // One that is idle on purpose is not one that is down.
    const all = peers().filter(({ standsBy }) => standsBy === undefined);
    const ofVersion = (version: 4 | 6) =>
      all.filter(({ address }) => address.includes(":") === (version === 6));
    const [v4, v6] = [ofVersion(4), ofVersion(6)];
    const id = routerId();
    const agent = {
      state: "Ready",
      version: `tortied ${version()}`,
      lastBootTime: startedAt.toISOString(),
      ...(id !== undefined && { routerID: formatRouterId(id) }),
    };
    return {
      agent: { birdV4: agent, birdV6: agent },
      bgp: {
        numberEstablishedV4: v4.filter(isUp).length,
        numberNotEstablishedV4: v4.filter((peer) => !isUp(peer)).length,
        numberEstablishedV6: v6.filter(isUp).length,
        numberNotEstablishedV6: v6.filter((peer) => !isUp(peer)).length,
        peersV4: v4.map((peer) => toldPeer(peer, timeOfDay)),
        peersV6: v6.map((peer) => toldPeer(peer, timeOfDay)),
      },
    };
  }
}

function isUp({ state }: PeerSnapshot): boolean {
  return state === "Established";
}

const PEER_TYPES: { readonly [origin: string]: string } = {
  mesh: "NodeMesh",
  node: "NodePeer",
  global: "GlobalPeer",
};

function toldPeer(
  { address, origin, state, stateSince, families }: PeerSnapshot,
  timeOfDay: StatusPublisherOptions["timeOfDay"],
): object {
  const spoken = families.filter(({ negotiated }) => negotiated);
  return {
    peerIP: address,
    type: PEER_TYPES[origin] ?? origin,
    state,
    since: timeOfDay(stateSince),
    // Ours, not Calico's: the peer has told all that it has, and so have we. RFC 4724 §2.
    toldAll:
      state === "Established" &&
      spoken.every(({ endOfRibReceived, endOfRibSent }) => endOfRibReceived && endOfRibSent),
  };
}

/** The publisher of a daemon. */
export function statusPublisherOf(agent: Agent, datastore: Datastore): StatusPublisher {
  const { config, speaker, log, startedAt } = agent;
  return new StatusPublisher({
    nodeName: config.nodeName,
    datastore,
    makesOwn: config.datastore.type === "etcd",
    requests: () => resourcesOfKind(agent.report.resources, KIND),
    isInSync: () => agent.report.state === "in-sync",
    peers: () => speaker.peers(),
    routerId: () => speaker.status().routerId,
    timeOfDay,
    startedAt,
    log,
  });
}
