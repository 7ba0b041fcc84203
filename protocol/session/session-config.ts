import type { Asn } from "../types/asn.ts";
import type { Family } from "../types/family.ts";
import type { RouterId } from "../types/router-id.ts";
import type { BgpRole, Capability } from "../wire/capability.ts";

/** What one session needs to know of its peer's configuration. RFC 4271 §8.1.1. */
export type SessionConfig = {
  readonly localAsn: Asn;
  readonly peerAsn: Asn;
  readonly routerId: RouterId;
  /** What our OPEN proposes; 0 means "for ever". */
  readonly holdTimeSeconds: number;
  readonly minHoldTimeSeconds: number;
  readonly keepaliveSeconds?: number;
  readonly connectRetrySeconds: number;
  readonly idleHoldSeconds: { readonly initial: number; readonly max: number };
  readonly delayOpenSeconds: number;
  readonly sendHoldSeconds?: number;
  readonly passive: boolean;
  /** Families that we are ready to carry. */
  readonly families: readonly Family[];
  /** The capabilities of our OPEN, as sent. */
  readonly capabilities: readonly Capability[];
  readonly role?: BgpRole;
  readonly roleStrict?: boolean;
};
