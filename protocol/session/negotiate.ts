import { AS_TRANS, type Asn } from "../types/asn.ts";
import { afiOf, type Family, IPV4_UNICAST, safiOf } from "../types/family.ts";
import type { BgpRole, Capability } from "../wire/capability.ts";
import type { OpenMessage } from "../wire/message.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import type { WireContext } from "../wire/wire-context.ts";
import { NotificationCode } from "./notification.ts";
import type { SessionConfig } from "./session-config.ts";
import type { SessionParameters } from "./session-parameters.ts";
import { agreedContext, findCapability, hasCapability } from "./wire-agreement.ts";

/** The version that we speak, and the largest that we support. RFC 4271 §4.2. */
const BGP_VERSION = 4;

/** RFC 4271 §4.2: a Hold Time is zero or at least three seconds. */
const LEAST_HOLD_SECONDS = 3;

/** RFC 9687 §3: eight minutes, or twice the hold time if that is more. */
const LEAST_SEND_HOLD_SECONDS = 480;

/** Compares the peer's OPEN with ours: what both can do, or the error that refuses it. RFC 4271 §6.2, RFC 5492. */
export function negotiate(
  open: OpenMessage,
  config: SessionConfig,
): SessionParameters | ProtocolError {
  const peerAsn = asnOf(open);
  const error =
    checkVersion(open) ??
    checkAsn(peerAsn, config) ??
    checkRouterId(open, config) ??
    checkHoldTime(open, config) ??
    checkRole(open, config);
  if (error !== undefined) return error;
  const families = commonFamilies(open.capabilities, config);
  if (families.length === 0) return unsupportedFamilies(config);
  return agree(open, families, config);
}

/** The peer's AS: the capability where there is one, else the two-octet field. RFC 6793 §3. */
export function asnOf(open: OpenMessage): number {
  return findCapability(open.capabilities, "fourOctetAsn")?.asn ?? open.asn;
}

function checkVersion(open: OpenMessage): ProtocolError | undefined {
  if (open.version === BGP_VERSION) return undefined;
  // RFC 4271 §6.2: the data is the largest version that we support, in two octets.
  return openError(1, `version ${open.version}`, Uint8Array.of(0, BGP_VERSION));
}

/** How long a peer may take nothing of what we send: as configured, or eight minutes, or twice the hold time. RFC 9687 §3. */
export function sendHoldSecondsOf(
  config: { readonly sendHoldSeconds?: number },
  holdTimeSeconds: number,
): number {
  return config.sendHoldSeconds ?? Math.max(LEAST_SEND_HOLD_SECONDS, 2 * holdTimeSeconds);
}

function checkAsn(asn: number, { peerAsn }: SessionConfig): ProtocolError | undefined {
  if (asn === peerAsn) return undefined;
  // RFC 7607 §2: AS 0 earns the same answer. AS_TRANS alone cannot stand for a number above 65535 that we expect.
  const hint = asn === AS_TRANS && peerAsn > 0xffff ? " (without the four-octet capability)" : "";
  return openError(2, `peer says AS ${asn}${hint}, configured is AS ${peerAsn}`);
}

/** RFC 6286 §2.1: not zero, and within one AS not ours. (Zero is seen by the decoder.) */
function checkRouterId(open: OpenMessage, config: SessionConfig): ProtocolError | undefined {
  const own = config.peerAsn === config.localAsn && open.routerId === config.routerId;
  return own ? openError(3, "peer has our own BGP identifier") : undefined;
}

/** RFC 4271 §6.2. A minimum above the RFC's own wants to notice a dead peer, so it refuses "for ever" too. */
function checkHoldTime(open: OpenMessage, config: SessionConfig): ProtocolError | undefined {
  const least = Math.max(LEAST_HOLD_SECONDS, config.minHoldTimeSeconds);
  const { holdTimeSeconds } = open;
  const acceptable =
    holdTimeSeconds === 0 ? least === LEAST_HOLD_SECONDS : holdTimeSeconds >= least;
  if (acceptable) return undefined;
  return openError(6, `peer proposes hold time ${holdTimeSeconds} s, the minimum is ${least} s`);
}

/** The roles that belong together, as local → remote. RFC 9234 §4.2. */
const COUNTERPART: { readonly [role in BgpRole]: BgpRole } = {
  provider: "customer",
  customer: "provider",
  routeServer: "routeServerClient",
  routeServerClient: "routeServer",
  peer: "peer",
};

