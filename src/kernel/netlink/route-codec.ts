import { type IpAddress, ipAddressToBytes } from "../../../protocol/types/ip-address.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../../protocol/types/prefix.ts";
import {
  addressAttribute,
  addressFamilyOf,
  encodeVia,
  prefixAttribute,
  viaAttribute,
} from "./address-bytes.ts";
import { ADDRESS_FAMILY, LEG_FLAG, SCOPE, TABLE } from "./netlink-constants.ts";
import {
  type Attributes,
  MalformedNetlinkError,
  readAttributes,
  u32Attribute,
} from "./netlink-reader.ts";
import type { NetlinkWriter } from "./netlink-writer.ts";

/** A route as rtnetlink tells it. */
export type RouteMessage = {
  readonly prefix: Prefix;
  readonly table: number;
  readonly metric: number;
  readonly tos: number;
  readonly protocol: number;
  readonly scope: number;
  readonly kind: RouteKind;
  readonly legs: readonly RouteLegMessage[];
  readonly preferredSource?: IpAddress;
  /** A nexthop object that the route refers to; the kernel also lists its legs. */
  readonly nexthopId?: number;
  /** RTM_F_CLONED: an exception or cache entry, not a route that anybody configured. */
  readonly cloned: boolean;
};

/** One next hop of a route: a gateway, an interface, or both. */
export type RouteLegMessage = {
  readonly gateway?: IpAddress;
  readonly interfaceIndex?: number;
  readonly weight: number;
  readonly onLink: boolean;
  /** The kernel does not use this leg: its interface is down. */
  readonly dead: boolean;
  /** The interface has no carrier; the kernel goes on using the leg unless a sysctl says otherwise. */
  readonly linkDown: boolean;
};

/** What happens to packets on the route: rtm_type. Types that nobody uses any more are "other". */
export type RouteKind = (typeof KINDS)[number] | "other";

const KINDS = [
  "unspecified",
  "unicast",
  "local",
  "broadcast",
  "anycast",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
] as const;

/** Attributes of a route: RTA_*. */
export const ROUTE_ATTRIBUTE = {
  destination: 1,
  outputInterface: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  metrics: 8,
  multipath: 9,
  cacheInfo: 12,
  table: 15,
  via: 18,
  preference: 20,
  expires: 23,
  nexthopId: 30,
} as const;

const CLONED = 0x200;

/** Octets of struct rtmsg. */
export const ROUTE_HEADER_OCTETS = 12;

/**
 * struct rtmsg and attributes: destination, table, source, metric, then the legs.
 *
 *     0        1        2        3     4       5          6       7      8
 *     +--------+--------+--------+-----+-------+----------+-------+------+---------+
 *     | family | dstlen | srclen | tos | table | protocol | scope | type | flags   |
 *     +--------+--------+--------+-----+-------+----------+-------+------+---------+
 */
export function writeRoute(writer: NetlinkWriter, route: RouteMessage): void {
  const address = prefixAddress(route.prefix);
  const family = addressFamilyOf(address);
  const [leg] = route.legs;
  const single = route.legs.length === 1 ? leg : undefined;
  writer.u8(family);
  writer.u8(prefixLength(route.prefix));
  writer.u8(0);
  writer.u8(route.tos);
  writer.u8(route.table < 256 ? route.table : TABLE.unspecified);
  writer.u8(route.protocol);
  writer.u8(route.scope);
  writer.u8(kindNumber(route.kind));
  writer.u32(single?.onLink ? LEG_FLAG.onLink : 0);
  if (prefixLength(route.prefix) > 0) {
    writer.attribute(ROUTE_ATTRIBUTE.destination, ipAddressToBytes(address));
  }
  if (route.table >= 256) writer.attributeU32(ROUTE_ATTRIBUTE.table, route.table);
  if (route.preferredSource !== undefined) {
    writer.attribute(ROUTE_ATTRIBUTE.preferredSource, ipAddressToBytes(route.preferredSource));
  }
  if (route.metric !== 0) writer.attributeU32(ROUTE_ATTRIBUTE.priority, route.metric);
  if (route.nexthopId === undefined) {
    writeRouteLegs(writer, route.legs, family === ADDRESS_FAMILY.ipv4 ? 4 : 6);
  } else {
    writer.attributeU32(ROUTE_ATTRIBUTE.nexthopId, route.nexthopId);
  }
}

/** The attributes that say where a route leads: gateway and interface of one leg, or a list of several. */
export function writeRouteLegs(
  writer: NetlinkWriter,
  legs: readonly RouteLegMessage[],
  version: 4 | 6,
): void {
  const family = version === 4 ? ADDRESS_FAMILY.ipv4 : ADDRESS_FAMILY.ipv6;
  if (legs.length > 1) {
    writer.nested(ROUTE_ATTRIBUTE.multipath, () => {
      for (const leg of legs) writeLeg(writer, leg, family);
    });
    return;
  }
  for (const leg of legs) {
    if (leg.gateway !== undefined) writeGateway(writer, leg.gateway, family);
    if (leg.interfaceIndex !== undefined) {
      writer.attributeU32(ROUTE_ATTRIBUTE.outputInterface, leg.interfaceIndex);
    }
  }
}

/** struct rtnexthop: length, flags, weight less one, interface; then the gateway as an attribute. */
function writeLeg(writer: NetlinkWriter, leg: RouteLegMessage, family: number): void {
  writer.measured(() => {
    writer.u8(leg.onLink ? LEG_FLAG.onLink : 0);
    writer.u8(leg.weight - 1);
    writer.u32(leg.interfaceIndex ?? 0);
    if (leg.gateway !== undefined) writeGateway(writer, leg.gateway, family);
  });
}

