import { Speaker } from "../../protocol/speaker/speaker.ts";
import type {
  Origination,
  RestartingConfig,
  SpeakerConfig,
} from "../../protocol/speaker/speaker-config.ts";
import type {
  ConnectionId,
  SpeakerAction,
  SpeakerEvent,
  SpeakerInput,
  TransportAddress,
} from "../../protocol/speaker/speaker-io.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { Instant } from "../../protocol/types/instant.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { SimKernel } from "./kernel.ts";
import type { Endpoint, Host, Network } from "./network.ts";
import type { Scheduler } from "./scheduler.ts";

/** Octets asked for at a time. */
const WRITE_SIZE = 32_768;

type Surroundings = {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly random: () => number;
};

/** A host of the simulated world: a Speaker, the driver that performs its actions, and a kernel that outlives both. */
export class SimHost implements Host {
  readonly name: string;
  readonly addresses: readonly IpAddress[];
  readonly kernels = new Map<Family, SimKernel>([
    [IPV4_UNICAST, new SimKernel()],
    [IPV6_UNICAST, new SimKernel()],
  ]);
  readonly events: SpeakerEvent[] = [];
  readonly converged: string[] = [];
  readonly unreachable = new Set<IpAddress>();
  /** How many prefixes a slice of work is granted: small numbers exercise the slicing. */
  workBudget = 500;
  config: SpeakerConfig;
  originations: readonly Origination[] = [];

  readonly #world: Surroundings;
  #speaker: Speaker | undefined;
  readonly #ends = new Map<ConnectionId, Endpoint>();
  #nextIncoming = 2;
  #tracked: readonly IpAddress[] = [];
  #timer = Number.POSITIVE_INFINITY;
  #tickAt = Number.POSITIVE_INFINITY;

  constructor(name: string, config: SpeakerConfig, world: Surroundings) {
    this.name = name;
    this.config = config;
    this.addresses = config.ownAddresses;
    this.#world = world;
    world.network.attach(this);
  }

