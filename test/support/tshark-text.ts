import { formatCommunity } from "../../protocol/types/community.ts";
import { afiOf, safiOf } from "../../protocol/types/family.ts";
import { formatRouterId } from "../../protocol/types/router-id.ts";
import type { AsPath, PathAttribute } from "../../protocol/wire/attribute/path-attribute.ts";
import type { Message, Nlri } from "../../protocol/wire/message.ts";

/**
 * Our decode of a message in the words that the oracle file has of tshark's, as far as they go: what is left out on our
 * side (values of attributes that tortie only passes on) is left out by `comparable` on the oracle's side too.
 */
export function tsharkText(
  message: Message,
  context: { readonly fourOctetAsn: boolean; readonly length: number },
): string[] {
  switch (message.type) {
    case "open":
      return [
        "OPEN",
        `len=${context.length}`,
        `ver=${message.version}`,
        `as=${message.asn}`,
        `hold=${message.holdTimeSeconds}`,
        `id=${formatRouterId(message.routerId)}`,
      ];
    case "keepalive":
      return ["KEEPALIVE", `len=${context.length}`];
    case "notification":
      return ["NOTIFICATION", `len=${context.length}`, `major_error=${message.code}`];
    case "routeRefresh":
      return [
        "ROUTE_REFRESH",
        `len=${context.length}`,
        `afi=${afiOf(message.family)}`,
        `subtype=${message.subtype}`,
        `safi=${safiOf(message.family)}`,
      ];
    case "update":
      return [
        "UPDATE",
        `len=${context.length}`,
        `wd=[${nlriText(message.withdrawn)}]`,
        ...message.attributes.map((attribute) => attributeText(attribute, context)),
        `nlri=[${nlriText(message.nlri)}]`,
      ];
  }
}

const NAMES: { readonly [type: string]: string } = {
  origin: "ORIGIN",
  asPath: "AS_PATH",
  nextHop: "NEXT_HOP",
  multiExitDisc: "MED",
  localPref: "LOCAL_PREF",
  aggregator: "AGGREGATOR",
  communities: "COMMUNITIES",
  originatorId: "ORIGINATOR_ID",
  clusterList: "CLUSTER_LIST",
  mpReach: "MP_REACH",
  mpUnreach: "MP_UNREACH",
  extendedCommunities: "EXT_COMM",
  as4Path: "AS4_PATH",
  aigp: "AIGP",
  largeCommunities: "LARGE_COMM",
  onlyToCustomer: "OTC",
};

/** Attributes that tortie knows by number only. */
const UNKNOWN_NAMES: { readonly [code: number]: string } = { 22: "PMSI_TUNNEL", 128: "ATTR_SET" };

function attributeText(
  attribute: PathAttribute,
  context: { readonly fourOctetAsn: boolean },
): string {
  const name =
    attribute.type === "unknown"
      ? (UNKNOWN_NAMES[attribute.code] ?? `ATTR${attribute.code}`)
      : NAMES[attribute.type];
  return `${attribute.flags.toString(16).padStart(2, "0")}/${name}=${valueText(attribute, context)}`;
}

/** The value as tshark prints it; undefined values are compared by name and flags only. */
function valueText(
  attribute: PathAttribute,
  { fourOctetAsn }: { readonly fourOctetAsn: boolean },
): string {
  switch (attribute.type) {
    case "origin":
      return String(["igp", "egp", "incomplete"].indexOf(attribute.origin));
    case "asPath":
      return pathText(attribute.asPath, fourOctetAsn ? 4 : 2);
    case "as4Path":
      return pathText(attribute.asPath, 4);
    case "nextHop":
      return attribute.nextHop;
    case "multiExitDisc":
      return String(attribute.med);
    case "localPref":
      return String(attribute.localPref);
    case "communities":
      return attribute.communities.map(formatCommunity).join(" ");
    case "largeCommunities":
      return attribute.largeCommunities.join(" ");
    case "originatorId":
      return `originator_id=${formatRouterId(attribute.originatorId)}`;
    case "clusterList":
      return attribute.clusterList.map((id) => `cluster_id=${formatRouterId(id)}`).join(",");
    case "mpReach":
      return attribute.raw
        ? `${afiOf(attribute.family)}/${safiOf(attribute.family)}`
        : `${afiOf(attribute.family)}/${safiOf(attribute.family)} nh=${attribute.nextHops.join(",")} [${nlriText(attribute.nlri)}]`;
    case "mpUnreach":
      return attribute.raw
        ? `${afiOf(attribute.family)}/${safiOf(attribute.family)}`
        : `${afiOf(attribute.family)}/${safiOf(attribute.family)} [${nlriText(attribute.withdrawn)}]`;
    default:
      return "*";
  }
}

function pathText(path: AsPath, octets: 2 | 4): string {
  const names = { sequence: "seq", set: "set", confedSequence: "cseq", confedSet: "cset" } as const;
  return path.map(({ type, asns }) => `${names[type]}${octets}(${asns.join(" ")})`).join("+");
}

function nlriText(list: readonly Nlri[]): string {
  return list
    .map(({ prefix, pathId }) => (pathId === undefined ? prefix : `${prefix}#${pathId}`))
    .join(" ");
}
