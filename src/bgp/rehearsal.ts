/*
 * V8 interprets code first and compiles what has proved hot, on threads that take the machine from the daemon. A young
 * daemon would do that while the first full feed comes in, and a calm one would tell each lone change with cold code: the
 * first costs a third of the whole convergence, the second ten times the latency (docs/bench). But a Speaker has no I/O.
 * So a second one, with peers that exist only here, goes through sessions, feeds, changes and withdrawals while the
 * daemon has nothing else to do. It knows no socket and no kernel, and what it learned is thrown away.
 */
import { ACCEPT_ALL } from "../../protocol/policy/policy.ts";
import type { BestRouteReader } from "../../protocol/rib/best-route-reader.ts";
import { DEFAULT_DECISION } from "../../protocol/rib/decision-config.ts";
import { Speaker } from "../../protocol/speaker/speaker.ts";
import type { PeerConfig, SpeakerConfig } from "../../protocol/speaker/speaker-config.ts";
import type {
  ConnectionId,
  SpeakerAction,
  SpeakerInput,
} from "../../protocol/speaker/speaker-io.ts";
import { Asn } from "../../protocol/types/asn.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { Instant } from "../../protocol/types/instant.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { RouterId } from "../../protocol/types/router-id.ts";
import { AttributeFlag, type PathAttribute } from "../../protocol/wire/attribute/path-attribute.ts";
import { encodeMessage } from "../../protocol/wire/encode-message.ts";
import type { Message, UpdateMessage } from "../../protocol/wire/message.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../protocol/wire/wire-context.ts";

/** Sessions, feeds and withdrawals so often: by then little is left to compile. */
const ACTS = 3;
/** How often an act announces all prefixes, each time with other attributes. */
const FEEDS_PER_ACT = 4;
const UPDATES = 400;
const PREFIXES_PER_UPDATE = 5;
/** Every fifth UPDATE is of IPv6. */
const IPV6_EVERY = 5;
const UPDATES_PER_NEXT_HOP = 13;
/** UPDATEs in one input: what interpreted code reads in a few milliseconds. */
const CHUNK_UPDATES = 20;
const LONE_CHANGES = 60;
const WORK_BUDGET = 512;
const BATCH_PREFIXES = 4096;

const ASN = Asn(64_512);
const SELF = IpAddress("198.51.100.1");
const SENDERS = [2, 3];
const RECEIVERS = [4, 5];

/** A speaker that nobody hears, and its peers. */
export class Rehearsal {
  readonly #speaker = new Speaker({ random: () => 0.5 });
  readonly #steps: Iterator<undefined>;
  readonly #readers = new Map<Family, BestRouteReader>();
  #nextConnection: ConnectionId = 2;
  #clock = 0;
  #octetsTold = 0;

  constructor() {
    this.#steps = this.#play();
  }

  /** Plays on for some milliseconds at most; false when the play is over. */
  step(): boolean {
    return this.#steps.next().done !== true;
  }

  /** What the peers of the play were told so far. */
  get octetsTold(): number {
    return this.#octetsTold;
  }

  *#play(): Generator<undefined> {
    const feeds = [yield* chunks(announcement(0)), yield* chunks(announcement(1))];
    const withdrawals = yield* chunks(withdrawal);
    this.#feed({ type: "configure", config: config() });
    this.#feed({ type: "originated", routes: [], complete: true });
    for (let act = 0; act < ACTS; act++) {
      const senders = SENDERS.map((host) => this.#open(host));
      const receivers = RECEIVERS.map((host) => this.#open(host));
      yield undefined;
      for (let feed = 0; feed < FEEDS_PER_ACT; feed++) {
        // The second sender's routes lose to the first one's, until those are withdrawn.
        const sender = senders[feed === 1 ? 1 : 0] as ConnectionId;
        yield* this.#deliver(sender, feeds[feed % 2] as readonly Uint8Array[]);
      }
      const lone = Array.from({ length: LONE_CHANGES }, (_, i) => encode(announcement(2)(i)));
      yield* this.#deliver(senders[0] as ConnectionId, lone);
      yield* this.#deliver(senders[0] as ConnectionId, withdrawals);
      for (const connection of [...senders, ...receivers]) {
        this.#feed({ type: "connectionClosed", connection, reason: "the act is over" });
        yield undefined;
      }
      this.#clock += 60_000;
      this.#feed({ type: "deadlineReached" });
    }
  }

  *#deliver(connection: ConnectionId, chunks: readonly Uint8Array[]): Generator<undefined> {
    for (const bytes of chunks) {
      this.#feed({ type: "bytesReceived", connection, bytes });
      yield undefined;
    }
  }