  get speaker(): Speaker {
    if (this.#speaker === undefined) throw new Error(`${this.name} does not run`);
    return this.#speaker;
  }

  get isListening(): boolean {
    return this.#speaker !== undefined;
  }

  kernel(family: Family): SimKernel {
    return this.kernels.get(family) as SimKernel;
  }

  /** Starts the daemon: configuration first, originations when they are complete. */
  start(restart?: RestartingConfig): void {
    const speaker = new Speaker({ random: this.#world.random });
    this.#speaker = speaker;
    this.feed({
      type: "configure",
      config: restart === undefined ? this.config : { ...this.config, gracefulRestart: restart },
    });
    for (const [family, kernel] of this.kernels) {
      kernel.follow(speaker.bestRoutes(family));
      if (!restart?.preservedFamilies.includes(family)) kernel.converged();
      kernel.read(1000);
    }
    this.feed({ type: "originated", routes: this.originations, complete: true });
  }

  originate(routes: readonly Origination[]): void {
    this.originations = routes;
    if (this.#speaker) this.feed({ type: "originated", routes, complete: true });
  }

  configure(config: SpeakerConfig): void {
    this.config = config;
    if (this.#speaker) this.feed({ type: "configure", config });
  }

  /** kill -9: the kernel closes the connections and keeps the routes. `silent`: the power is off, nobody is told. */
  crash({ silent = false }: { readonly silent?: boolean } = {}): void {
    this.#speaker = undefined;
    this.#ends.clear();
    this.#tracked = [];
    this.#world.network.vanish(this, { silent });
  }

  feed(input: SpeakerInput): void {
    if (this.#speaker === undefined) return;
    const actions = this.#speaker.handle(input, Instant(this.#world.scheduler.now));
    for (const action of actions) this.#perform(action);
    this.#arm();
  }

  accept(end: Endpoint, local: TransportAddress, remote: TransportAddress): void {
    end.connection = this.#nextIncoming;
    this.#nextIncoming += 2;
    this.#ends.set(end.connection, end);
    const { connection } = end;
    this.feed({ type: "connectionOpened", connection, direction: "incoming", local, remote });
  }

  connected(end: Endpoint, local: TransportAddress, remote: TransportAddress): void {
    if (this.#speaker === undefined || !end.open) return;
    this.#ends.set(end.connection, end);
    const { connection } = end;
    this.feed({ type: "connectionOpened", connection, direction: "outgoing", local, remote });
  }

  refused(connection: ConnectionId): void {
    this.feed({ type: "connectionFailed", connection, reason: "connection refused" });
  }

  received(end: Endpoint, bytes: Uint8Array): void {
    if (this.#ends.get(end.connection) !== end) return;
    this.feed({ type: "bytesReceived", connection: end.connection, bytes });
  }

  taken(end: Endpoint): void {
    if (this.#ends.get(end.connection) !== end) return;
    this.feed({ type: "transmitted", connection: end.connection });
    this.#pump(end);
  }

  closed(end: Endpoint, reason: string): void {
    if (this.#ends.get(end.connection) !== end) return;
    this.#ends.delete(end.connection);
    this.feed({ type: "connectionClosed", connection: end.connection, reason });
  }

  #perform(action: SpeakerAction): void {
    switch (action.type) {
      case "connect": {
        const { connection, local, remote } = action;
        const own = this.addresses.find(
          (each) => each.includes(":") === remote.address.includes(":"),
        );
        this.#world.network.connect(this, connection, local ?? (own as IpAddress), remote);
        return;
      }
      case "close":
        this.#close(action.connection, action.mode);
        return;
      case "transmitReady": {
        const end = this.#ends.get(action.connection);
        if (end !== undefined) this.#pump(end);
        return;
      }
      case "workPending":
        this.#world.scheduler.after(1, () => {
          this.feed({ type: "workResumed", budget: this.workBudget });
        });
        return;
      case "bestRoutesChanged":
        this.kernel(action.family).read(1000);
        return;
      case "trackNextHops":
        this.#track(action.nextHops);
        return;
      case "familyConverged":
        this.converged.push(`${action.family}: ${action.reason}`);
        this.kernel(action.family).converged();
        return;
      case "stopped":
        // The process ends, and with it whatever it had not closed.
        this.crash();
        return;
      case "event":
        this.events.push(action.event);
        return;
    }
  }

  /** Writes what the connection takes. */
  #pump(end: Endpoint): void {
    while (end.open && end.room > 0 && this.#speaker !== undefined) {
      const buffers = this.#speaker.transmit(end.connection, Math.min(WRITE_SIZE, end.room));
      if (buffers.length === 0) break;
      this.#world.network.send(end, joined(buffers));
    }
    this.#arm();
  }

  #close(connection: ConnectionId, mode: "flush" | "abort"): void {
    const end = this.#ends.get(connection);
    if (end === undefined) return;
    if (mode === "flush") {
      for (const bytes of this.#speaker?.transmit(connection, WRITE_SIZE) ?? []) {
        this.#world.network.send(end, bytes);
      }
    }
    this.#ends.delete(connection);
    this.#world.network.close(end, "closed by peer");
  }

  #track(nextHops: readonly IpAddress[]): void {
    const fresh = nextHops.filter((each) => !this.#tracked.includes(each));
    this.#tracked = nextHops;
    if (fresh.length === 0) return;
    this.#world.scheduler.after(1, () => this.resolve(fresh));
  }

  /** Tells what next hops resolve to: everything is on a link, unless the test says that it is unreachable. */
  resolve(nextHops: readonly IpAddress[]): void {
    this.feed({
      type: "nextHopChanged",
      nextHops: nextHops.map((nextHop) => ({
        nextHop,
        reachable: !this.unreachable.has(nextHop),
        metric: 0,
        onLink: true,
      })),
    });
  }

  #arm(): void {
    const deadline = this.#speaker?.nextDeadline() ?? Number.POSITIVE_INFINITY;
    this.#timer = deadline;
    if (deadline >= this.#tickAt) return;
    this.#tickAt = deadline;
    this.#world.scheduler.at(deadline, () => {
      if (this.#tickAt !== deadline) return;
      this.#tickAt = Number.POSITIVE_INFINITY;
      if (this.#timer <= this.#world.scheduler.now) this.feed({ type: "deadlineReached" });
      else this.#arm();
    });
  }
}

function joined(buffers: readonly Uint8Array[]): Uint8Array {
  return buffers.length === 1 ? (buffers[0] as Uint8Array) : Buffer.concat(buffers);
}