function checkRole(open: OpenMessage, config: SessionConfig): ProtocolError | undefined {
  if (config.role === undefined || config.localAsn === config.peerAsn) return undefined;
  const roles = new Set(
    open.capabilities.flatMap((capability) =>
      capability.type === "role" ? [capability.role] : [],
    ),
  );
  if (roles.size === 0) {
    return config.roleStrict
      ? openError(11, "peer sends no role, and we insist on one")
      : undefined;
  }
  // RFC 9234 §4.2: several different roles are a mismatch, whatever they are.
  const matches = roles.size === 1 && roles.has(COUNTERPART[config.role]);
  return matches
    ? undefined
    : openError(11, `our role is ${config.role}, the peer's is ${[...roles].join(", ")}`);
}

/** Without any multiprotocol capability the peer speaks IPv4 unicast. RFC 4760 §8. */
function commonFamilies(capabilities: readonly Capability[], config: SessionConfig): Family[] {
  const offered = capabilities.flatMap((capability) =>
    capability.type === "multiprotocol" ? [capability.family] : [],
  );
  const theirs = new Set<Family>(offered.length === 0 ? [IPV4_UNICAST] : offered);
  return config.families.filter((family) => theirs.has(family));
}

/** RFC 5492 §5: the data lists the capabilities that we miss, as an OPEN would carry them. */
function unsupportedFamilies({ families }: SessionConfig): ProtocolError {
  const data = families.flatMap((family) => [
    ...[1, 4],
    ...[afiOf(family) >>> 8, afiOf(family) & 0xff, 0, safiOf(family)],
  ]);
  return openError(7, "no address family in common", Uint8Array.from(data));
}

function agree(
  open: OpenMessage,
  families: readonly Family[],
  config: SessionConfig,
): SessionParameters {
  const [ours, theirs] = [config.capabilities, open.capabilities];
  const holdTimeSeconds = Math.min(config.holdTimeSeconds, open.holdTimeSeconds);
  const type = config.peerAsn === config.localAsn ? "ibgp" : "ebgp";
  const both = (name: Capability["type"]) =>
    hasCapability(ours, name) && hasCapability(theirs, name);
  const peerType = type === "ibgp" ? "internal" : "external";
  const context = (sender: readonly Capability[], receiver: readonly Capability[]) =>
    within(families, agreedContext({ sender, receiver, peerType }));
  const gracefulRestart = findCapability(theirs, "gracefulRestart");
  const peerRole = findCapability(theirs, "role")?.role;
  return {
    type,
    peerAsn: config.peerAsn,
    peerRouterId: open.routerId,
    holdTimeSeconds,
    keepaliveSeconds: keepaliveSeconds(holdTimeSeconds, config.keepaliveSeconds),
    sendHoldSeconds: sendHoldSecondsOf(config, holdTimeSeconds),
    families,
    receive: context(theirs, ours),
    send: context(ours, theirs),
    routeRefresh: both("routeRefresh"),
    enhancedRouteRefresh: both("enhancedRouteRefresh") && both("routeRefresh"),
    ...(gracefulRestart && hasCapability(ours, "gracefulRestart") && { gracefulRestart }),
    longLivedFamilies: hasCapability(ours, "longLivedGracefulRestart")
      ? (findCapability(theirs, "longLivedGracefulRestart")?.families ?? [])
      : [],
    ...(typeof peerRole === "string" && { peerRole }),
    capabilitiesReceived: theirs,
  };
}

/** A third of the hold time, or less if configured; never more often than once a second. RFC 4271 §4.4. */
function keepaliveSeconds(holdTimeSeconds: number, configured: number | undefined): number {
  const third = holdTimeSeconds / 3;
  return Math.max(1, configured === undefined ? third : Math.min(configured, third));
}

/** What was agreed for families that the session does not carry has no meaning. */
function within(families: readonly Family[], context: WireContext): WireContext {
  return {
    ...context,
    addPath: new Set(families.filter((family) => context.addPath.has(family))),
    extendedNextHop: new Set(families.filter((family) => context.extendedNextHop.has(family))),
  };
}

function openError(subcode: number, reason: string, data?: Uint8Array): ProtocolError {
  return new ProtocolError({
    code: NotificationCode.openMessage,
    subcode,
    reason,
    ...(data && { data }),
  });
}

/** The two-octet AS field of our OPEN: AS_TRANS stands for what does not fit. RFC 6793 §9. */
export function twoOctetAsn(asn: Asn): number {
  return asn > 0xffff ? AS_TRANS : asn;
}
