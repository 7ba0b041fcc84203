import { DEFAULT_DECISION } from "../../../protocol/rib/decision-config.ts";
import { Speaker } from "../../../protocol/speaker/speaker.ts";
import type { PeerConfig, SpeakerConfig } from "../../../protocol/speaker/speaker-config.ts";
import type { SpeakerAction, SpeakerInput } from "../../../protocol/speaker/speaker-io.ts";
import type { Family } from "../../../protocol/types/family.ts";
import { Instant } from "../../../protocol/types/instant.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import type { Prefix } from "../../../protocol/types/prefix.ts";
import type { AttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { ModelRib } from "../../protocol/rib/model.ts";
import { applyPolicy, expectedAdjRibOut } from "../../protocol/speaker/export/model.ts";
import { addressOf } from "../topology.ts";
import {
  type Announcement,
  BOTH,
  OWN_ASN,
  OWN_CLUSTER,
  OWN_ROUTER_ID,
  type ScriptedPeer,
  SELF,
  SELF_IPV6,
} from "./scripted-peer.ts";

/** Communities of a set that fits a message of 65,535 octets only. */
export const HUGE_COMMUNITIES = 1100;

export const NEXT_HOPS: readonly IpAddress[] = [
  ...["10.9.0.1", "10.9.0.2", "10.9.0.3"],
  ...["fd00::9:1", "fd00::9:2", "fd00::9:3"],
].map((text) => IpAddress(text));

/**
 * A reflector with scripted peers around it, and beside it the model: a table without columns, from which each peer's
 * Adj-RIB-Out is worked out by itself, route by route. Whatever the peers do, at quiescence each must hold what the model says.
 */
export class GroupingWorld {
  readonly speaker: Speaker;
  readonly model = new ModelRib(DEFAULT_DECISION);
  readonly peers: readonly ScriptedPeer[];
  /** Peers that are configured now. */
  readonly configured: Set<ScriptedPeer>;
  clusterId = OWN_CLUSTER;
  now = 0;
  resets = 0;
  #workPending = false;
  #nextConnection = 2;
  #originated: readonly Prefix[] = [];

  constructor(
    peers: readonly ScriptedPeer[],
    limits: { readonly logCapacity?: number; readonly maxLagOctets?: number } = {},
  ) {
    this.peers = peers;
    this.configured = new Set(peers);
    this.speaker = new Speaker({ random: () => 0.5, limits });
    for (const nextHop of NEXT_HOPS)
      this.model.nextHops.set(nextHop, { reachable: true, metric: 1 });
    this.configure();
    this.originate([]);
  }

  feed(input: SpeakerInput): void {
    for (const action of this.speaker.handle(input, Instant(this.now))) this.#perform(action);
  }

  /** Tells the speaker all that is configured now. */
  configure(): void {
    for (const peer of this.peers) {
      this.model.peers.set(peer.number, {
        type: peer.isExternal ? "ebgp" : "ibgp",
        routeReflectorClient: peer.config.routeReflectorClient,
        routerId: peer.routerId,
        address: addressOf(peer.number),
      });
    }
    this.feed({ type: "configure", config: this.#config() });
  }

  /** Changes what one peer is configured with, while its session runs. */
  change(peer: ScriptedPeer, fields: Partial<PeerConfig>): void {
    peer.config = { ...peer.config, ...fields };
    this.configure();
    this.model.rejudge(peer.number, (route) => this.#accepted(peer, route.prefix, route.received));
  }

  originate(prefixes: readonly Prefix[]): void {
    for (const prefix of this.#originated) this.model.withdraw(0, prefix, 0);
    this.#originated = prefixes;
    for (const prefix of prefixes) {
      const set: AttributeSet = { nextHop: undefined, origin: "igp", asPath: [] };
      this.model.announce({ prefix, peer: 0, pathId: 0, received: set, accepted: set });
    }
    const routes = prefixes.map((prefix) => ({ prefix, kind: "prefix" }) as const);
    this.feed({ type: "originated", routes, complete: true });
  }

  resolve(nextHop: IpAddress, reachable: boolean): void {
    this.model.nextHops.set(nextHop, { reachable, metric: 1 });
    this.#tell([nextHop]);
  }

  connect(peer: ScriptedPeer): void {
    if (peer.connection !== undefined || !this.configured.has(peer)) return;
    const connection = this.#nextConnection;
    this.#nextConnection += 2;
    const bytes = peer.greeting(connection);
    this.feed({
      type: "connectionOpened",
      connection,
      direction: "incoming",
      local: { address: SELF, port: 179 },
      remote: { address: addressOf(peer.number), port: 40_000 },
    });
    if (peer.connection === connection) {
      this.feed({ type: "bytesReceived", connection, bytes });
    }
  }

  /** The connection breaks. */
  lose(peer: ScriptedPeer): void {
    const { connection } = peer;
    if (connection === undefined) return;
    this.#lost(peer);
    this.feed({ type: "connectionClosed", connection, reason: "reset by peer" });
  }

  say(peer: ScriptedPeer, bytes: Uint8Array): void {
    const { connection } = peer;
    if (connection !== undefined) this.feed({ type: "bytesReceived", connection, bytes });
  }

  announce(peer: ScriptedPeer, routes: readonly Announcement[]): void {
    for (const { prefix, pathId, set } of routes) {
      const accepted = this.#accepted(peer, prefix, set);
      this.model.announce({ prefix, peer: peer.number, pathId, received: set, accepted });
    }
    this.say(peer, peer.announce(routes));
  }

  withdraw(peer: ScriptedPeer, family: Family, prefix: Prefix, pathId: number): void {
    this.model.withdraw(peer.number, prefix, pathId);
    this.say(peer, peer.withdraw(family, prefix, pathId));
  }

  /** One slice of decisions. */
  work(budget: number): void {
    if (!this.#workPending) return;
    this.#workPending = false;
    this.feed({ type: "workResumed", budget });
  }

  /** A peer that reads takes something, as a driver would hand it on. */
  take(peer: ScriptedPeer, maxBytes: number): void {
    const { connection } = peer;
    if (connection === undefined || peer.stalled || !peer.ready) return;
    const buffers = this.speaker.transmit(connection, maxBytes);
    if (buffers.length === 0) peer.ready = false;
    peer.receive(buffers);
    if (buffers.length > 0) this.feed({ type: "transmitted", connection });
    if (peer.notified) this.lose(peer);
  }

  /** Everybody reads, and nothing more happens until nothing is left to say. */
  quiesce(): void {
    for (const peer of this.peers) peer.stalled = false;
    for (let round = 0; this.#isBusy(); round++) {
      if (round > 20_000) throw new Error("it never ends");
      this.work(50);
      for (const peer of this.peers) this.take(peer, 4096);
      const due = this.speaker.nextDeadline();
      if (due !== undefined && due <= this.now) this.feed({ type: "deadlineReached" });
    }
    // What an advertisement interval holds back comes when it is over.
    const due = this.speaker.nextDeadline();
    if (due === undefined || due > this.now + 10_000) return;
    this.now = due;
    this.feed({ type: "deadlineReached" });
    this.quiesce();
  }

  /** The first difference between what a peer holds, what the speaker lists for it, and the model. */
  difference(): string | undefined {
    for (const peer of this.peers) {
      if (peer.connection === undefined) continue;
      const listed: string[] = [];
      const expected: string[] = [];
      for (const family of peer.abilities.families) {
        listed.push(...this.#listed(peer, family));
        expected.push(...this.#expected(peer, family));
      }
      const held = [...peer.receiver.routes.values()].map(({ prefix, set }) => line(prefix, set));
      const found =
        compare(`${peer.name} holds`, held, expected) ??
        compare(`${peer.name} is listed`, listed, expected) ??
        oddity(peer);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #isBusy(): boolean {
    const due = this.speaker.nextDeadline();
    const reads = this.peers.some(({ connection, ready }) => connection !== undefined && ready);
    return this.#workPending || reads || (due !== undefined && due <= this.now);
  }

  #listed(peer: ScriptedPeer, family: Family): readonly string[] {
    const query = { table: "adj-out", family, peer: peer.name, limit: 10_000 } as const;
    const { routes } = this.speaker.routes(query);
    return routes.map(({ prefix, attributes }) => line(prefix, attributes));
  }

  #expected(peer: ScriptedPeer, family: Family): readonly string[] {
    const { receivesPaths: addPath, extendedMessage } = peer.abilities;
    const profile = peer.profile(family, this.clusterId);
    const inFamily = (prefix: Prefix) => prefix.includes(":") === (family === BOTH[1]);
    return expectedAdjRibOut(this.model, peer.number, profile, { addPath })
      .filter(([prefix]) => inFamily(prefix))
      .filter(([, set]) => extendedMessage || (set.communities?.length ?? 0) < HUGE_COMMUNITIES)
      .map(([prefix, set]) => line(prefix, set));
  }

  #accepted(peer: ScriptedPeer, prefix: Prefix, set: AttributeSet): AttributeSet | undefined {
    const kind = peer.isExternal ? "ebgp" : "ibgp";
    return applyPolicy(peer.config.importPolicy, prefix, set, kind, set);
  }

  #config(): SpeakerConfig {
    return {
      asn: OWN_ASN,
      routerId: OWN_ROUTER_ID,
      clusterId: this.clusterId,
      ownAddresses: [SELF, SELF_IPV6],
      localWorkloads: [],
      nodeAddresses: [],
      decision: DEFAULT_DECISION,
      peers: [...this.configured].map(({ config }) => config),
    };
  }

  #perform(action: SpeakerAction): void {
    switch (action.type) {
      case "workPending":
        this.#workPending = true;
        return;
      case "transmitReady": {
        const peer = this.#peerOf(action.connection);
        if (peer !== undefined) peer.ready = true;
        return;
      }
      case "close": {
        const peer = this.#peerOf(action.connection);
        if (peer === undefined) return;
        this.resets++;
        this.#lost(peer);
        return;
      }
      case "trackNextHops":
        this.#tell(action.nextHops);
        return;
      default:
        return;
    }
  }

  #tell(nextHops: readonly IpAddress[]): void {
    const states = nextHops.map((nextHop) => {
      const reachable = this.model.nextHops.get(nextHop)?.reachable ?? false;
      return { nextHop, reachable, metric: 1, onLink: true };
    });
    this.feed({ type: "nextHopChanged", nextHops: states });
  }

  #peerOf(connection: number): ScriptedPeer | undefined {
    return this.peers.find((peer) => peer.connection === connection);
  }

  #lost(peer: ScriptedPeer): void {
    peer.lost();
    this.model.removePeer(peer.number);
  }
}

function compare(
  what: string,
  found: readonly string[],
  expected: readonly string[],
): string | undefined {
  const [left, right] = [found.toSorted(), expected.toSorted()];
  if (left.join("\n") === right.join("\n")) return undefined;
  const missing = right.filter((each) => !left.includes(each));
  const extra = left.filter((each) => !right.includes(each));
  return `${what}, instead of\n  ${missing.join("\n  ")}\nthis\n  ${extra.join("\n  ")}`;
}

/** What should never be seen although the table is right. */
function oddity({ name, receiver, longest, abilities }: ScriptedPeer): string | undefined {
  if (receiver.needless.length > 0) return `${name} lost ${receiver.needless} needlessly`;
  if (longest > (abilities.extendedMessage ? 65_535 : 4096)) return `${name} got ${longest} octets`;
  const markers = receiver.events.filter((event) => event === "endOfRib").length;
  const due = abilities.families.length;
  return markers === due ? undefined : `${name} got ${markers} End-of-RIB instead of ${due}`;
}

function line(prefix: Prefix, set: AttributeSet): string {
  const fields = Object.entries(set).filter(([, value]) => value !== undefined);
  return `${prefix} ${JSON.stringify(fields.sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}
