import type { PeerSnapshot, RouteSnapshot } from "../../protocol/speaker/speaker-snapshot.ts";
import type { Asn } from "../../protocol/types/asn.ts";
import { type Community, formatCommunity } from "../../protocol/types/community.ts";
import { afiOf, formatFamily } from "../../protocol/types/family.ts";
import { unreachable } from "../../protocol/types/never.ts";
import { formatRouterId } from "../../protocol/types/router-id.ts";
import type { AsPath } from "../../protocol/wire/attribute/path-attribute.ts";
import type { AttributeSet } from "../../protocol/wire/attribute-set.ts";
import type { Capability } from "../../protocol/wire/capability.ts";
import type { PeerReport, RouteReport } from "./api-types.ts";

/** Turns the Speaker's monotonic instants into times of day. */
export type WallClock = (instant: number) => string;

/** A peer as the API shows it. */
export function peerReport(peer: PeerSnapshot, wall: WallClock): PeerReport {
  const { routerId, lastError, nextConnectAt, stateSince, ...same } = peer;
  return {
    ...same,
    stateSince: wall(stateSince),
    capabilitiesSent: peer.capabilitiesSent.map(capabilityText),
    capabilitiesReceived: peer.capabilitiesReceived.map(capabilityText),
    families: peer.families.map((entry) => ({ ...entry, family: formatFamily(entry.family) })),
    ...(routerId !== undefined && { routerId: formatRouterId(routerId) }),
    ...(lastError !== undefined && { lastError: { ...lastError, at: wall(lastError.at) } }),
    ...(nextConnectAt !== undefined && { nextConnectAt: wall(nextConnectAt) }),
  };
}

/** A route as the API shows it. */
export function routeReport(route: RouteSnapshot): RouteReport {
  const { prefix, peer, pathId, attributes, best, multipath, stale, eligible } = route;
  return {
    prefix,
    peer,
    ...(pathId !== undefined && { pathId }),
    ...attributesReport(attributes),
    best,
    multipath,
    stale,
    eligible,
    ...(route.reason !== undefined && { reason: route.reason }),
    ...(route.eliminatedBy !== undefined && { eliminatedBy: route.eliminatedBy }),
  };
}

type AttributesReport = Omit<
  RouteReport,
  | "prefix"
  | "peer"
  | "pathId"
  | "best"
  | "multipath"
  | "stale"
  | "eligible"
  | "reason"
  | "eliminatedBy"
>;

function attributesReport(set: AttributeSet): AttributesReport {
  return {
    ...pick("nextHop", set.nextHop),
    ...pick("linkLocalNextHop", set.linkLocalNextHop),
    origin: set.origin,
    asPath: formatAsPath(set.asPath),
    ...pick("localPref", set.localPref),
    ...pick("med", set.med),
    ...pick("atomicAggregate", set.atomicAggregate),
    ...pick(
      "aggregator",
      set.aggregator && `${set.aggregator.asn} ${formatRouterId(set.aggregator.address)}`,
    ),
    ...pick(
      "communities",
      set.communities?.map((community: Community) => formatCommunity(community)),
    ),
    ...pick("extendedCommunities", set.extendedCommunities),
    ...pick("largeCommunities", set.largeCommunities),
    ...pick("originatorId", set.originatorId && formatRouterId(set.originatorId)),
    ...pick("clusterList", set.clusterList?.map(formatRouterId)),
    ...pick("onlyToCustomer", set.onlyToCustomer as number | undefined),
    ...pick(
      "unknownAttributes",
      set.unknown?.map(({ code, value }) => ({ code, value: Buffer.from(value).toString("hex") })),
    ),
  };
}

/** Leaves out what is absent, as JSON should. */
function pick<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [key in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [key in Key]: Value });
}

/** "65001 65002 {65003,65004} (65005)": sets in braces, confederation segments in parentheses. RFC 5065 §3. */
export function formatAsPath(path: AsPath): string {
  return path.map(({ type, asns }) => formatSegment(type, asns)).join(" ");
}

function formatSegment(type: AsPath[number]["type"], asns: readonly Asn[]): string {
  switch (type) {
    case "sequence":
      return asns.join(" ");
    case "set":
      return `{${asns.join(",")}}`;
    case "confedSequence":
      return `(${asns.join(" ")})`;
    case "confedSet":
      return `[${asns.join(",")}]`;
    default:
      return unreachable(type);
  }
}

/** A capability in a few words: "multiprotocol ipv4-unicast", "gracefulRestart 120s ipv4-unicast(F)". */
export function capabilityText(capability: Capability): string {
  switch (capability.type) {
    case "multiprotocol":
      return `multiprotocol ${formatFamily(capability.family)}`;
    case "extendedNextHop":
      return words("extendedNextHop", capability.entries, ({ family, nextHopAfi }) =>
        nextHopAfi === afiOf(family)
          ? formatFamily(family)
          : `${formatFamily(family)}(AFI ${nextHopAfi})`,
      );
    case "role":
      return `role ${capability.role}`;
    case "gracefulRestart": {
      const flags = `${capability.restarting ? " R" : ""}${capability.notification ? " N" : ""}`;
      const start = `gracefulRestart ${capability.restartTimeSeconds}s${flags}`;
      return words(
        start,
        capability.families,
        ({ family, forwarding }) => `${formatFamily(family)}${forwarding ? "(F)" : ""}`,
      );
    }
    case "fourOctetAsn":
      return `fourOctetAsn ${capability.asn}`;
    case "addPath":
      return words(
        "addPath",
        capability.families,
        ({ family, mode }) => `${formatFamily(family)}(${mode})`,
      );
    case "longLivedGracefulRestart":
      return words(
        "longLivedGracefulRestart",
        capability.families,
        (entry) =>
          `${formatFamily(entry.family)}(${entry.staleTimeSeconds}s${entry.forwarding ? " F" : ""})`,
      );
    case "fqdn":
      return `fqdn ${[capability.hostName, capability.domainName].filter(Boolean).join(".")}`;
    case "softwareVersion":
      return `softwareVersion ${capability.version}`;
    case "unknown":
      return `unknown ${capability.code} ${Buffer.from(capability.value).toString("hex")}`.trimEnd();
    case "routeRefresh":
    case "extendedMessage":
    case "enhancedRouteRefresh":
      return capability.type;
    default:
      return unreachable(capability);
  }
}

function words<Item>(
  start: string,
  items: readonly Item[],
  format: (item: Item) => string,
): string {
  return [start, ...items.map(format)].join(" ");
}
