import type { SessionConfig } from "../session/session-config.ts";
import type { Family } from "../types/family.ts";
import type { Capability } from "../wire/capability.ts";
import type { PeerConfig, SpeakerConfig } from "./speaker-config.ts";

/** RFC 4724 §3: the restart time has 12 bits. */
const MAX_RESTART_SECONDS = 4095;

/** What our OPEN says of restarts is made of this. RFC 4724 §4.1. */
type RestartHistory = {
  /** Families whose forwarding went on while our process restarted; empty after an ordinary start. */
  readonly restartingFamilies: ReadonlySet<Family>;
  /** The peer had a session with this process before. */
  readonly wasUp: boolean;
};

/** The session's share of the configuration, with the capabilities of our next OPEN. */
export function sessionConfigOf(
  peer: PeerConfig,
  speaker: SpeakerConfig,
  history: RestartHistory,
): SessionConfig {
  return {
    localAsn: peer.localAsn,
    peerAsn: peer.peerAsn,
    routerId: speaker.routerId,
    holdTimeSeconds: peer.holdTimeSeconds,
    minHoldTimeSeconds: peer.minHoldTimeSeconds,
    ...(peer.keepaliveSeconds !== undefined && { keepaliveSeconds: peer.keepaliveSeconds }),
    connectRetrySeconds: peer.connectRetrySeconds,
    idleHoldSeconds: peer.idleHoldSeconds,
    delayOpenSeconds: peer.delayOpenSeconds,
    ...(peer.sendHoldSeconds !== undefined && { sendHoldSeconds: peer.sendHoldSeconds }),
    passive: peer.passive,
    families: peer.families.map(({ family }) => family),
    capabilities: capabilitiesOf(peer, speaker, history),
    ...(peer.role !== undefined && { role: peer.role }),
    ...(peer.roleStrict !== undefined && { roleStrict: peer.roleStrict }),
  };
}

/** In ascending order of their codes, so that the same configuration is the same OPEN. */
function capabilitiesOf(
  peer: PeerConfig,
  speaker: SpeakerConfig,
  history: RestartHistory,
): readonly Capability[] {
  const external = peer.localAsn !== peer.peerAsn;
  return [
    ...peer.families.map(({ family }) => ({ type: "multiprotocol", family }) as const),
    { type: "routeRefresh" },
    ...extendedNextHop(peer),
    ...(peer.extendedMessage ? [{ type: "extendedMessage" } as const] : []),
    ...(peer.role !== undefined && external ? [{ type: "role", role: peer.role } as const] : []),
    ...gracefulRestart(peer, history),
    { type: "fourOctetAsn", asn: peer.localAsn },
    ...addPath(peer),
    { type: "enhancedRouteRefresh" },
    ...(speaker.hostName === undefined
      ? []
      : [{ type: "fqdn", hostName: speaker.hostName, domainName: "" } as const]),
  ];
}

function extendedNextHop({ families }: PeerConfig): readonly Capability[] {
  const entries = families
    .filter(({ extendedNextHop }) => extendedNextHop)
    .map(({ family }) => ({ family, nextHopAfi: 2 }));
  return entries.length === 0 ? [] : [{ type: "extendedNextHop", entries }];
}

function addPath({ families }: PeerConfig): readonly Capability[] {
  const entries = families.flatMap(({ family, addPath: mode }) =>
    mode === undefined ? [] : [{ family, mode }],
  );
  return entries.length === 0 ? [] : [{ type: "addPath", families: entries }];
}

function gracefulRestart(
  peer: PeerConfig,
  { restartingFamilies, wasUp }: RestartHistory,
): readonly Capability[] {
  if (peer.gracefulRestart === undefined) return [];
  return [
    {
      type: "gracefulRestart",
      // R is a matter of each peer: who has not seen our restart yet must still be told.
      restarting: restartingFamilies.size > 0 && !wasUp,
      notification: false,
      restartTimeSeconds: Math.min(peer.gracefulRestart.restartTimeSeconds, MAX_RESTART_SECONDS),
      families: peer.families.map(({ family }) => ({
        family,
        // F: a process that lives on has kept its forwarding state all the time.
        forwarding: wasUp || restartingFamilies.has(family),
      })),
    },
  ];
}
