import type { SessionParameters } from "../session/session-parameters.ts";
import { type Family, IPV6_UNICAST } from "../types/family.ts";
import { type IpAddress, ipVersion } from "../types/ip-address.ts";
import type { ExportProfile } from "./export/export-profile.ts";
import type { PeerConfig, SpeakerConfig } from "./speaker-config.ts";

type ProfileSources = {
  readonly config: PeerConfig;
  readonly speaker: SpeakerConfig;
  readonly parameters: Pick<SessionParameters, "send" | "enhancedRouteRefresh">;
  readonly family: Family;
  /** Our end of the session's connection. */
  readonly localAddress: IpAddress;
};

/** What shapes the peer's Adj-RIB-Out in one family; undefined when we have no next hop to give there. */
export function exportProfileOf(sources: ProfileSources): ExportProfile | undefined {
  const { config, speaker, parameters, family, localAddress } = sources;
  const nextHopSelf = nextHopSelfOf(sources);
  if (nextHopSelf === undefined) return undefined;
  const linkLocal = isLinkLocal(localAddress) && ipVersion(nextHopSelf) === 6;
  return {
    target: targetOf(config),
    localAsn: config.localAsn,
    routerId: speaker.routerId,
    ...(speaker.clusterId !== undefined && { clusterId: speaker.clusterId }),
    nextHopMode: config.nextHopMode,
    nextHopSelf,
    ...(linkLocal && family === IPV6_UNICAST && { linkLocalNextHopSelf: localAddress }),
    exportLearned: config.exportLearned,
    ...(config.role !== undefined && { role: config.role }),
    exportPolicy: config.exportPolicy,
    wireContext: parameters.send,
    enhancedRefresh: parameters.enhancedRouteRefresh,
    advertisementIntervalSeconds: config.advertisementIntervalSeconds,
  };
}

function targetOf(config: PeerConfig): ExportProfile["target"] {
  if (config.peerAsn !== config.localAsn) return "ebgp";
  return config.routeReflectorClient ? "client" : "nonClient";
}

/**
 * Configured, else our end of the session, else by RFC 8950 an IPv6 address for IPv4, else an address of ours of the family that
 * others can reach: no loopback address, and no link-local one such as the gateway that every host shows its workloads.
 */
function nextHopSelfOf(sources: ProfileSources): IpAddress | undefined {
  const { config, speaker, parameters, family, localAddress } = sources;
  const version = family === IPV6_UNICAST ? 6 : 4;
  const { ipv4, ipv6 } = config.nextHopSelf ?? {};
  const configured = version === 6 ? ipv6 : ipv4;
  if (configured !== undefined) return configured;
  if (ipVersion(localAddress) !== version && parameters.send.extendedNextHop.has(family)) {
    return ipv6 ?? localAddress;
  }
  const own = speaker.ownAddresses.filter(isForOthers);
  const candidates = [localAddress, ...own].filter((address) => ipVersion(address) === version);
  return candidates.find((address) => !isLinkLocal(address)) ?? candidates[0];
}

function isForOthers(address: IpAddress): boolean {
  return address !== "::1" && !/^(127|169\.254)\./.test(address) && !isLinkLocal(address);
}

function isLinkLocal(address: IpAddress): boolean {
  return /^fe[89ab]/.test(address);
}
