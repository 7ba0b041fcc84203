import { Speaker } from "../../../protocol/speaker/speaker.ts";
import type {
  Origination,
  PeerConfig,
  SpeakerConfig,
} from "../../../protocol/speaker/speaker-config.ts";
import type {
  ConnectionId,
  SpeakerAction,
  SpeakerEvent,
  SpeakerInput,
} from "../../../protocol/speaker/speaker-io.ts";
import type { PeerSnapshot, RouteSnapshot } from "../../../protocol/speaker/speaker-snapshot.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { Instant } from "../../../protocol/types/instant.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix, prefixFamily } from "../../../protocol/types/prefix.ts";
import { RouterId, routerIdFromText } from "../../../protocol/types/router-id.ts";
import {
  AttributeFlag,
  type PathAttribute,
  type PathAttributeValue,
} from "../../../protocol/wire/attribute/path-attribute.ts";
import type { Capability } from "../../../protocol/wire/capability.ts";
import { decodeMessage } from "../../../protocol/wire/decode-message.ts";
import { encodeMessage } from "../../../protocol/wire/encode-message.ts";
import type {
  Message,
  NotificationMessage,
  OpenMessage,
  UpdateMessage,
} from "../../../protocol/wire/message.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../../protocol/wire/wire-context.ts";
import { addressOf, hostConfig, ibgp } from "../../sim/topology.ts";
import { peering } from "../../sim/world.ts";

/** Host 1 is the speaker under test; its own address. */
export const SELF = addressOf(1);

/** A speaker on the bench: the test is its driver and all of its peers, and sees each octet. */
export class Bench {
  readonly speaker: Speaker;
  readonly actions: SpeakerAction[] = [];
  now = 0;
  slicing = false;
  config: SpeakerConfig;
  #nextIncoming = 2;

  constructor(config: SpeakerConfig, random: () => number = () => 0.5) {
    this.config = config;
    this.speaker = new Speaker({ random });
  }

  /** Feeds one input and, unless `slicing`, does at once the work that follows from it. */
  feed(input: SpeakerInput): readonly SpeakerAction[] {
    let latest = this.speaker.handle(input, Instant(this.now));
    const actions = [...latest];
    while (!this.slicing && latest.at(-1)?.type === "workPending") {
      latest = this.speaker.handle({ type: "workResumed", budget: 100_000 }, Instant(this.now));
      actions.push(...latest);
    }
    this.actions.push(...actions);
    return actions;
  }

  start(originations: readonly Origination[] = []): this {
    this.feed({ type: "configure", config: this.config });
    this.feed({ type: "originated", routes: originations, complete: true });
    return this;
  }

  configure(change: Partial<SpeakerConfig>): readonly SpeakerAction[] {
    this.config = { ...this.config, ...change };
    return this.feed({ type: "configure", config: this.config });
  }

  /** Changes fields of one peer's configuration. */
  configurePeer(name: string, change: Partial<PeerConfig>): readonly SpeakerAction[] {
    const peers = this.config.peers.map((peer) =>
      peer.name === name ? { ...peer, ...change } : peer,
    );
    return this.configure({ peers });
  }

  /** Lets time pass, feeding each deadline when it comes. */
  wait(seconds: number): void {
    const until = this.now + seconds * 1000;
    for (;;) {
      const next = this.speaker.nextDeadline();
      if (next === undefined || next > until) break;
      this.now = Math.max(this.now, next);
      this.feed({ type: "deadlineReached" });
    }
    this.now = until;
  }

  /** A connection that a peer opens. */
  incoming(from: IpAddress): ConnectionId {
    const connection = this.#nextIncoming;
    this.#nextIncoming += 2;
    this.feed({
      type: "connectionOpened",
      connection,
      direction: "incoming",
      local: { address: SELF, port: 179 },
      remote: { address: from, port: 40_000 + connection },
    });
    return connection;
  }

  /** The connection that the speaker last asked for, answered. */
  answerDial(name: string): ConnectionId {
    const dial = this.actions.findLast(
      (action) => action.type === "connect" && action.peer === name,
    );
    if (dial?.type !== "connect") throw new Error(`${name} was not dialled`);
    this.feed({
      type: "connectionOpened",
      connection: dial.connection,
      direction: "outgoing",
      local: { address: SELF, port: 40_001 },
      remote: dial.remote,
    });
    return dial.connection;
  }

