import { formatCommunity } from "../../protocol/types/community.ts";
import { formatFamily } from "../../protocol/types/family.ts";
import { unreachable } from "../../protocol/types/never.ts";
import { formatRouterId } from "../../protocol/types/router-id.ts";
import type { AsPath, PathAttribute } from "../../protocol/wire/attribute/path-attribute.ts";
import type { Capability } from "../../protocol/wire/capability.ts";
import type { Message, Nlri, OpenMessage, UpdateMessage } from "../../protocol/wire/message.ts";
import { notificationText } from "../../protocol/wire/notification-text.ts";

/** Prefixes named in a line before the rest is only counted. */
const MAX_PREFIXES = 8;

/** One message in one line, for people: "UPDATE +10.0.0.0/24 nh 10.0.0.1 lp 100 as-path 65001 65002". */
export function messageText(message: Message): string {
  switch (message.type) {
    case "open":
      return openText(message);
    case "update":
      return updateText(message);
    case "notification":
      return `NOTIFICATION ${message.code}/${message.subcode} ${notificationText(message)}`;
    case "keepalive":
      return "KEEPALIVE";
    case "routeRefresh":
      return `ROUTE-REFRESH ${formatFamily(message.family)}${refreshKind(message.subtype)}`;
    default:
      return unreachable(message);
  }
}

function refreshKind(subtype: number): string {
  const kinds: { readonly [subtype: number]: string } = { 0: "", 1: " begin", 2: " end" };
  return kinds[subtype] ?? ` subtype ${subtype}`;
}

function openText({ asn, routerId, holdTimeSeconds, capabilities, version }: OpenMessage): string {
  const four = capabilities.find((capability) => capability.type === "fourOctetAsn");
  const as = four?.type === "fourOctetAsn" ? four.asn : asn;
  const odd = version === 4 ? "" : ` version ${version}`;
  const caps = capabilities.map(capabilityText).join(" ");
  return `OPEN${odd} as ${as} id ${formatRouterId(routerId)} hold ${holdTimeSeconds} caps ${caps || "-"}`;
}

function capabilityText(capability: Capability): string {
  switch (capability.type) {
    case "multiprotocol":
      return formatFamily(capability.family);
    case "gracefulRestart":
      return `gr(${capability.restarting ? "R," : ""}${capability.restartTimeSeconds})`;
    case "fourOctetAsn":
      return "as4";
    case "addPath":
      return `add-path(${capability.families.map(({ family, mode }) => `${formatFamily(family)} ${mode}`).join(", ")})`;
    case "role":
      return `role(${capability.role})`;
    case "fqdn":
      return `fqdn(${[capability.hostName, capability.domainName].filter(Boolean).join(".")})`;
    case "softwareVersion":
      return `version(${capability.version})`;
    case "unknown":
      return `cap${capability.code}`;
    default:
      return SHORT[capability.type];
  }
}

const SHORT = {
  routeRefresh: "rr",
  enhancedRouteRefresh: "err",
  extendedMessage: "ext-msg",
  extendedNextHop: "ext-nh",
  longLivedGracefulRestart: "llgr",
} as const;

function updateText(update: UpdateMessage): string {
  const parts = [
    prefixes("-", update.withdrawn),
    prefixes("+", update.nlri),
    ...update.attributes.map(attributeText),
    ...update.faults.map(({ severity, reason, rule }) => `!${severity} (${reason}; ${rule})`),
  ].filter((part) => part !== "");
  return parts.length === 0
    ? "UPDATE end-of-rib ipv4-unicast"
    : `UPDATE ${endOfRib(update) ?? parts.join(" ")}`;
}

/** An empty MP_UNREACH_NLRI alone. RFC 4724 §2. */
function endOfRib({ withdrawn, nlri, attributes }: UpdateMessage): string | undefined {
  const [only] = attributes;
  if (attributes.length !== 1 || withdrawn.length + nlri.length > 0) return undefined;
  const empty = only?.type === "mpUnreach" && only.withdrawn.length === 0 && !only.raw?.length;
  return empty ? `end-of-rib ${formatFamily(only.family)}` : undefined;
}

function attributeText(attribute: PathAttribute): string {
  switch (attribute.type) {
    case "mpReach": {
      const via = attribute.nextHops.length > 0 ? ` nh ${attribute.nextHops.join(" ")}` : "";
      return attribute.raw
        ? `+(${formatFamily(attribute.family)}, ${attribute.raw.nlri.length} octets)`
        : `${prefixes("+", attribute.nlri)}${via}`;
    }
    case "mpUnreach":
      return attribute.raw
        ? `-(${formatFamily(attribute.family)}, ${attribute.raw.length} octets)`
        : prefixes("-", attribute.withdrawn);
    case "unknown":
      return `attr${attribute.code}(${attribute.value.length} octets)`;
    default:
      return plainAttributeText(attribute);
  }
}

type PlainAttribute = Exclude<
  PathAttribute,
  { readonly type: "mpReach" | "mpUnreach" | "unknown" }
>;

function plainAttributeText(attribute: PlainAttribute): string {
  switch (attribute.type) {
    case "origin":
      return attribute.origin;
    case "asPath":
      return `as-path ${asPathText(attribute.asPath)}`;
    case "as4Path":
      return `as4-path ${asPathText(attribute.asPath)}`;
    case "nextHop":
      return `nh ${attribute.nextHop}`;
    case "multiExitDisc":
      return `med ${attribute.med}`;
    case "localPref":
      return `lp ${attribute.localPref}`;
    case "atomicAggregate":
      return "atomic";
    case "aggregator":
    case "as4Aggregator":
      return `aggregator ${attribute.aggregator.asn} ${formatRouterId(attribute.aggregator.address)}`;
    case "communities":
      return `comm ${attribute.communities.map(formatCommunity).join(" ")}`;
    case "extendedCommunities":
      return `ext-comm ${attribute.extendedCommunities.join(" ")}`;
    case "largeCommunities":
      return `large-comm ${attribute.largeCommunities.join(" ")}`;
    case "originatorId":
      return `originator ${formatRouterId(attribute.originatorId)}`;
    case "clusterList":
      return `clusters ${attribute.clusterList.map(formatRouterId).join(" ")}`;
    case "aigp":
      return `aigp ${attribute.metric ?? "?"}`;
    case "onlyToCustomer":
      return `otc ${attribute.asn}`;
    default:
      return unreachable(attribute);
  }
}

/** "65001 65002 {65003 65004}", confederation segments in parentheses and brackets; "-" when empty. */
export function asPathText(path: AsPath): string {
  const brackets = {
    sequence: ["", ""],
    set: ["{", "}"],
    confedSequence: ["(", ")"],
    confedSet: ["[", "]"],
  } as const;
  const segments = path.map(({ type, asns }) => {
    const [open, close] = brackets[type];
    return `${open}${asns.join(" ")}${close}`;
  });
  return segments.join(" ") || "-";
}

function prefixes(sign: "+" | "-", list: readonly Nlri[]): string {
  const named = list
    .slice(0, MAX_PREFIXES)
    .map(({ prefix, pathId }) => `${sign}${prefix}${pathId === undefined ? "" : `#${pathId}`}`);
  const more = list.length - named.length;
  return [...named, ...(more > 0 ? [`${sign}${more} more`] : [])].join(" ");
}
