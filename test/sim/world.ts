import type { PeerConfig, SpeakerConfig } from "../../protocol/speaker/speaker-config.ts";
import { type Family, IPV4_UNICAST } from "../../protocol/types/family.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";
import { FAIR, Network, type Weather } from "./network.ts";
import { Scheduler, seededRandom } from "./scheduler.ts";
import { SimHost } from "./sim-host.ts";

/** Owns the clock, the wires and the dice; nothing else in a run may. */
export class World {
  readonly seed: number;
  readonly scheduler = new Scheduler();
  readonly random: () => number;
  readonly network: Network;
  readonly hosts: SimHost[] = [];

  constructor(seed: number, weather: Weather = FAIR) {
    this.seed = seed;
    this.random = seededRandom(seed);
    this.network = new Network(this.scheduler, this.random, weather);
  }

  get now(): number {
    return this.scheduler.now;
  }

  add(name: string, config: SpeakerConfig): SimHost {
    const host = new SimHost(name, config, this);
    this.hosts.push(host);
    return host;
  }

  /** Lets time pass. */
  run(seconds: number): void {
    const until = this.now + seconds * 1000;
    while (this.scheduler.step(until));
  }

  /** Lets time pass until the condition holds; throws, with the seed, when it does not within the time. */
  runUntil(what: string, holds: () => boolean, seconds = 120): void {
    const until = this.now + seconds * 1000;
    while (!holds()) {
      // Conditions are expensive: look every 50 ms of false time.
      const next = Math.min(until, this.now + 50);
      while (this.scheduler.step(next));
      if (next >= until && !holds()) {
        throw new Error(`seed ${this.seed}: not within ${seconds} s: ${what}\n${this.describe()}`);
      }
    }
  }

  /** All sessions of all running hosts are up. */
  allEstablished(): boolean {
    return this.hosts.every((host) => {
      if (!host.isListening) return true;
      const { peers } = host.speaker.status();
      return peers.established === peers.total;
    });
  }

  describe(): string {
    return this.hosts
      .slice(0, 10)
      .map((host) => {
        if (!host.isListening) return `${host.name}: not running`;
        const peers = host.speaker
          .peers()
          .slice(0, 10)
          .map(({ name, state, lastError }) => `${name} ${state} ${lastError?.text ?? ""}`);
        return `${host.name}: ${peers.join(", ")}`;
      })
      .join("\n");
  }
}

/** The best routes of a host as text: prefix → name of the peer that it came from ("local" for its own). */
export function bestRoutes(host: SimHost, family: Family = IPV4_UNICAST): Map<Prefix, string> {
  const best = new Map<Prefix, string>();
  for (let cursor: string | undefined; ; ) {
    const page = host.speaker.routes({
      table: "loc-rib",
      family,
      limit: 1000,
      ...(cursor !== undefined && { cursor }),
    });
    for (const route of page.routes) if (route.best) best.set(route.prefix, route.peer);
    if (page.cursor === undefined) return best;
    cursor = page.cursor;
  }
}

/** A peering with sensible values, changed as the test needs it. */
export function peering(
  fields: Pick<PeerConfig, "name" | "address" | "localAsn" | "peerAsn"> & Partial<PeerConfig>,
): PeerConfig {
  return { ...PEERING, ...fields };
}

const ACCEPT = { name: "accept-all", rules: [], otherwise: "accept" } as const;

const PEERING: Omit<PeerConfig, "name" | "address" | "localAsn" | "peerAsn"> = {
  origin: "mesh",
  port: 179,
  passive: false,
  holdTimeSeconds: 90,
  minHoldTimeSeconds: 3,
  connectRetrySeconds: 5,
  idleHoldSeconds: { initial: 1, max: 30 },
  delayOpenSeconds: 0,
  families: [{ family: IPV4_UNICAST }],
  extendedMessage: false,
  routeReflectorClient: false,
  nextHopMode: "auto",
  allowOwnAsn: 0,
  enforceFirstAsn: true,
  exportLearned: false,
  acceptDefaultRoute: false,
  acceptNodeAddresses: false,
  gracefulRestart: { restartTimeSeconds: 120 },
  importPolicy: ACCEPT,
  exportPolicy: ACCEPT,
  advertisementIntervalSeconds: 0,
};
