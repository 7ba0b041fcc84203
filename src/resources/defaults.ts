import { Asn } from "../../protocol/types/asn.ts";

/**
 * What a field means when nobody wrote it. Calico's values, except for the group of timers, where Calico has no field and
 * leaves BIRD's built-in values in force; there the reason for ours stands beside the value.
 */
export const DEFAULTS = {
  bgpConfiguration: {
    asNumber: Asn(64512),
    nodeToNodeMeshEnabled: true,
    listenPort: 179,
    bindMode: "None",
    /** Kernel metric of routes learned over BGP. */
    ipv4NormalRoutePriority: 1024,
    ipv6NormalRoutePriority: 1024,
    sessions: "Shared",
  },
  bgpPeer: {
    port: 179,
    nextHopMode: "Auto",
    sourceAddress: "UseNodeIP",
    reversePeering: "Auto",
    numAllowedLocalASNumbers: 0,
    exportLearned: false,
    acceptDefaultRoute: false,
    acceptNodeAddresses: false,
    maxPrefixesWarnPercent: 80,
  },
  felixConfiguration: { interfacePrefix: "cali", vxlanPort: 4789, vxlanVNI: 4096 },
  ipPool: {
    ipv4BlockSize: 26,
    ipv6BlockSize: 122,
    ipipMode: "Never",
    vxlanMode: "Never",
    natOutgoing: false,
    disabled: false,
    disableBGPExport: false,
    nodeSelector: "all()",
    allowedUses: ["Workload", "Tunnel"],
    assignmentMode: "Automatic",
  },
  timers: {
    /** BIRD, and so Calico, holds 240 s: four minutes of black hole. RFC 4271 §10 suggests 90 s, and the lower offer wins. */
    holdTimeSeconds: 90,
    /** RFC 4271 §4.2: the least that a hold time other than zero may be. */
    minHoldTimeSeconds: 3,
    /** As Calico: five seconds after a failed attempt, not the 120 s of RFC 4271 §10. */
    connectRetrySeconds: 5,
    /** As Calico's "error wait 5..30". */
    idleHoldSeconds: { initial: 5, max: 30 },
    delayOpenSeconds: 0,
    /** As BIRD: how long a peer keeps our routes while we restart. RFC 4724 §3. */
    restartTimeSeconds: 120,
    advertisementIntervalSeconds: 0,
  },
} as const;
