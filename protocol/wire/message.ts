import type { Family } from "../types/family.ts";
import type { Prefix } from "../types/prefix.ts";
import type { RouterId } from "../types/router-id.ts";
import type { PathAttribute } from "./attribute/path-attribute.ts";
import type { Capability } from "./capability.ts";
import type { Fault } from "./fault.ts";

/** One BGP message as an immutable value. RFC 4271 §4, RFC 2918. */
export type Message =
  | OpenMessage
  | UpdateMessage
  | NotificationMessage
  | KeepaliveMessage
  | RouteRefreshMessage;

/** RFC 4271 §4.2. `asn` is the two-octet field as sent (AS_TRANS stands for larger numbers, RFC 6793). */
export type OpenMessage = {
  readonly type: "open";
  readonly version: number;
  readonly asn: number;
  readonly holdTimeSeconds: number;
  readonly routerId: RouterId;
  readonly capabilities: readonly Capability[];
};

/** A prefix in an UPDATE, with its path identifier where ADD-PATH was negotiated. RFC 4271 §4.3, RFC 7911 §3. */
export type Nlri = { readonly prefix: Prefix; readonly pathId?: number };

/**
 * RFC 4271 §4.3, RFC 4760. `withdrawn` and `nlri` are the two IPv4 fields of the message; those of other families are in
 * the mpReach and mpUnreach attributes. `faults` says what RFC 7606 found and did; when the strongest of them is
 * "treat-as-withdraw", every announced prefix of the message counts as withdrawn.
 */
export type UpdateMessage = {
  readonly type: "update";
  readonly withdrawn: readonly Nlri[];
  readonly attributes: readonly PathAttribute[];
  readonly nlri: readonly Nlri[];
  readonly faults: readonly Fault[];
};

/** RFC 4271 §4.5. */
export type NotificationMessage = {
  readonly type: "notification";
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
};

export type KeepaliveMessage = { readonly type: "keepalive" };

/** RFC 2918 §3; `subtype` is request 0, beginning 1 or end 2 of RFC 7313, or any other number as received. */
export type RouteRefreshMessage = {
  readonly type: "routeRefresh";
  readonly family: Family;
  readonly subtype: number;
  /** Octets of outbound route filters after the fixed part, as received; tortie does not negotiate them. RFC 5291 §4. */
  readonly outboundRouteFilters?: Uint8Array;
};
