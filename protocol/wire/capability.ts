import type { Asn } from "../types/asn.ts";
import type { Family } from "../types/family.ts";

/** What the path identifiers of one family may do, from the view of the speaker that sends the capability. RFC 7911 §4. */
export type AddPathMode = "receive" | "send" | "both";

/** RFC 9234 §4.1. */
export type BgpRole = "provider" | "routeServer" | "routeServerClient" | "customer" | "peer";

/** One capability as carried in an OPEN. RFC 5492 §4; a code that tortie does not know keeps its octets. */
export type Capability =
  | { readonly type: "multiprotocol"; readonly family: Family }
  | { readonly type: "routeRefresh" }
  | { readonly type: "extendedNextHop"; readonly entries: readonly ExtendedNextHop[] }
  | { readonly type: "extendedMessage" }
  | { readonly type: "role"; readonly role: BgpRole | number }
  | GracefulRestartCapability
  | { readonly type: "fourOctetAsn"; readonly asn: Asn | 0 }
  | { readonly type: "addPath"; readonly families: readonly AddPathFamily[] }
  | { readonly type: "enhancedRouteRefresh" }
  | { readonly type: "longLivedGracefulRestart"; readonly families: readonly LlgrFamily[] }
  | { readonly type: "fqdn"; readonly hostName: string; readonly domainName: string }
  | { readonly type: "softwareVersion"; readonly version: string }
  | { readonly type: "unknown"; readonly code: number; readonly value: Uint8Array };

/** NLRI of `family` may carry next hops of `nextHopAfi`. RFC 8950 §4. */
export type ExtendedNextHop = { readonly family: Family; readonly nextHopAfi: number };

export type AddPathFamily = { readonly family: Family; readonly mode: AddPathMode };

/** RFC 4724 §3; `notification` is the N bit of RFC 8538. Restart time in seconds, 0 to 4095. */
export type GracefulRestartCapability = {
  readonly type: "gracefulRestart";
  readonly restarting: boolean;
  readonly notification: boolean;
  readonly restartTimeSeconds: number;
  readonly families: readonly { readonly family: Family; readonly forwarding: boolean }[];
};

/** RFC 9494 §3. Stale time in seconds, 24 bits. */
export type LlgrFamily = {
  readonly family: Family;
  readonly forwarding: boolean;
  readonly staleTimeSeconds: number;
};