  /** A connection from a peer, up to Established. */
  #open(host: number): ConnectionId {
    const connection = this.#nextConnection;
    this.#nextConnection += 2;
    const local = { address: SELF, port: 179 };
    const remote = { address: addressOf(host), port: 40_000 };
    this.#feed({ type: "connectionOpened", connection, direction: "incoming", local, remote });
    const open: Message = {
      type: "open",
      version: 4,
      asn: ASN,
      holdTimeSeconds: 90,
      routerId: RouterId(0xc633_6400 + host),
      capabilities: [
        { type: "multiprotocol", family: IPV4_UNICAST },
        { type: "multiprotocol", family: IPV6_UNICAST },
        { type: "fourOctetAsn", asn: ASN },
      ],
    };
    for (const message of [open, { type: "keepalive" } as const]) {
      this.#feed({ type: "bytesReceived", connection, bytes: encode(message) });
    }
    return connection;
  }

  /** Does what a driver does: all that an input asks for, and the work that follows. */
  #feed(input: SpeakerInput): void {
    this.#clock++;
    let actions = this.#speaker.handle(input, Instant(this.#clock));
    while (this.#perform(actions)) {
      const resumed = { type: "workResumed", budget: WORK_BUDGET } as const;
      actions = this.#speaker.handle(resumed, Instant(this.#clock));
    }
  }

  /** True when work waits. */
  #perform(actions: readonly SpeakerAction[]): boolean {
    let workPending = false;
    for (const action of actions) {
      if (action.type === "workPending") workPending = true;
      else if (action.type === "transmitReady") this.#transmit(action.connection);
      else if (action.type === "bestRoutesChanged") this.#readBestRoutes(action.family);
      else if (action.type === "trackNextHops") this.#resolve(action.nextHops);
    }
    return workPending;
  }

  #transmit(connection: ConnectionId): void {
    for (;;) {
      const buffers = this.#speaker.transmit(connection, 65_536);
      if (buffers.length === 0) return;
      for (const { length } of buffers) this.#octetsTold += length;
      this.#speaker.handle({ type: "transmitted", connection }, Instant(this.#clock));
    }
  }

  #readBestRoutes(family: Family): void {
    let reader = this.#readers.get(family);
    if (reader === undefined) {
      reader = this.#speaker.bestRoutes(family);
      this.#readers.set(family, reader);
    }
    while (reader.read(BATCH_PREFIXES) !== undefined);
  }

  #resolve(addresses: readonly IpAddress[]): void {
    const nextHops = addresses.map((nextHop) => {
      return { nextHop, reachable: true, metric: 0, onLink: true };
    });
    this.#speaker.handle({ type: "nextHopChanged", nextHops }, Instant(this.#clock));
  }
}

function config(): SpeakerConfig {
  return {
    asn: ASN,
    routerId: RouterId(0xc633_6401),
    clusterId: RouterId(0xc633_6401),
    ownAddresses: [SELF],
    localWorkloads: [],
    nodeAddresses: [],
    decision: DEFAULT_DECISION,
    peers: [...SENDERS, ...RECEIVERS].map(peer),
  };
}

