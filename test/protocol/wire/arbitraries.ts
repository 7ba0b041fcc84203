import fc from "fast-check";
import { Asn } from "../../../protocol/types/asn.ts";
import {
  Community,
  type ExtendedCommunity,
  type LargeCommunity,
} from "../../../protocol/types/community.ts";
import { Family, IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { type IpAddress, ipAddressFromBytes } from "../../../protocol/types/ip-address.ts";
import { prefixFromBytes } from "../../../protocol/types/prefix.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import type { AsPath, PathAttribute } from "../../../protocol/wire/attribute/path-attribute.ts";
import type { AttributeSet } from "../../../protocol/wire/attribute-set.ts";
import type { Capability } from "../../../protocol/wire/capability.ts";
import type { Message, Nlri, UpdateMessage } from "../../../protocol/wire/message.ts";
import { toHex } from "../../../protocol/wire/octets.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../../../protocol/wire/wire-context.ts";

/*
 * Messages that a speaker could send, and the sessions that they are sent in.
 */
const octets = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
const u32 = fc.nat({ max: 0xffff_ffff });
const octet = fc.nat({ max: 255 });

const ipv4 = octets(4, 4).map(ipAddressFromBytes);
const ipv6 = octets(16, 16).map(ipAddressFromBytes);
const routerId = fc.integer({ min: 1, max: 0xffff_ffff }).map(RouterId);

function asn(fourOctet: boolean): fc.Arbitrary<Asn> {
  return fc.integer({ min: 1, max: fourOctet ? 0xffff_ffff : 0xffff }).map(Asn);
}

function asPath(fourOctet: boolean, minLength: number): fc.Arbitrary<AsPath> {
  const segment = fc.record({
    type: fc.constantFrom("sequence", "sequence", "set", "confedSequence", "confedSet"),
    asns: fc.array(asn(fourOctet), { minLength: 1, maxLength: 12 }),
  });
  return fc.array(segment, { minLength, maxLength: 4 }) as fc.Arbitrary<AsPath>;
}

export const contexts: fc.Arbitrary<WireContext> = fc
  .record({ fourOctetAsn: fc.boolean(), addPath: fc.boolean() })
  .map(({ fourOctetAsn, addPath }) => ({
    ...DEFAULT_WIRE_CONTEXT,
    fourOctetAsn,
    addPath: new Set(addPath ? [IPV4_UNICAST, IPV6_UNICAST] : []),
    extendedMessage: true,
  }));

function nlri(family: Family, context: WireContext, maxLength: number): fc.Arbitrary<Nlri[]> {
  const width = family === IPV4_UNICAST ? 4 : 16;
  const prefix = fc
    .tuple(octets(width, width), fc.nat({ max: width * 8 }))
    .map(([address, length]) => prefixFromBytes(address, length));
  const one = context.addPath.has(family)
    ? fc.record({ prefix, pathId: u32 })
    : fc.record({ prefix });
  return fc.array(one, { maxLength });
}

const unroutedFamily = fc
  .tuple(fc.constantFrom(1, 2, 25, 16388), fc.constantFrom(2, 4, 128, 70, 133))
  .map(([afi, safi]) => Family(afi, safi));

function mpAttributes(context: WireContext): fc.Arbitrary<PathAttribute>[] {
  const flags = fc.constantFrom(0x80, 0x90);
  const type = fc.constant("mpReach" as const);
  const reachIpv6 = fc.record({
    type,
    flags,
    family: fc.constant(IPV6_UNICAST),
    nextHops: fc.array(ipv6, { minLength: 1, maxLength: 2 }),
    nlri: nlri(IPV6_UNICAST, context, 6),
  });
  const reachIpv4 = fc.record({
    type,
    flags,
    family: fc.constant(IPV4_UNICAST),
    nextHops: fc.oneof(fc.tuple(ipv4), fc.array(ipv6, { minLength: 1, maxLength: 2 })),
    nlri: nlri(IPV4_UNICAST, context, 6),
  });
  const reachOther = fc.record({
    type,
    flags,
    family: unroutedFamily,
    nextHops: fc.constant([]),
    nlri: fc.constant([]),
    raw: fc.record({ nextHop: octets(0, 24), nlri: octets(0, 40) }),
  });
  const unreachType = fc.constant("mpUnreach" as const);
  const unreach = fc.record({
    type: unreachType,
    flags,
    family: fc.constant(IPV6_UNICAST),
    withdrawn: nlri(IPV6_UNICAST, context, 6),
  });
  const unreachOther = fc.record({
    type: unreachType,
    flags,
    family: unroutedFamily,
    withdrawn: fc.constant([]),
    raw: octets(0, 40),
  });
  return [fc.oneof(reachIpv6, reachIpv4, reachOther), fc.oneof(unreach, unreachOther)];
}

const communities = fc.array(u32.map(Community), { minLength: 1, maxLength: 80 });
const extended = octets(8, 8).map((bytes) => toHex(bytes) as ExtendedCommunity);
const large = fc.tuple(u32, u32, u32).map((parts) => parts.join(":") as LargeCommunity);
const aggregatorOf = (fourOctet: boolean) => fc.record({ asn: asn(fourOctet), address: routerId });
const aigp = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map((metric) => {
  const value = new Uint8Array(11);
  value.set([1, 0, 11]);
  new DataView(value.buffer).setBigUint64(3, metric);
  return { type: "aigp" as const, metric, value };
});

/** fast-check's records have no prototype; those of the codec are ordinary objects. */
function plain<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return arbitrary.map((value) => structuredClone(value));
}

