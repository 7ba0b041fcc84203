import { type Family, IPV4_UNICAST } from "../../../protocol/types/family.ts";
import type {
  AsPath,
  AsPathSegment,
  PathAttribute,
  PathAttributeValue,
} from "../../../protocol/wire/attribute/path-attribute.ts";
import type { AttributeSet } from "../../../protocol/wire/attribute-set.ts";
import type { UpdateMessage } from "../../../protocol/wire/message.ts";
import type { WireContext } from "../../../protocol/wire/wire-context.ts";

type Value<Type extends PathAttributeValue["type"]> = Extract<PathAttribute, { type: Type }>;

/**
 * The slow and obvious way from a message to the attribute set of one of its sections: values instead of octets. The oracle
 * for UpdateCursor's canonical form. RFC 4271 §5, RFC 6793 §4.2.3.
 */
export function attributeSetModel(
  update: UpdateMessage,
  section: { readonly family: Family; readonly mpReach: boolean },
  context: WireContext,
): AttributeSet {
  const find = <Type extends PathAttributeValue["type"]>(type: Type): Value<Type> | undefined =>
    update.attributes.find((attribute): attribute is Value<Type> => attribute.type === type);
  const aggregator = find("aggregator");
  const as4Aggregator = find("as4Aggregator");
  const as4Path = find("as4Path");
  const asPath = find("asPath")?.asPath ?? [];
  const outdated = aggregator && as4Aggregator && aggregator.aggregator.asn !== 23456;
  const merge = !context.fourOctetAsn && as4Path !== undefined && !outdated;
  const set: { -readonly [Field in keyof AttributeSet]?: unknown } = {
    nextHop: undefined,
    origin: find("origin")?.origin,
    asPath: merge ? mergedPath(asPath, as4Path.asPath) : asPath,
  };
  if (section.mpReach) {
    const nextHops = find("mpReach")?.nextHops ?? [];
    set.nextHop = nextHops[0];
    if (nextHops[1] !== undefined) set.linkLocalNextHop = nextHops[1];
  } else if (section.family === IPV4_UNICAST) set.nextHop = find("nextHop")?.nextHop;
  put(set, "med", find("multiExitDisc")?.med);
  put(set, "localPref", find("localPref")?.localPref);
  put(set, "atomicAggregate", find("atomicAggregate") && true);
  put(
    set,
    "aggregator",
    aggregator && as4Aggregator && !outdated ? as4Aggregator.aggregator : aggregator?.aggregator,
  );
  put(set, "communities", find("communities")?.communities);
  put(set, "originatorId", find("originatorId")?.originatorId);
  put(set, "clusterList", find("clusterList")?.clusterList);
  put(set, "extendedCommunities", find("extendedCommunities")?.extendedCommunities);
  put(set, "aigp", find("aigp")?.value);
  put(set, "largeCommunities", find("largeCommunities")?.largeCommunities);
  put(set, "onlyToCustomer", find("onlyToCustomer")?.asn);
  const partial = partialCodes(update.attributes);
  put(set, "partial", partial.length > 0 ? partial : undefined);
  const unknown = unknownAttributes(update.attributes);
  put(set, "unknown", unknown.length > 0 ? unknown : undefined);
  return set as AttributeSet;
}

function put(set: object, field: string, value: unknown): void {
  if (value !== undefined) Object.assign(set, { [field]: value });
}

/** Known optional transitive attributes; the others may not be partial. */
function partialCodes(attributes: readonly PathAttribute[]): number[] {
  const codes: { readonly [type: string]: number } = {
    aggregator: 7,
    communities: 8,
    extendedCommunities: 16,
    largeCommunities: 32,
    onlyToCustomer: 35,
  };
  return attributes
    .filter(({ flags }) => (flags & 0x20) !== 0)
    .flatMap(({ type }) => codes[type] ?? [])
    .sort((a, b) => a - b);
}

function unknownAttributes(
  attributes: readonly PathAttribute[],
): { code: number; flags: number; value: Uint8Array }[] {
  return attributes
    .flatMap((attribute) => (attribute.type === "unknown" ? [attribute] : []))
    .filter(({ flags }) => (flags & 0x40) !== 0)
    .map(({ code, flags, value }) => {
      // IPv6 extended communities are known well enough to keep their partial bit.
      const known = code === 25;
      return { code, flags: known ? 0xc0 | (flags & 0x20) : 0xe0, value };
    })
    .sort((a, b) => a.code - b.code);
}

const isConfederation = ({ type }: AsPathSegment): boolean => type.startsWith("confed");

function count(path: AsPath): number {
  return path.reduce(
    (sum, { type, asns }) => sum + (type === "sequence" ? asns.length : type === "set" ? 1 : 0),
    0,
  );
}

function mergedPath(asPath: AsPath, as4Path: AsPath): AsPath {
  const tail = as4Path.filter((segment) => !isConfederation(segment));
  let lead = count(asPath) - count(tail);
  if (tail.length === 0 || lead < 0) return asPath;
  const head: AsPathSegment[] = [];
  for (const segment of asPath) {
    if (isConfederation(segment)) {
      head.push(segment);
      continue;
    }
    if (lead === 0) break;
    if (segment.type === "set") {
      head.push(segment);
      lead -= 1;
      continue;
    }
    const asns = segment.asns.slice(0, lead);
    head.push({ type: "sequence", asns });
    lead -= asns.length;
    if (asns.length < segment.asns.length) break;
  }
  const [last, first] = [head.at(-1), tail[0]];
  if (last?.type === "sequence" && first?.type === "sequence") {
    const asns = [...last.asns, ...first.asns];
    if (asns.length <= 255) {
      return [...head.slice(0, -1), { type: "sequence", asns }, ...tail.slice(1)];
    }
  }
  return [...head, ...tail];
}