function peer(host: number): PeerConfig {
  return {
    name: `rehearsal-${host}`,
    origin: "global",
    address: addressOf(host),
    localAddress: SELF,
    port: 179,
    localAsn: ASN,
    peerAsn: ASN,
    passive: true,
    holdTimeSeconds: 90,
    minHoldTimeSeconds: 3,
    connectRetrySeconds: 5,
    idleHoldSeconds: { initial: 0.1, max: 1 },
    delayOpenSeconds: 0,
    families: [{ family: IPV4_UNICAST }, { family: IPV6_UNICAST }],
    extendedMessage: false,
    routeReflectorClient: true,
    nextHopMode: "auto",
    allowOwnAsn: 0,
    enforceFirstAsn: true,
    exportLearned: true,
    acceptDefaultRoute: false,
    acceptNodeAddresses: false,
    importPolicy: ACCEPT_ALL,
    exportPolicy: ACCEPT_ALL,
    advertisementIntervalSeconds: 0,
  };
}

function addressOf(host: number): IpAddress {
  return IpAddress(`198.51.100.${host}`);
}

/** The UPDATEs of one feed, by number; those of two variants differ in each attribute set. */
function announcement(variant: number): (number: number) => UpdateMessage {
  return (i) => {
    const hop = 10 + Math.floor(i / UPDATES_PER_NEXT_HOP);
    const attributes: PathAttribute[] = [
      { type: "origin", origin: "igp", flags: TRANSITIVE },
      {
        type: "asPath",
        asPath: [{ type: "sequence", asns: [Asn(64_600 + variant), Asn(65_000 + i)] }],
        flags: TRANSITIVE,
      },
      { type: "localPref", localPref: 100, flags: TRANSITIVE },
    ];
    const nlri = prefixesOf(i).map((prefix) => ({ prefix }));
    if (isIpv6(i)) {
      const nextHops = [IpAddress(`2001:db8:1::${hop}`)];
      const mpReach = { type: "mpReach", family: IPV6_UNICAST, nextHops, nlri } as const;
      return update({ attributes: [{ ...mpReach, flags: AttributeFlag.optional }, ...attributes] });
    }
    const nextHop = IpAddress(`198.51.100.${hop}`);
    attributes.splice(2, 0, { type: "nextHop", nextHop, flags: TRANSITIVE });
    return update({ attributes, nlri });
  };
}

function withdrawal(i: number): UpdateMessage {
  const withdrawn = prefixesOf(i).map((prefix) => ({ prefix }));
  if (!isIpv6(i)) return update({ withdrawn });
  const mpUnreach = { type: "mpUnreach", family: IPV6_UNICAST, withdrawn } as const;
  return update({ attributes: [{ ...mpUnreach, flags: AttributeFlag.optional }] });
}

const TRANSITIVE = AttributeFlag.transitive;

function update(fields: Partial<UpdateMessage>): UpdateMessage {
  return { type: "update", withdrawn: [], attributes: [], nlri: [], faults: [], ...fields };
}

function isIpv6(update: number): boolean {
  return update % IPV6_EVERY === IPV6_EVERY - 1;
}

/** Scattered over their range, as workloads' addresses are. */
function prefixesOf(update: number): Prefix[] {
  return Array.from({ length: PREFIXES_PER_UPDATE }, (_, i) => {
    const n = Math.imul(update * PREFIXES_PER_UPDATE + i, 0x9e37_79b1) >>> 0;
    const third = (n >>> 8) & 255;
    if (isIpv6(update)) return Prefix(`2001:db8:${(n >>> 16).toString(16)}::/48`);
    return i % 2 === 0
      ? Prefix(`10.${(n >>> 16) & 255}.${third}.${n & 255}/32`)
      : Prefix(`10.${(n >>> 16) & 255}.${third}.0/24`);
  });
}

/** What a connection delivers: all UPDATEs of a kind, in inputs of a few. */
function* chunks(updateOf: (number: number) => UpdateMessage): Generator<undefined, Uint8Array[]> {
  const inputs: Uint8Array[] = [];
  for (let first = 0; first < UPDATES; first += CHUNK_UPDATES) {
    const numbers = Array.from({ length: CHUNK_UPDATES }, (_, i) => first + i);
    inputs.push(Buffer.concat(numbers.map((number) => encode(updateOf(number)))));
    yield undefined;
  }
  return inputs;
}

function encode(message: Message): Uint8Array {
  return encodeMessage(message, DEFAULT_WIRE_CONTEXT);
}
