import type { Asn } from "../types/asn.ts";
import type { Community, ExtendedCommunity, LargeCommunity } from "../types/community.ts";
import type { IpAddress } from "../types/ip-address.ts";
import { ipAddressFromBytes, ipAddressToBytes } from "../types/ip-address.ts";
import { unreachable } from "../types/never.ts";
import type { RouterId } from "../types/router-id.ts";
import { OPTIONAL_TRANSITIVE_FLAGS } from "./attribute/attribute-definition.ts";
import { attributeCode, attributeDefinition } from "./attribute/attribute-table.ts";
import { encodeAttribute } from "./attribute/encode-attribute.ts";
import type {
  Aggregator,
  AsPath,
  Origin,
  PathAttribute,
  PathAttributeValue,
} from "./attribute/path-attribute.ts";
import { OctetWriter } from "./octet-writer.ts";
import { u16 } from "./octets.ts";
import { DEFAULT_WIRE_CONTEXT } from "./wire-context.ts";

/**
 * Everything that an UPDATE says about its prefixes, as one immutable value: the door for policy, export rules, explain
 * and tests. The RIB keeps its canonical octets instead, interned (see "canonical form" below); `decodeAttributeSet` and
 * `encodeAttributeSet` go between the two and are exact inverses.
 *
 * Canonical form, so that equal sets are equal octets whatever order and encoding the peer chose:
 *   +-----------------+----------------------+---------------------------------------------+
 *   | length (1): 0,  | next hop: 4, 16 or   | path attributes, ascending by type code,    |
 *   | 4, 16 or 32     | 16+16 octets         | each flags (1) code (1) length (1|2) value  |
 *   +-----------------+----------------------+---------------------------------------------+
 * Without NEXT_HOP, MP_REACH_NLRI, MP_UNREACH_NLRI, AS4_PATH and AS4_AGGREGATOR (merged into AS_PATH and AGGREGATOR,
 * RFC 6793 §4.2.3, both with four-octet AS numbers). Extended length only where the value has more than 255 octets.
 * Flags of known attributes are those of their definition (the partial bit kept where they are optional transitive);
 * unknown optional transitive ones stand with optional, transitive and partial; unknown optional non-transitive ones are gone.
 */
export type AttributeSet = {
  readonly nextHop: IpAddress | undefined;
  readonly linkLocalNextHop?: IpAddress;
  readonly origin: Origin;
  readonly asPath: AsPath;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: Aggregator;
  readonly communities?: readonly Community[];
  readonly originatorId?: RouterId;
  readonly clusterList?: readonly RouterId[];
  readonly extendedCommunities?: readonly ExtendedCommunity[];
  readonly aigp?: Uint8Array;
  readonly largeCommunities?: readonly LargeCommunity[];
  readonly onlyToCustomer?: Asn | 0;
  /** Type codes, ascending, of the known attributes that came with the partial bit. RFC 4271 §4.3. */
  readonly partial?: readonly number[];
  /** Optional transitive attributes that tortie does not know, passed on as RFC 4271 §5 says. */
  readonly unknown?: readonly {
    readonly code: number;
    readonly flags: number;
    readonly value: Uint8Array;
  }[];
};

/** A set while its attributes are collected. */
type PartialSet = { -readonly [Field in keyof AttributeSet]?: AttributeSet[Field] };

/**
 * The value of a canonical set: exact inverse of `encodeAttributeSet`. Throws RangeError for octets that are no whole set,
 * which those of an `UpdateCursor` without treat-as-withdraw always are.
 */
export function decodeAttributeSet(canonical: Uint8Array): AttributeSet {
  const nextHopEnd = 1 + (canonical[0] ?? 0);
  const set = decodeNextHop(canonical.subarray(1, nextHopEnd));
  let at = nextHopEnd;
  while (at < canonical.length) {
    const flags = canonical[at] as number;
    const code = canonical[at + 1] as number;
    const extended = (flags & 0x10) !== 0;
    const start = at + (extended ? 4 : 3);
    const end = start + (extended ? u16(canonical, at + 2) : (canonical[at + 2] as number));
    if (!(end <= canonical.length)) throw new RangeError("attribute overruns its set");
    collect(set, decodeValue(canonical, code, start, end), flags & 0xe0);
    at = end;
  }
  const { nextHop, origin, asPath } = set;
  if (origin === undefined || asPath === undefined) throw new RangeError("no ORIGIN or AS_PATH");
  return { ...set, nextHop, origin, asPath };
}

