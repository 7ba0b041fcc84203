import type { Asn } from "../types/asn.ts";
import type { Family } from "../types/family.ts";
import type { RouterId } from "../types/router-id.ts";
import type {
  BgpRole,
  Capability,
  GracefulRestartCapability,
  LlgrFamily,
} from "../wire/capability.ts";
import type { WireContext } from "../wire/wire-context.ts";

/** What two OPENs have agreed on. It exists from OpenConfirm on, and nowhere before. */
export type SessionParameters = {
  readonly type: "ibgp" | "ebgp";
  readonly peerAsn: Asn;
  readonly peerRouterId: RouterId;
  /** The smaller of the two proposals; 0 runs neither hold nor keepalive timer. RFC 4271 §4.2. */
  readonly holdTimeSeconds: number;
  readonly keepaliveSeconds: number;
  readonly sendHoldSeconds: number;
  readonly families: readonly Family[];
  /** How to read what the peer sends, and how to write what it reads. */
  readonly receive: WireContext;
  readonly send: WireContext;
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  /** What the peer says of its own restarts; absent when it did not say anything. RFC 4724 §3. */
  readonly gracefulRestart?: GracefulRestartCapability;
  readonly longLivedFamilies: readonly LlgrFamily[];
  /** The peer's role as it announced it. RFC 9234. */
  readonly peerRole?: BgpRole;
  readonly capabilitiesReceived: readonly Capability[];
};