  send(connection: ConnectionId, ...messages: readonly Message[]): readonly SpeakerAction[] {
    const bytes = messages.map((message) => encodeMessage(message, DEFAULT_WIRE_CONTEXT));
    return this.sendBytes(connection, Buffer.concat(bytes));
  }

  sendBytes(connection: ConnectionId, bytes: Uint8Array): readonly SpeakerAction[] {
    return this.feed({ type: "bytesReceived", connection, bytes });
  }

  /** Takes everything that the speaker has for a connection. */
  take(connection: ConnectionId): readonly Message[] {
    const messages: Message[] = [];
    for (;;) {
      const buffers = this.speaker.transmit(connection, 65_536);
      if (buffers.length === 0) return messages;
      const bytes = Buffer.concat(buffers);
      for (let at = 0; at < bytes.length; ) {
        const end = at + bytes.readUInt16BE(at + 16);
        messages.push(
          decodeMessage(bytes.subarray(at, end), { ...DEFAULT_WIRE_CONTEXT, peerType: "internal" }),
        );
        at = end;
      }
      this.feed({ type: "transmitted", connection });
    }
  }

  /** Brings a session with host `n` up over a connection that the peer opens. */
  establish(n: number, change: Partial<OpenMessage> = {}): ConnectionId {
    const connection = this.incoming(addressOf(n));
    this.send(connection, openOf(n, change), { type: "keepalive" });
    return connection;
  }

  close(connection: ConnectionId, reason = "connection reset"): readonly SpeakerAction[] {
    return this.feed({ type: "connectionClosed", connection, reason });
  }

  peer(name: string): PeerSnapshot {
    const peer = this.speaker.peers().find((each) => each.name === name);
    if (peer === undefined) throw new Error(`no peer ${name}`);
    return peer;
  }

  /** Says that these next hops are reachable. */
  reachable(...nextHops: readonly IpAddress[]): void {
    this.feed({
      type: "nextHopChanged",
      nextHops: nextHops.map((nextHop) => ({ nextHop, reachable: true, metric: 0, onLink: true })),
    });
    this.finishWork();
  }

  finishWork(): void {
    for (let i = 0; i < 1000; i++) {
      const actions = this.feed({ type: "workResumed", budget: 100_000 });
      if (!actions.some(({ type }) => type === "workPending")) return;
    }
    throw new Error("work never ends");
  }

  /** Candidates of one prefix. */
  routesTo(prefix: Prefix): readonly RouteSnapshot[] {
    const family = prefixFamily(prefix);
    const query = { table: "loc-rib", family, limit: 10 } as const;
    return this.speaker.routes({ ...query, prefix: { prefix, match: "exact" } }).routes;
  }

  events(name: string): readonly SpeakerEvent[] {
    return this.actions.flatMap((action) =>
      action.type === "event" && action.event.name === name ? [action.event] : [],
    );
  }
}

export const BOTH_FAMILIES: readonly Capability[] = [
  { type: "multiprotocol", family: IPV4_UNICAST },
  { type: "multiprotocol", family: IPV6_UNICAST },
];

/** The OPEN of host n of our AS. */
export function openOf(n: number, change: Partial<OpenMessage> = {}): OpenMessage {
  return {
    type: "open",
    version: 4,
    asn: 64512,
    holdTimeSeconds: 90,
    routerId: routerIdFromText(addressOf(n)),
    capabilities: [
      ...BOTH_FAMILIES,
      { type: "routeRefresh" },
      { type: "fourOctetAsn", asn: Asn(64512) },
      { type: "enhancedRouteRefresh" },
    ],
    ...change,
  };
}

/** The graceful restart capability as a peer sends it. */
export function gracefulRestart(
  change: Partial<Extract<Capability, { type: "gracefulRestart" }>> = {},
): Capability {
  return {
    type: "gracefulRestart",
    restarting: false,
    notification: false,
    restartTimeSeconds: 120,
    families: [
      { family: IPV4_UNICAST, forwarding: true },
      { family: IPV6_UNICAST, forwarding: true },
    ],
    ...change,
  };
}

