import { wordsOfPrefix } from "../../../protocol/rib/prefix-words.ts";
import type { ExportProfile } from "../../../protocol/speaker/export/export-profile.ts";
import type { PeerConfig } from "../../../protocol/speaker/speaker-config.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import type { Prefix } from "../../../protocol/types/prefix.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import { type AttributeSet, encodeAttributeSet } from "../../../protocol/wire/attribute-set.ts";
import type { AddPathMode, Capability } from "../../../protocol/wire/capability.ts";
import { encodeMessage } from "../../../protocol/wire/encode-message.ts";
import { UpdateWriter } from "../../../protocol/wire/update-writer.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../../../protocol/wire/wire-context.ts";
import { Receiver } from "../../protocol/speaker/export/receiver.ts";
import { addressOf } from "../topology.ts";
import { peering } from "../world.ts";

export const OWN_ASN = Asn(65000);
export const SELF = addressOf(1);
export const SELF_IPV6 = IpAddress("fd00::1");
export const OWN_ROUTER_ID = RouterId(99);
export const OWN_CLUSTER = RouterId(77);

/** Whom the reflector peers with. A "transit" is an eBGP peer that is told what was learned. */
export type Role = "client" | "nonClient" | "ebgp" | "transit";

/** What a peer can do, as its OPEN says it. */
export type Abilities = {
  readonly families: readonly Family[];
  readonly fourOctetAsn: boolean;
  readonly extendedMessage: boolean;
  /** Path identifiers from the reflector, and to it. */
  readonly receivesPaths: boolean;
  readonly sendsPaths: boolean;
  readonly enhancedRefresh: boolean;
};

export type Announcement = {
  readonly family: Family;
  readonly prefix: Prefix;
  readonly pathId: number;
  readonly set: AttributeSet;
};

/** A peer whose octets the test writes and reads: it believes what it is told, at the pace that the test wants. */
export class ScriptedPeer {
  readonly number: number;
  readonly name: string;
  readonly role: Role;
  readonly abilities: Abilities;
  /** What the reflector is configured with; policies and the like change while the session runs. */
  config: PeerConfig;
  connection: number | undefined;
  receiver: Receiver;
  /** It does not read: its socket is full. */
  stalled = false;
  /** The reflector said that it has something for it. */
  ready = false;
  longest = 0;
  notified = false;

  constructor(number: number, role: Role, abilities: Abilities) {
    this.number = number;
    this.name = `h${number}`;
    this.role = role;
    this.abilities = abilities;
    this.config = configOf(this);
    this.receiver = new Receiver(this.receives());
  }

  get isExternal(): boolean {
    return this.role === "ebgp" || this.role === "transit";
  }

  get asn(): Asn {
    return this.isExternal ? Asn(65100 + this.number) : OWN_ASN;
  }

  get routerId(): RouterId {
    return RouterId(100 + this.number);
  }

  /** How the peer reads what the reflector sends. */
  receives(): WireContext {
    const { families, fourOctetAsn, extendedMessage, receivesPaths } = this.abilities;
    return {
      ...DEFAULT_WIRE_CONTEXT,
      fourOctetAsn,
      extendedMessage,
      addPath: new Set(receivesPaths ? families : []),
      peerType: this.isExternal ? "external" : "internal",
    };
  }

  /** OPEN and KEEPALIVE of a new connection, on which nothing was told yet. */
  greeting(connection: number): Uint8Array {
    this.connection = connection;
    this.receiver = new Receiver(this.receives());
    this.ready = false;
    this.notified = false;
    const open = encodeMessage(
      {
        type: "open",
        version: 4,
        asn: this.asn,
        holdTimeSeconds: 60_000,
        routerId: this.routerId,
        capabilities: this.#capabilities(),
      },
      DEFAULT_WIRE_CONTEXT,
    );
    return Buffer.concat([open, encodeMessage({ type: "keepalive" }, DEFAULT_WIRE_CONTEXT)]);
  }

  lost(): void {
    this.connection = undefined;
    this.ready = false;
    this.stalled = false;
  }

  /** Takes whole messages. */
  receive(buffers: readonly Uint8Array[]): void {
    for (const buffer of buffers) {
      for (let at = 0; at < buffer.length; ) {
        const length = ((buffer[at + 16] as number) << 8) | (buffer[at + 17] as number);
        const type = buffer[at + 18];
        this.longest = Math.max(this.longest, length);
        if (type === 2 || type === 5) this.receiver.receive([buffer.subarray(at, at + length)]);
        if (type === 3) this.notified = true;
        at += length;
      }
    }
  }

