import type { PeerConfig, PeerFamilyConfig } from "../../protocol/speaker/speaker-config.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { ipVersion } from "../../protocol/types/ip-address.ts";
import type { BgpRole } from "../../protocol/wire/capability.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { parseDuration } from "../resources/duration.ts";
import type { SpecOf } from "../resources/schemas.ts";
import type { HostStateProblem } from "./host-state.ts";
import type { NodeView } from "./node-view.ts";
import { type PeerPolicies, sessionOf } from "./peer-policy.ts";
import { addressOf, type IpVersion, type Peering } from "./peering.ts";

export type PeerConfigAndProblems = {
  readonly peer: PeerConfig;
  readonly problems: readonly HostStateProblem[];
};

/** What a peering is made into a PeerConfig with. */
export type PeerSurroundings = {
  readonly self: NodeView;
  readonly config: SpecOf<"BGPConfiguration">;
  readonly policies: PeerPolicies;
};

/** Fills in what a Speaker must know of a peering: from the BGPPeer, the mesh's settings, the nodes and the defaults. */
export function peerConfig(
  peering: Peering,
  { self, config, policies }: PeerSurroundings,
): PeerConfigAndProblems {
  const spec = peering.source?.spec ?? {};
  const { localAsn, peerAsn, source } = peering;
  const localAddress = sourceAddressOf(self, peering);
  const peer: PeerConfig = {
    name: peering.name,
    origin: peering.origin,
    address: peering.address,
    port: peering.port,
    ...(localAddress && { localAddress }),
    localAsn,
    peerAsn,
    passive: peering.passive,
    ...timersOf(source ? spec : meshTimers(config)),
    families: peering.families.map((version) =>
      familyConfig(version, { ...spec, ...extended(peering) }),
    ),
    extendedMessage: true,
    routeReflectorClient: isClient(self, peering),
    nextHopMode: nextHopModeOf(spec, { external: sessionOf(peering) === "eBGP" }),
    ...nextHopSelfOf(self, peering),
    ...acceptanceOf(spec),
    importPolicy: policies.importPolicy,
    exportPolicy: policies.exportPolicy,
    ...passwordOf(source ? spec.password : config.nodeMeshPassword),
    ...(spec.ttlSecurity && { ttlSecurityHops: spec.ttlSecurity }),
    ...(peering.standbyFor && { standbyFor: peering.standbyFor }),
  };
  const missing = policies.missing.map((name) => ({
    resource: `BGPPeer/${source?.metadata.name}`,
    message: `BGPFilter ${name} does not exist: every route is rejected`,
  }));
  return { peer, problems: missing };
}

/** What is accepted from the peer, and what it is told beyond the usual. */
function acceptanceOf(
  spec: PeerSpec,
): Pick<
  PeerConfig,
  | "allowOwnAsn"
  | "enforceFirstAsn"
  | "role"
  | "roleStrict"
  | "exportLearned"
  | "acceptDefaultRoute"
  | "acceptNodeAddresses"
> {
  const { bgpPeer } = DEFAULTS;
  const role = spec.role && ROLES[spec.role];
  return {
    allowOwnAsn: spec.numAllowedLocalASNumbers ?? bgpPeer.numAllowedLocalASNumbers,
    // A route server does not put its own AS in front. RFC 7947 §2.2.2.
    enforceFirstAsn: spec.enforceFirstAS ?? role !== "routeServerClient",
    ...(role && { role }),
    ...(spec.roleStrict !== undefined && { roleStrict: spec.roleStrict }),
    exportLearned: spec.exportLearned ?? bgpPeer.exportLearned,
    acceptDefaultRoute: spec.acceptDefaultRoute ?? bgpPeer.acceptDefaultRoute,
    acceptNodeAddresses: spec.acceptNodeAddresses ?? bgpPeer.acceptNodeAddresses,
  };
}

type PeerSpec = Partial<SpecOf<"BGPPeer">>;
type MeshConfig = SpecOf<"BGPConfiguration">;

/** RFC 9234 §4.1: the role is ours, not the peer's. */
const ROLES: { readonly [R in NonNullable<PeerSpec["role"]>]: BgpRole } = {
  Provider: "provider",
  RouteServer: "routeServer",
  RouteServerClient: "routeServerClient",
  Customer: "customer",
  Peer: "peer",
};

/** A workload knows this host by the address with which it peers: our end of the session, whatever that is. */
function nextHopSelfOf(
  { ipv4, ipv6 }: NodeView,
  { origin }: Peering,
): Pick<PeerConfig, "nextHopSelf"> {
  if (origin === "localWorkload") return {};
  return { nextHopSelf: { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) } };
}

/** A local workload is reached over whatever address its interface has. */
function sourceAddressOf(
  self: NodeView,
  { source, origin, address }: Peering,
): PeerConfig["localAddress"] {
  if (origin === "localWorkload") return undefined;
  const mode = source?.spec.sourceAddress ?? DEFAULTS.bgpPeer.sourceAddress;
  return mode === "UseNodeIP" ? addressOf(self, ipVersion(address)) : undefined;
}