/** Configuration of the bench's speaker with these peers, both families on each session. */
export function benchConfig(
  peers: readonly PeerConfig[],
  change: Partial<SpeakerConfig> = {},
): SpeakerConfig {
  return hostConfig(1, { peers, ...change });
}

export const FAMILIES = [{ family: IPV4_UNICAST }, { family: IPV6_UNICAST }];

export function internal(n: number, change: Partial<PeerConfig> = {}): PeerConfig {
  return ibgp(n, { families: FAMILIES, ...change });
}

export function external(n: number, asn: number, change: Partial<PeerConfig> = {}): PeerConfig {
  return peering({
    name: `h${n}`,
    address: addressOf(n),
    localAsn: Asn(64512),
    peerAsn: Asn(asn),
    families: FAMILIES,
    ...change,
  });
}

/** The OPEN of an external peer. */
export function externalOpen(asn: number): Partial<OpenMessage> {
  return {
    asn,
    capabilities: [...BOTH_FAMILIES, { type: "fourOctetAsn", asn: Asn(asn) }],
  };
}

type Attributes = {
  readonly nextHop?: string;
  readonly asPath?: readonly number[];
  readonly localPref?: number;
  readonly extra?: readonly PathAttributeValue[];
};

/** An UPDATE that announces prefixes of one family. */
export function announce(prefixes: readonly string[], attributes: Attributes = {}): UpdateMessage {
  const { nextHop = addressOf(2), asPath = [], localPref = 100, extra = [] } = attributes;
  const nlri = prefixes.map((prefix) => ({ prefix: Prefix(prefix) }));
  const [first] = nlri;
  const ipv6 = first !== undefined && prefixFamily(first.prefix) === IPV6_UNICAST;
  const values: PathAttributeValue[] = [
    ...(ipv6
      ? [{ type: "mpReach", family: IPV6_UNICAST, nextHops: [IpAddress(nextHop)], nlri } as const]
      : []),
    { type: "origin", origin: "igp" },
    {
      type: "asPath",
      asPath: asPath.length === 0 ? [] : [{ type: "sequence", asns: asPath.map(Asn) }],
    },
    ...(ipv6 ? [] : [{ type: "nextHop", nextHop: IpAddress(nextHop) } as const]),
    { type: "localPref", localPref },
    ...extra,
  ];
  return {
    type: "update",
    withdrawn: [],
    attributes: values.map(withFlags),
    nlri: ipv6 ? [] : nlri,
    faults: [],
  };
}

export function withdraw(...prefixes: readonly string[]): UpdateMessage {
  const withdrawn = prefixes.map((prefix) => ({ prefix: Prefix(prefix) }));
  return { type: "update", withdrawn, attributes: [], nlri: [], faults: [] };
}

/** End-of-RIB of IPv4 unicast. RFC 4724 §2. */
export const END_OF_RIB: UpdateMessage = withdraw();

/** End-of-RIB of IPv6 unicast. */
export const END_OF_RIB_IPV6: UpdateMessage = {
  ...END_OF_RIB,
  attributes: [withFlags({ type: "mpUnreach", family: IPV6_UNICAST, withdrawn: [] })],
};

function withFlags(value: PathAttributeValue): PathAttribute {
  const optional = AttributeFlag.optional;
  const transitive = AttributeFlag.transitive;
  switch (value.type) {
    case "origin":
    case "asPath":
    case "nextHop":
    case "localPref":
    case "atomicAggregate":
      return { ...value, flags: transitive };
    case "multiExitDisc":
    case "originatorId":
    case "clusterList":
    case "mpReach":
    case "mpUnreach":
    case "aigp":
      return { ...value, flags: optional };
    default:
      return { ...value, flags: optional | transitive };
  }
}

export function notifications(messages: readonly Message[]): readonly NotificationMessage[] {
  return messages.filter((message) => message.type === "notification");
}

/** "6/2", "2/2": the codes of what was sent last. */
export function codes(messages: readonly Message[]): string | undefined {
  const last = notifications(messages).at(-1);
  return last && `${last.code}/${last.subcode}`;
}

export const CLUSTER = RouterId(77);