/** An IPv4 route through an IPv6 gateway carries RTA_VIA. RFC 8950. */
function writeGateway(writer: NetlinkWriter, gateway: IpAddress, family: number): void {
  if (addressFamilyOf(gateway) === family) {
    writer.attribute(ROUTE_ATTRIBUTE.gateway, ipAddressToBytes(gateway));
  } else {
    writer.attribute(ROUTE_ATTRIBUTE.via, encodeVia(gateway));
  }
}

/** Reads the payload of RTM_NEWROUTE or RTM_DELROUTE; undefined for families that are not IP (MPLS, multicast routing). */
export function readRoute(payload: Buffer): RouteMessage | undefined {
  if (payload.length < ROUTE_HEADER_OCTETS) throw new MalformedNetlinkError("short rtmsg");
  const family = payload.readUInt8(0);
  if (family !== ADDRESS_FAMILY.ipv4 && family !== ADDRESS_FAMILY.ipv6) return undefined;
  const attributes = readAttributes(payload, ROUTE_HEADER_OCTETS);
  const length = payload.readUInt8(1);
  const flags = payload.readUInt32LE(8);
  const preferredSource = addressAttribute(attributes, ROUTE_ATTRIBUTE.preferredSource);
  const nexthopId = u32Attribute(attributes, ROUTE_ATTRIBUTE.nexthopId);
  return {
    prefix: prefixAttribute(attributes, { type: ROUTE_ATTRIBUTE.destination, family, length }),
    table: u32Attribute(attributes, ROUTE_ATTRIBUTE.table) ?? payload.readUInt8(4),
    metric: u32Attribute(attributes, ROUTE_ATTRIBUTE.priority) ?? 0,
    tos: payload.readUInt8(3),
    protocol: payload.readUInt8(5),
    scope: payload.readUInt8(6),
    kind: KINDS[payload.readUInt8(7)] ?? "other",
    legs: readLegs(attributes, flags),
    ...(preferredSource === undefined ? {} : { preferredSource }),
    ...(nexthopId === undefined ? {} : { nexthopId }),
    cloned: (flags & CLONED) !== 0,
  };
}

function readLegs(attributes: Attributes, flags: number): RouteLegMessage[] {
  const multipath = attributes.get(ROUTE_ATTRIBUTE.multipath);
  if (multipath !== undefined) return readMultipath(multipath);
  const interfaceIndex = u32Attribute(attributes, ROUTE_ATTRIBUTE.outputInterface);
  const gateway = gatewayOf(attributes);
  if (interfaceIndex === undefined && gateway === undefined) return [];
  return [legOf({ interfaceIndex, gateway, flags, weight: 1 })];
}

function readMultipath(bytes: Buffer): RouteLegMessage[] {
  const legs: RouteLegMessage[] = [];
  let at = 0;
  while (at + 8 <= bytes.length) {
    const length = bytes.readUInt16LE(at);
    if (length < 8 || at + length > bytes.length) throw new MalformedNetlinkError("rtnexthop");
    legs.push(
      legOf({
        interfaceIndex: bytes.readUInt32LE(at + 4),
        gateway: gatewayOf(readAttributes(bytes.subarray(at + 8, at + length))),
        flags: bytes.readUInt8(at + 2),
        weight: bytes.readUInt8(at + 3) + 1,
      }),
    );
    at += (length + 3) & ~3;
  }
  return legs;
}

function gatewayOf(attributes: Attributes): IpAddress | undefined {
  return (
    addressAttribute(attributes, ROUTE_ATTRIBUTE.gateway) ??
    viaAttribute(attributes, ROUTE_ATTRIBUTE.via)
  );
}

function legOf(leg: {
  readonly interfaceIndex: number | undefined;
  readonly gateway: IpAddress | undefined;
  readonly flags: number;
  readonly weight: number;
}): RouteLegMessage {
  return {
    ...(leg.gateway === undefined ? {} : { gateway: leg.gateway }),
    ...(leg.interfaceIndex === undefined ? {} : { interfaceIndex: leg.interfaceIndex }),
    weight: leg.weight,
    onLink: (leg.flags & LEG_FLAG.onLink) !== 0,
    dead: (leg.flags & LEG_FLAG.dead) !== 0,
    linkDown: (leg.flags & LEG_FLAG.linkDown) !== 0,
  };
}

/** rtm_type of a kind. "other" cannot be written. */
export function kindNumber(kind: RouteKind): number {
  if (kind === "other") throw new RangeError("a route of an unknown type cannot be encoded");
  return KINDS.indexOf(kind);
}

/** Filters of a strict dump; what is left out matches everything. */
export type RouteDumpFilter = {
  readonly version: 4 | 6;
  readonly table?: number;
  readonly protocol?: number;
  readonly interfaceIndex?: number;
};

/** The request of a dump. With NETLINK_GET_STRICT_CHK the kernel honours each field that is not zero. */
export function writeRouteDump(writer: NetlinkWriter, filter: RouteDumpFilter): void {
  const table = filter.table ?? 0;
  writer.u8(filter.version === 4 ? ADDRESS_FAMILY.ipv4 : ADDRESS_FAMILY.ipv6);
  for (const octet of [0, 0, 0]) writer.u8(octet);
  writer.u8(table < 256 ? table : TABLE.unspecified);
  writer.u8(filter.protocol ?? 0);
  writer.u8(SCOPE.universe);
  writer.u8(0);
  writer.u32(0);
  if (table >= 256) writer.attributeU32(ROUTE_ATTRIBUTE.table, table);
  if (filter.interfaceIndex !== undefined) {
    writer.attributeU32(ROUTE_ATTRIBUTE.outputInterface, filter.interfaceIndex);
  }
}