/** The canonical octets of a set. Throws RangeError when an attribute has more than 65,535 octets. */
export function encodeAttributeSet(set: AttributeSet): Uint8Array {
  const writer = new OctetWriter();
  writer.putLengthPrefixed(1, () => {
    if (set.nextHop !== undefined) writer.putBytes(ipAddressToBytes(set.nextHop));
    if (set.linkLocalNextHop !== undefined) writer.putBytes(ipAddressToBytes(set.linkLocalNextHop));
  });
  const attributes = attributesOf(set);
  attributes.sort((a, b) => attributeCode(a) - attributeCode(b));
  for (const attribute of attributes) encodeAttribute(attribute, writer, DEFAULT_WIRE_CONTEXT);
  return writer.toBytes();
}

function decodeNextHop(octets: Uint8Array): PartialSet {
  if (octets.length === 0) return {};
  if (octets.length !== 32) return { nextHop: ipAddressFromBytes(octets) };
  return {
    nextHop: ipAddressFromBytes(octets.subarray(0, 16)),
    linkLocalNextHop: ipAddressFromBytes(octets.subarray(16)),
  };
}

function decodeValue(
  bytes: Uint8Array,
  code: number,
  start: number,
  end: number,
): PathAttributeValue {
  const definition = attributeDefinition(code);
  if (definition === undefined) return { type: "unknown", code, value: bytes.slice(start, end) };
  return definition.decode(bytes, start, end, DEFAULT_WIRE_CONTEXT);
}

function collect(set: PartialSet, value: PathAttributeValue, flags: number): void {
  const known = value.type !== "unknown";
  if (known && (flags & 0x20) !== 0) set.partial = [...(set.partial ?? []), attributeCode(value)];
  switch (value.type) {
    case "multiExitDisc":
      set.med = value.med;
      break;
    case "aigp":
      set.aigp = value.value;
      break;
    case "onlyToCustomer":
      set.onlyToCustomer = value.asn;
      break;
    case "atomicAggregate":
      set.atomicAggregate = true;
      break;
    case "unknown":
      set.unknown = [...(set.unknown ?? []), { code: value.code, flags, value: value.value }];
      break;
    case "origin":
    case "asPath":
    case "localPref":
    case "aggregator":
    case "communities":
    case "originatorId":
    case "clusterList":
    case "extendedCommunities":
    case "largeCommunities": {
      const { type: _type, ...field } = value;
      Object.assign(set, field);
      break;
    }
    case "nextHop":
    case "mpReach":
    case "mpUnreach":
    case "as4Path":
    case "as4Aggregator":
      throw new RangeError(`${value.type} is not part of a set`);
    default:
      unreachable(value);
  }
}

function attributesOf(set: AttributeSet): PathAttribute[] {
  const attributes: PathAttribute[] = [];
  for (const value of knownValues(set)) {
    const code = attributeCode(value);
    const defined = attributeDefinition(code)?.flags ?? OPTIONAL_TRANSITIVE_FLAGS;
    attributes.push({ ...value, flags: defined | (set.partial?.includes(code) ? 0x20 : 0) });
  }
  for (const attribute of set.unknown ?? []) attributes.push({ type: "unknown", ...attribute });
  return attributes;
}

function knownValues(set: AttributeSet): readonly PathAttributeValue[] {
  const { med, localPref, aggregator, communities, originatorId, clusterList } = set;
  const { extendedCommunities, largeCommunities, aigp, onlyToCustomer } = set;
  const values: PathAttributeValue[] = [
    { type: "origin", origin: set.origin },
    { type: "asPath", asPath: set.asPath },
  ];
  if (med !== undefined) values.push({ type: "multiExitDisc", med });
  if (localPref !== undefined) values.push({ type: "localPref", localPref });
  if (set.atomicAggregate) values.push({ type: "atomicAggregate" });
  if (aggregator) values.push({ type: "aggregator", aggregator });
  if (communities) values.push({ type: "communities", communities });
  if (originatorId !== undefined) values.push({ type: "originatorId", originatorId });
  if (clusterList) values.push({ type: "clusterList", clusterList });
  if (extendedCommunities) values.push({ type: "extendedCommunities", extendedCommunities });
  if (aigp) values.push({ type: "aigp", metric: undefined, value: aigp });
  if (largeCommunities) values.push({ type: "largeCommunities", largeCommunities });
  if (onlyToCustomer !== undefined) values.push({ type: "onlyToCustomer", asn: onlyToCustomer });
  return values;
}
