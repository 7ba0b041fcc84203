import { formatCommunity } from "../../../protocol/types/community.ts";
import { afiOf, type Family, safiOf } from "../../../protocol/types/family.ts";
import { formatRouterId } from "../../../protocol/types/router-id.ts";
import { attributeCode } from "../../../protocol/wire/attribute/attribute-table.ts";
import type {
  Aggregator,
  AsPath,
  PathAttribute,
} from "../../../protocol/wire/attribute/path-attribute.ts";
import type { Nlri, UpdateMessage } from "../../../protocol/wire/message.ts";

/** The names that tshark gives attributes, by type code. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [1, "ORIGIN"],
  [2, "AS_PATH"],
  [3, "NEXT_HOP"],
  [4, "MED"],
  [5, "LOCAL_PREF"],
  [6, "ATOMIC_AGGREGATE"],
  [7, "AGGREGATOR"],
  [8, "COMMUNITIES"],
  [9, "ORIGINATOR_ID"],
  [10, "CLUSTER_LIST"],
  [14, "MP_REACH"],
  [15, "MP_UNREACH"],
  [16, "EXT_COMM"],
  [17, "AS4_PATH"],
  [18, "AS4_AGGREGATOR"],
  [20, "CONNECTOR"],
  [22, "PMSI_TUNNEL"],
  [23, "TUNNEL_ENCAP"],
  [26, "AIGP"],
  [29, "BGP_LS"],
  [32, "LARGE_COMM"],
  [35, "OTC"],
  [40, "PREFIX_SID"],
  [128, "ATTR_SET"],
]);

/** An UPDATE in the words of the tshark lines of the vectors; "*" for values whose text is tshark's own. */
export function tsharkParts(
  message: UpdateMessage,
  context: { readonly fourOctetAsn: boolean; readonly length: number },
): string[] {
  return [
    "UPDATE",
    `len=${context.length}`,
    `wd=[${nlriText(message.withdrawn)}]`,
    ...message.attributes.map((attribute) =>
      attributeText(attribute, context.fourOctetAsn ? 4 : 2),
    ),
    `nlri=[${nlriText(message.nlri)}]`,
  ];
}

function attributeText(attribute: PathAttribute, asnOctets: 2 | 4): string {
  const code = attributeCode(attribute);
  const name = NAMES.get(code) ?? `ATTR${code}`;
  const flags = attribute.flags.toString(16).padStart(2, "0");
  return `${flags}/${name}=${valueText(attribute, asnOctets)}`;
}

function valueText(attribute: PathAttribute, asnOctets: 2 | 4): string {
  switch (attribute.type) {
    case "origin":
      return String(["igp", "egp", "incomplete"].indexOf(attribute.origin));
    case "asPath":
      return pathText(attribute.asPath, asnOctets);
    case "as4Path":
      return pathText(attribute.asPath, 4);
    case "nextHop":
      return attribute.nextHop;
    case "multiExitDisc":
      return String(attribute.med);
    case "localPref":
      return String(attribute.localPref);
    case "atomicAggregate":
      return "";
    case "aggregator":
    case "as4Aggregator":
      return aggregatorText(attribute.aggregator);
    case "communities":
      return attribute.communities.map(formatCommunity).join(" ");
    case "largeCommunities":
      return attribute.largeCommunities.join(" ");
    case "originatorId":
      return `originator_id=${formatRouterId(attribute.originatorId)}`;
    case "clusterList":
      return attribute.clusterList.map(formatRouterId).join(",");
    case "mpReach":
      return attribute.raw
        ? familyText(attribute.family)
        : `${familyText(attribute.family)} nh=${attribute.nextHops.join(",")} [${nlriText(attribute.nlri)}]`;
    case "mpUnreach":
      return attribute.raw
        ? familyText(attribute.family)
        : `${familyText(attribute.family)} [${nlriText(attribute.withdrawn)}]`;
    default:
      return "*";
  }
}

function familyText(family: Family): string {
  return `${afiOf(family)}/${safiOf(family)}`;
}

function aggregatorText({ asn, address }: Aggregator): string {
  return `aggregator_as=${asn},aggregator_origin=${formatRouterId(address)}`;
}

function pathText(path: AsPath, octets: 2 | 4): string {
  const names = { sequence: "seq", set: "set", confedSequence: "cseq", confedSet: "cset" } as const;
  return path.map(({ type, asns }) => `${names[type]}${octets}(${asns.join(" ")})`).join(" ");
}

function nlriText(list: readonly Nlri[]): string {
  return list
    .map(({ prefix, pathId }) => (pathId === undefined ? prefix : `${prefix}#${pathId}`))
    .join(" ");
}