  /** The UPDATEs that say this. */
  announce(routes: readonly Announcement[]): Uint8Array {
    const writer = this.#writer();
    const buffer = new Uint8Array(1 << 17);
    writer.attach(buffer);
    for (const { family, prefix, pathId, set } of routes) {
      if (!writer.announce(encodeAttributeSet(set), family)) throw new Error("it does not fit");
      put(prefix, (length, a, b, c, d) => writer.putAnnounced(length, a, b, c, d, pathId));
    }
    return buffer.slice(0, writer.finish());
  }

  withdraw(family: Family, prefix: Prefix, pathId: number): Uint8Array {
    const writer = this.#writer();
    const buffer = new Uint8Array(1 << 13);
    writer.attach(buffer);
    writer.withdraw(family);
    put(prefix, (length, a, b, c, d) => writer.putWithdrawn(length, a, b, c, d, pathId));
    return buffer.slice(0, writer.finish());
  }

  askForRefresh(family: Family): Uint8Array {
    return encodeMessage({ type: "routeRefresh", family, subtype: 0 }, DEFAULT_WIRE_CONTEXT);
  }

  /** What the peer must be told in a family follows from this. Written from the RFCs' words, not from the speaker's code. */
  profile(family: Family, clusterId: RouterId): ExportProfile {
    const { config, role } = this;
    return {
      target: this.isExternal ? "ebgp" : config.routeReflectorClient ? "client" : "nonClient",
      localAsn: OWN_ASN,
      routerId: OWN_ROUTER_ID,
      clusterId,
      nextHopMode: config.nextHopMode,
      nextHopSelf: family === IPV4_UNICAST ? SELF : SELF_IPV6,
      exportLearned: role === "transit",
      exportPolicy: config.exportPolicy,
      wireContext: this.receives(),
      enhancedRefresh: this.abilities.enhancedRefresh,
      advertisementIntervalSeconds: config.advertisementIntervalSeconds,
    };
  }

  #writer(): UpdateWriter {
    const { families, fourOctetAsn, sendsPaths } = this.abilities;
    const addPath = new Set(sendsPaths ? families : []);
    // What it writes may be long where both ends can read it so.
    return new UpdateWriter({ ...this.receives(), fourOctetAsn, addPath });
  }

  #capabilities(): readonly Capability[] {
    const { families, fourOctetAsn, extendedMessage, enhancedRefresh } = this.abilities;
    const mode = pathMode(this.abilities, "receive", "send");
    return [
      ...families.map((family) => ({ type: "multiprotocol", family }) as const),
      { type: "routeRefresh" },
      ...(extendedMessage ? [{ type: "extendedMessage" } as const] : []),
      ...(fourOctetAsn ? [{ type: "fourOctetAsn", asn: this.asn } as const] : []),
      ...(mode === undefined
        ? []
        : [{ type: "addPath", families: families.map((family) => ({ family, mode })) } as const]),
      ...(enhancedRefresh ? [{ type: "enhancedRouteRefresh" } as const] : []),
    ];
  }
}

function pathMode(
  { receivesPaths, sendsPaths }: Abilities,
  receive: AddPathMode,
  send: AddPathMode,
): AddPathMode | undefined {
  if (receivesPaths && sendsPaths) return "both";
  if (receivesPaths) return receive;
  return sendsPaths ? send : undefined;
}

function configOf(peer: ScriptedPeer): PeerConfig {
  const { families, extendedMessage } = peer.abilities;
  const addPath = pathMode(peer.abilities, "send", "receive");
  return peering({
    name: peer.name,
    address: addressOf(peer.number),
    localAsn: OWN_ASN,
    peerAsn: peer.asn,
    passive: true,
    holdTimeSeconds: 60_000,
    sendHoldSeconds: 120_000,
    idleHoldSeconds: { initial: 0.1, max: 0.1 },
    enforceFirstAsn: false,
    acceptNodeAddresses: true,
    extendedMessage,
    routeReflectorClient: peer.role === "client",
    exportLearned: peer.role === "transit",
    families: families.map((family) => ({ family, ...(addPath && { addPath }) })),
  });
}

function put(
  prefix: Prefix,
  action: (length: number, a: number, b: number, c: number, d: number) => void,
): void {
  const { words, length } = wordsOfPrefix(prefix);
  const [a = 0, b = 0, c = 0, d = 0] = words;
  action(length, a, b, c, d);
}

export const BOTH: readonly Family[] = [IPV4_UNICAST, IPV6_UNICAST];
