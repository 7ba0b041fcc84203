import { ACCEPT_ALL } from "../../../protocol/policy/policy.ts";
import { DEFAULT_DECISION } from "../../../protocol/rib/decision-config.ts";
import type { PeerConfig, SpeakerConfig } from "../../../protocol/speaker/speaker-config.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import { IPV4_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { routerIdFromText } from "../../../protocol/types/router-id.ts";

// Connections of these tests run over loopback, 127.0.0.x port 21179.
export const PORT = 21_179;
const DEADLINE_MILLISECONDS = 60_000;

export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MILLISECONDS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not reached in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function peerConfig(
  address: string,
  localAddress: string,
  fields: Partial<PeerConfig> = {},
): PeerConfig {
  return {
    name: `to-${address}`,
    origin: "mesh",
    address: IpAddress(address),
    localAddress: IpAddress(localAddress),
    port: PORT,
    localAsn: Asn(64512),
    peerAsn: Asn(64512),
    passive: false,
    holdTimeSeconds: 9,
    minHoldTimeSeconds: 3,
    connectRetrySeconds: 1,
    idleHoldSeconds: { initial: 0.1, max: 1 },
    delayOpenSeconds: 0,
    families: [{ family: IPV4_UNICAST }],
    extendedMessage: false,
    routeReflectorClient: false,
    nextHopMode: "self",
    // Loopback addresses are martians as next hops.
    nextHopSelf: { ipv4: IpAddress(localAddress.replace("127.", "10.")) },
    allowOwnAsn: 0,
    enforceFirstAsn: true,
    exportLearned: false,
    acceptDefaultRoute: false,
    acceptNodeAddresses: false,
    gracefulRestart: { restartTimeSeconds: 5 },
    importPolicy: ACCEPT_ALL,
    exportPolicy: ACCEPT_ALL,
    advertisementIntervalSeconds: 0,
    ...fields,
  };
}

export function speakerConfig(address: string, peers: readonly PeerConfig[]): SpeakerConfig {
  return {
    asn: Asn(64512),
    routerId: routerIdFromText(address),
    ownAddresses: [IpAddress(address)],
    localWorkloads: [],
    nodeAddresses: [],
    decision: DEFAULT_DECISION,
    peers,
  };
}

export type Teardown = { readonly teardown: (end: () => void) => void };
