import { ACCEPT_ALL } from "../../protocol/policy/policy.ts";
import { DEFAULT_DECISION } from "../../protocol/rib/decision-config.ts";
import type { PeerConfig, SpeakerConfig } from "../../protocol/speaker/speaker-config.ts";
import type { NextHopState } from "../../protocol/speaker/speaker-io.ts";
import { Asn } from "../../protocol/types/asn.ts";
import { Community } from "../../protocol/types/community.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { RouterId } from "../../protocol/types/router-id.ts";
import { AttributeFlag, type PathAttribute } from "../../protocol/wire/attribute/path-attribute.ts";
import { encodeMessage } from "../../protocol/wire/encode-message.ts";
import type { Message, UpdateMessage } from "../../protocol/wire/message.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../protocol/wire/wire-context.ts";

/** UPDATEs of one feed of the rehearsal: more prefixes than a page of a table holds, so that growth is compiled too. */
export const UPDATES = 1_100;
const PREFIXES_PER_UPDATE = 5;
/** Every fourth UPDATE is a long one, as those of a host or of a table that is told anew are. */
const LONG_EVERY = 4;
const PREFIXES_OF_LONG = 50;
/** Every fifth UPDATE is of IPv6. */
const IPV6_EVERY = 5;
const UPDATES_PER_NEXT_HOP = 13;
/** What few routes have comes as seldom here. */
const UPDATES_PER_RARITY = 9;
const LONG_PATH = 70;

const ASN = Asn(64_512);
/** The speaker of the rehearsal, a route reflector. RFC 5737 has its address. */
export const SELF = IpAddress("198.51.100.1");

/** The configuration of a route reflector with these hosts as clients. */
export function rehearsalConfig(
  hosts: readonly number[],
  fields: Partial<PeerConfig> = {},
): SpeakerConfig {
  return {
    asn: ASN,
    routerId: RouterId(0xc633_6401),
    clusterId: RouterId(0xc633_6401),
    ownAddresses: [SELF],
    localWorkloads: [],
    nodeAddresses: [],
    decision: DEFAULT_DECISION,
    peers: hosts.map((host) => ({ ...peer(host), ...fields })),
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

/** The address of a host of the rehearsal. */
export function addressOf(host: number): IpAddress {
  return IpAddress(`198.51.100.${host}`);
}

/** What resolves them, as it comes from the worker that knows the kernel: a clone, with the one interface that all are reached over. */
export function resolvedNextHops(addresses: readonly IpAddress[]): readonly NextHopState[] {
  return structuredClone(
    addresses.map((nextHop) => {
      return { nextHop, reachable: true, metric: 0, onLink: true, interface: "rehearsal" };
    }),
  );
}

/** The UPDATEs of one feed, by number; those of two variants differ in each attribute set. */
export function announcement(variant: number): (number: number) => UpdateMessage {
  return (i) => {
    const hop = 10 + Math.floor(i / UPDATES_PER_NEXT_HOP);
    const attributes: PathAttribute[] = [
      { type: "origin", origin: "igp", flags: TRANSITIVE },
      {
        type: "asPath",
        asPath: [{ type: "sequence", asns: pathOf(variant, i) }],
        flags: TRANSITIVE,
      },
      { type: "localPref", localPref: 100, flags: TRANSITIVE },
    ];
    if (i % UPDATES_PER_RARITY === 0) attributes.push(...RARE);
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

/** Every now and then one whose length needs two octets. */
function pathOf(variant: number, i: number): Asn[] {
  const length = i % UPDATES_PER_RARITY === 1 ? LONG_PATH : 2 + (i % 4);
  return Array.from({ length }, (_, at) => Asn(at === 0 ? 64_600 + variant : 65_000 + i));
}

/** The UPDATE that takes back what `announcement` with this number said. */
export function withdrawal(i: number): UpdateMessage {
  const withdrawn = prefixesOf(i).map((prefix) => ({ prefix }));
  if (!isIpv6(i)) return update({ withdrawn });
  const mpUnreach = { type: "mpUnreach", family: IPV6_UNICAST, withdrawn } as const;
  return update({ attributes: [{ ...mpUnreach, flags: AttributeFlag.optional }] });
}

const TRANSITIVE = AttributeFlag.transitive;

const RARE: readonly PathAttribute[] = [
  { type: "multiExitDisc", med: 10, flags: AttributeFlag.optional },
  {
    type: "communities",
    communities: [Community(0xfc00_0001), Community(0x0001_0001)],
    flags: AttributeFlag.optional | TRANSITIVE,
  },
];

function update(fields: Partial<UpdateMessage>): UpdateMessage {
  return { type: "update", withdrawn: [], attributes: [], nlri: [], faults: [], ...fields };
}

function isIpv6(update: number): boolean {
  return update % IPV6_EVERY === IPV6_EVERY - 1;
}

/** Scattered over their range, as workloads' addresses are; half of IPv4 has its top bit set, which V8 counts as another kind of number. */
function prefixesOf(update: number): Prefix[] {
  const length = update % LONG_EVERY === 0 ? PREFIXES_OF_LONG : PREFIXES_PER_UPDATE;
  return Array.from({ length }, (_, i) => {
    const n = Math.imul(update * PREFIXES_OF_LONG + i, 0x9e37_79b1) >>> 0;
    const third = (n >>> 8) & 255;
    if (isIpv6(update)) return Prefix(`2001:db8:${(n >>> 16).toString(16)}::/48`);
    return i % 2 === 0
      ? Prefix(`10.${(n >>> 16) & 255}.${third}.${n & 255}/32`)
      : Prefix(`193.${(n >>> 16) & 255}.${third}.0/24`);
  });
}

/** What a client says to come up: OPEN and KEEPALIVE. */
export function greeting(host: number): Uint8Array {
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
  return Buffer.concat([encode(open), encode({ type: "keepalive" })]);
}

/** The octets of a message. */
export function encode(message: Message): Uint8Array {
  return encodeMessage(message, DEFAULT_WIRE_CONTEXT);
}