/** One arbitrary an attribute, each with the flags that it may have. */
function otherAttributes(context: WireContext): fc.Arbitrary<PathAttribute>[] {
  const { fourOctetAsn } = context;
  const wellKnown = { flags: fc.constantFrom(0x40, 0x50) };
  const transitive = { flags: fc.constantFrom(0xc0, 0xe0, 0xd0) };
  const local = { flags: fc.constantFrom(0x80, 0x90) };
  const of = <Type extends string>(type: Type) => ({ type: fc.constant(type) });
  const attributes: fc.Arbitrary<PathAttribute>[] = [
    fc.record({ ...of("multiExitDisc"), ...local, med: u32 }),
    fc.record({ ...of("localPref"), ...wellKnown, localPref: u32 }),
    fc.record({ ...of("atomicAggregate"), ...wellKnown }),
    fc.record({ ...of("aggregator"), ...transitive, aggregator: aggregatorOf(fourOctetAsn) }),
    fc.record({ ...of("communities"), ...transitive, communities }),
    fc.record({ ...of("originatorId"), ...local, originatorId: routerId }),
    fc.record({
      ...of("clusterList"),
      ...local,
      clusterList: fc.array(routerId, { minLength: 1 }),
    }),
    fc.record({
      ...of("extendedCommunities"),
      ...transitive,
      extendedCommunities: fc.array(extended, { minLength: 1, maxLength: 40 }),
    }),
    fc.record({
      ...of("largeCommunities"),
      ...transitive,
      largeCommunities: fc.uniqueArray(large, { minLength: 1, maxLength: 30 }),
    }),
    fc.record({
      ...of("onlyToCustomer"),
      ...transitive,
      asn: fc.oneof(fc.constant(0 as const), asn(true)),
    }),
    fc.tuple(aigp, local.flags).map(([value, flags]) => ({ ...value, flags })),
    fc.record({
      ...of("unknown"),
      flags: fc.constantFrom(0x80, 0xc0, 0xe0, 0xd0, 0xc7),
      code: fc.constantFrom(22, 40, 99, 128, 200, 255),
      value: octets(0, 300),
    }),
    fc.record({
      ...of("unknown"),
      ...transitive,
      code: fc.constant(25),
      value: fc
        .array(octets(20, 20), { minLength: 1, maxLength: 3 })
        .map((list) => Uint8Array.from(list.flatMap((one) => [...one]))),
    }),
  ];
  if (fourOctetAsn) return attributes;
  return [
    ...attributes,
    fc.record({ ...of("as4Path"), ...transitive, asPath: asPath(true, 1) }),
    fc.record({ ...of("as4Aggregator"), ...transitive, aggregator: aggregatorOf(true) }),
  ];
}

/** UPDATEs without faults: the mandatory attributes are there, any others may be, in any order. */
export function updates(context: WireContext): fc.Arbitrary<UpdateMessage> {
  const flags = fc.constantFrom(0x40, 0x50);
  const mandatory: fc.Arbitrary<PathAttribute>[] = [
    fc.record({
      type: fc.constant("origin"),
      flags,
      origin: fc.constantFrom("igp", "egp", "incomplete"),
    }),
    fc.record({ type: fc.constant("asPath"), flags, asPath: asPath(context.fourOctetAsn, 0) }),
    fc.record({ type: fc.constant("nextHop"), flags, nextHop: ipv4 }),
  ];
  const optional = [...mpAttributes(context), ...otherAttributes(context)];
  const attributes = fc
    .tuple(
      fc.tuple(...mandatory),
      fc.tuple(...optional),
      fc.nat({ max: 2 ** optional.length - 1 }),
      u32,
    )
    .map(([first, rest, mask, seed]) =>
      shuffled([...first, ...rest.filter((_, i) => ((mask >>> i) & 1) === 1)], seed),
    );
  return plain(
    fc.record({
      type: fc.constant("update" as const),
      withdrawn: nlri(IPV4_UNICAST, context, 5),
      attributes,
      nlri: nlri(IPV4_UNICAST, context, 8),
      faults: fc.constant([]),
    }),
  );
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const result = [...list];
  let state = seed;
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}

const family = fc.tuple(fc.nat({ max: 0xffff }), octet).map(([afi, safi]) => Family(afi, safi));
const families = <T>(shape: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) =>
  fc.array(fc.record(shape), { maxLength: 5 }) as fc.Arbitrary<T[]>;
