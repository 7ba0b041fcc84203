/*
 * What a changed field of a peering does to the peer: the one table of it. A field that is not named here does not compile.
 */
import type { PeerConfig, SpeakerConfig } from "./speaker-config.ts";

/**
 * `keep`: the running session is not touched, the value counts from its next use. `import`: routes in the Adj-RIB-In are
 * judged again. `export`: what differs is sent. `both`: these two. `admin`: a shutdown or its end. `reset`: the value was
 * agreed in the OPEN or belongs to the connection, so the session begins anew, with Cease 6/6.
 */
export type FieldEffect = "keep" | "import" | "export" | "both" | "admin" | "limits" | "reset";

export const FIELD_EFFECTS: { readonly [field in keyof Required<PeerConfig>]: FieldEffect } = {
  name: "keep",
  origin: "keep",
  address: "reset",
  port: "reset",
  localAddress: "reset",
  interface: "reset",
  localAsn: "reset",
  peerAsn: "reset",
  adminDown: "admin",
  passive: "keep",
  holdTimeSeconds: "reset",
  minHoldTimeSeconds: "keep",
  keepaliveSeconds: "keep",
  connectRetrySeconds: "keep",
  idleHoldSeconds: "keep",
  delayOpenSeconds: "keep",
  sendHoldSeconds: "keep",
  families: "reset",
  extendedMessage: "reset",
  routeReflectorClient: "both",
  nextHopMode: "export",
  nextHopSelf: "export",
  allowOwnAsn: "import",
  enforceFirstAsn: "import",
  role: "reset",
  roleStrict: "keep",
  exportLearned: "export",
  acceptDefaultRoute: "import",
  acceptNodeAddresses: "import",
  gracefulRestart: "keep",
  importPolicy: "import",
  exportPolicy: "export",
  advertisementIntervalSeconds: "export",
  password: "reset",
  ttlSecurityHops: "reset",
  standbyFor: "keep",
};

const FIELDS = Object.keys(FIELD_EFFECTS) as readonly (keyof PeerConfig)[];

/** What a change of the speaker's own configuration does to a peer. */
export type SpeakerEffect = Extract<FieldEffect, "keep" | "both" | "reset"> | "none";

/** What a change of the speaker's own fields does to every peer. */
export function effectOnAll(before: SpeakerConfig, after: SpeakerConfig): SpeakerEffect {
  if (before.asn !== after.asn || before.routerId !== after.routerId) return "reset";
  const soft =
    before.clusterId !== after.clusterId || !sameContent(before.ownAddresses, after.ownAddresses);
  if (soft) return "both";
  return before.hostName === after.hostName ? "none" : "keep";
}

/** The fields that differ, and what each does. */
export function fieldChanges(
  before: PeerConfig,
  after: PeerConfig,
): ReadonlyMap<keyof PeerConfig, FieldEffect> {
  const changes = new Map<keyof PeerConfig, FieldEffect>();
  for (const field of FIELDS) {
    if (sameContent(before[field], after[field])) continue;
    changes.set(field, effectOf(field, before, after));
  }
  return changes;
}

/** The effects of all fields that differ, each once. */
export function effectsOfChange(before: PeerConfig, after: PeerConfig): ReadonlySet<FieldEffect> {
  return new Set(fieldChanges(before, after).values());
}

function effectOf(field: keyof PeerConfig, before: PeerConfig, after: PeerConfig): FieldEffect {
  if (field === "families") return familiesEffect(before, after);
  // From no key to one, or back, the connection begins anew; from one key to another its socket gets the new one.
  const rotated = before.password !== undefined && after.password !== undefined;
  if (field === "password" && rotated) return "keep";
  return FIELD_EFFECTS[field];
}

/**
 * Peers whose name is new while one with their address and port is named no more: by the new name, what they were. A session belongs to
 * its neighbour, not to what asked for it, so a mesh peer that a BGPPeer takes over keeps it.
 */
export function renamedPeers(
  before: readonly PeerConfig[],
  after: readonly PeerConfig[],
): ReadonlyMap<string, PeerConfig> {
  const renamed = new Map<string, PeerConfig>();
  const had = new Set(before.map(({ name }) => name));
  const strangers = after.filter(({ name }) => !had.has(name));
  if (strangers.length === 0) return renamed;
  const has = new Set(after.map(({ name }) => name));
  const place = ({ address, port }: PeerConfig) => `${address} ${port}`;
  const gone = new Map(
    before.filter(({ name }) => !has.has(name)).map((peer) => [place(peer), peer]),
  );
  for (const stranger of strangers) {
    const former = gone.get(place(stranger));
    if (former !== undefined) renamed.set(stranger.name, former);
  }
  return renamed;
}

/** Limits are ours alone; whatever else is said of a family stands in the OPEN. */
function familiesEffect(before: PeerConfig, after: PeerConfig): FieldEffect {
  const agreed = ({ families }: PeerConfig) =>
    families.map(({ family, addPath, extendedNextHop }) => ({ family, addPath, extendedNextHop }));
  return sameContent(agreed(before), agreed(after)) ? "limits" : "reset";
}

/**
 * Plain data with the same content. Order counts in lists, not in objects; an absent field is an undefined one. Each
 * configuration asks it of every peer, so it makes nothing.
 */
export function sameContent(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && sameElements(a, b);
  }
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const key in left) if (!sameContent(left[key], right[key])) return false;
  for (const key in right) if (right[key] !== undefined && !(key in left)) return false;
  return true;
}

function sameElements(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameContent(a[i], b[i])) return false;
  return true;
}