/**
 * A route reflector reflects to every iBGP peer but those of its own cluster; peers that are no nodes, or nodes without a cluster
 * id, are clients. RFC 4456 §6, §7.
 */
function isClient(self: NodeView, { node, peerAsn, localAsn }: Peering): boolean {
  return self.clusterId !== undefined && peerAsn === localAsn && node?.clusterId !== self.clusterId;
}

/** keepOriginalNextHop is from before nextHopMode, and acts on eBGP only. */
function nextHopModeOf(
  spec: PeerSpec,
  { external }: { readonly external: boolean },
): PeerConfig["nextHopMode"] {
  switch (spec.nextHopMode ?? DEFAULTS.bgpPeer.nextHopMode) {
    case "Self":
      return "self";
    case "Keep":
      return "keep";
    default:
      return spec.keepOriginalNextHop && external ? "keep" : "auto";
  }
}

type TimerFields = Pick<
  PeerSpec,
  | "holdTime"
  | "sendHoldTime"
  | "keepaliveTime"
  | "connectRetryTime"
  | "advertisementInterval"
  | "maxRestartTime"
>;

function meshTimers(config: MeshConfig): TimerFields {
  return {
    holdTime: config.nodeMeshHoldTime,
    keepaliveTime: config.nodeMeshKeepaliveTime,
    connectRetryTime: config.nodeMeshConnectRetryTime,
    advertisementInterval: config.nodeMeshAdvertisementInterval,
    maxRestartTime: config.nodeMeshMaxRestartTime,
  };
}

function timersOf(
  fields: TimerFields,
): Pick<
  PeerConfig,
  | "holdTimeSeconds"
  | "minHoldTimeSeconds"
  | "sendHoldSeconds"
  | "keepaliveSeconds"
  | "connectRetrySeconds"
  | "idleHoldSeconds"
  | "delayOpenSeconds"
  | "advertisementIntervalSeconds"
  | "gracefulRestart"
> {
  const { timers } = DEFAULTS;
  const keepaliveSeconds = seconds(fields.keepaliveTime);
  const sendHoldSeconds = seconds(fields.sendHoldTime);
  return {
    holdTimeSeconds: seconds(fields.holdTime) ?? timers.holdTimeSeconds,
    minHoldTimeSeconds: timers.minHoldTimeSeconds,
    ...(keepaliveSeconds !== undefined && { keepaliveSeconds }),
    ...(sendHoldSeconds !== undefined && { sendHoldSeconds }),
    connectRetrySeconds: seconds(fields.connectRetryTime) ?? timers.connectRetrySeconds,
    idleHoldSeconds: timers.idleHoldSeconds,
    delayOpenSeconds: timers.delayOpenSeconds,
    advertisementIntervalSeconds:
      seconds(fields.advertisementInterval) ?? timers.advertisementIntervalSeconds,
    gracefulRestart: {
      restartTimeSeconds: Math.floor(seconds(fields.maxRestartTime) ?? timers.restartTimeSeconds),
    },
  };
}

function seconds(duration: string | undefined): number | undefined {
  return duration ? parseDuration(duration) : undefined;
}

function extended({ extendedNextHop }: Peering): Pick<PeerSpec, "extendedNextHop"> {
  return extendedNextHop ? { extendedNextHop } : {};
}

function familyConfig(version: IpVersion, spec: PeerSpec): PeerFamilyConfig {
  const limit = version === 4 ? spec.maxPrefixes?.ipv4 : spec.maxPrefixes?.ipv6;
  const restartAfterSeconds = seconds(spec.maxPrefixes?.restartAfter);
  const addPath = spec.addPath && ADD_PATH_MODES[spec.addPath];
  return {
    family: version === 4 ? IPV4_UNICAST : IPV6_UNICAST,
    ...(addPath && { addPath }),
    // IPv6 has no other next hops than its own: RFC 8950 is for IPv4.
    ...(version === 4 && spec.extendedNextHop && { extendedNextHop: true }),
    ...(limit !== undefined && {
      maxPrefixes: {
        limit,
        warnPercent: spec.maxPrefixes?.warnPercent ?? DEFAULTS.bgpPeer.maxPrefixesWarnPercent,
        ...(restartAfterSeconds !== undefined && { restartAfterSeconds }),
      },
    }),
  };
}

const ADD_PATH_MODES = { Receive: "receive", Send: "send", Both: "both" } as const;

/** A key that we are told to use and cannot read must not become a session without one. */
function passwordOf(password: PeerSpec["password"]): Pick<PeerConfig, "password" | "adminDown"> {
  if (typeof password === "string") return { password };
  if (password === undefined) return {};
  return {
    adminDown: {
      message:
        "its key is in a Kubernetes Secret, which cannot be read here: write the key in place",
    },
  };
}