const shortText = fc.string({ unit: "grapheme", maxLength: 20 });

export const capabilities: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ type: fc.constant("multiprotocol" as const), family }),
  fc.constant({ type: "routeRefresh" as const }),
  fc.constant({ type: "extendedMessage" as const }),
  fc.constant({ type: "enhancedRouteRefresh" as const }),
  fc.record({
    type: fc.constant("extendedNextHop" as const),
    entries: families({ family, nextHopAfi: fc.nat({ max: 0xffff }) }),
  }),
  fc.record({
    type: fc.constant("role" as const),
    role: fc.constantFrom("provider" as const, "customer" as const, "peer" as const, 9, 255),
  }),
  fc.record({
    type: fc.constant("gracefulRestart" as const),
    restarting: fc.boolean(),
    notification: fc.boolean(),
    restartTimeSeconds: fc.nat({ max: 4095 }),
    families: families({ family, forwarding: fc.boolean() }),
  }),
  fc.record({ type: fc.constant("fourOctetAsn" as const), asn: asn(true) }),
  fc.record({
    type: fc.constant("addPath" as const),
    families: families({
      family,
      mode: fc.constantFrom("receive" as const, "send" as const, "both" as const),
    }),
  }),
  fc.record({
    type: fc.constant("longLivedGracefulRestart" as const),
    families: families({
      family,
      forwarding: fc.boolean(),
      staleTimeSeconds: fc.nat({ max: 0xff_ffff }),
    }),
  }),
  fc.record({ type: fc.constant("fqdn" as const), hostName: shortText, domainName: shortText }),
  fc.record({ type: fc.constant("softwareVersion" as const), version: shortText }),
  fc.record({
    type: fc.constant("unknown" as const),
    code: fc.constantFrom(0, 3, 67, 128, 200, 255),
    value: octets(0, 60),
  }),
);

const opens = fc.record({
  type: fc.constant("open" as const),
  version: fc.constant(4),
  asn: fc.integer({ min: 1, max: 0xffff }),
  holdTimeSeconds: fc.oneof(fc.constant(0), fc.integer({ min: 3, max: 0xffff })),
  routerId,
  capabilities: fc.array(capabilities, { maxLength: 30 }),
});

const notifications = fc.record({
  type: fc.constant("notification" as const),
  code: octet,
  subcode: octet,
  data: octets(0, 300),
});

const refreshes = fc.oneof(
  fc.record({ type: fc.constant("routeRefresh" as const), family, subtype: octet }),
  fc.record({
    type: fc.constant("routeRefresh" as const),
    family,
    subtype: fc.constantFrom(0, 3, 255),
    outboundRouteFilters: octets(1, 40),
  }),
);

/** Any message that a peer could rightly send. */
export function messages(context: WireContext): fc.Arbitrary<Message> {
  return plain(
    fc.oneof(
      { arbitrary: updates(context), weight: 4 },
      opens,
      notifications,
      refreshes,
      fc.constant({ type: "keepalive" as const }),
    ),
  );
}

/** Attribute sets as the RIB keeps them. */
export const attributeSets: fc.Arbitrary<AttributeSet> = fc
  .record(
    {
      nextHop: fc.oneof(ipv4, ipv6),
      origin: fc.constantFrom("igp" as const, "egp" as const, "incomplete" as const),
      asPath: asPath(true, 0),
      med: u32,
      localPref: u32,
      atomicAggregate: fc.constant(true as const),
      aggregator: aggregatorOf(true),
      communities,
      originatorId: routerId,
      clusterList: fc.array(routerId, { minLength: 1 }),
      extendedCommunities: fc.array(extended, { minLength: 1, maxLength: 40 }),
      aigp: aigp.map(({ value }) => value),
      largeCommunities: fc.uniqueArray(large, { minLength: 1, maxLength: 30 }),
      onlyToCustomer: asn(true),
      unknown: fc.uniqueArray(
        fc.record({
          code: fc.constantFrom(22, 40, 99, 128, 200),
          flags: fc.constant(0xe0),
          value: octets(0, 300),
        }),
        { minLength: 1, maxLength: 4, selector: ({ code }) => code },
      ),
    },
    { requiredKeys: ["nextHop", "origin", "asPath"] },
  )
  .map(({ unknown, ...set }) => ({
    ...structuredClone(set),
    ...(unknown ? { unknown: structuredClone(unknown).toSorted((a, b) => a.code - b.code) } : {}),
    // The partial bit is a known attribute's, where it is there.
    ...(set.communities && (set.communities[0] as number) % 2 === 1 ? { partial: [8] } : {}),
  })) as fc.Arbitrary<AttributeSet>;

export const addresses: {
  readonly ipv4: fc.Arbitrary<IpAddress>;
  readonly ipv6: fc.Arbitrary<IpAddress>;
} = { ipv4, ipv6 };
