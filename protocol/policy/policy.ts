import type { Asn } from "../types/asn.ts";
import type { Community, LargeCommunity } from "../types/community.ts";
import type { Family } from "../types/family.ts";
import type { Prefix } from "../types/prefix.ts";

/**
 * A filter as data: rules in order, the first one that matches decides; `otherwise` decides when none does. Evaluation
 * names the rule (policy/evaluate.ts). Policies are compared by content, so equal ones share an update group.
 */
export type Policy = {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
  readonly otherwise: "accept" | "reject";
};

/** All stated conditions must hold. */
export type PolicyRule = {
  readonly name: string;
  readonly match: PolicyMatch;
  readonly action: "accept" | "reject";
  readonly operations?: readonly PolicyOperation[];
};

export type PolicyMatch = {
  /** Routes of this family only. A policy serves both families of a session, and a BGPFilter has rules for each. */
  readonly family?: Family;
  /**
   * Prefix relation as in Calico's BGPFilter. Bounds are those of the route's prefix length, both included; they belong to what
   * the operator asks for, so "notIn" with bounds is true of what lies inside with another length.
   */
  readonly prefix?: {
    readonly cidr: Prefix;
    readonly operator: "equal" | "notEqual" | "in" | "notIn";
    readonly minLength?: number;
    readonly maxLength?: number;
  };
  /** Where the route came from: this host's own originations, or a peer. */
  readonly source?: "local" | "peer";
  readonly peerType?: "ebgp" | "ibgp";
  readonly community?: Community | LargeCommunity;
  /** The AS_PATH starts with these. */
  readonly asPathPrefix?: readonly Asn[];
  readonly localPref?: number;
  /** The interface over which the route leads: `*` is any run of characters, `?` one. A route without one has the name "". */
  readonly interface?: string;
};

export type PolicyOperation =
  | { readonly type: "addCommunity"; readonly community: Community | LargeCommunity }
  | { readonly type: "prependAsPath"; readonly asns: readonly Asn[] }
  | { readonly type: "setLocalPref"; readonly localPref: number }
  | { readonly type: "setMed"; readonly med: number };

export const ACCEPT_ALL: Policy = { name: "accept-all", rules: [], otherwise: "accept" };
export const REJECT_ALL: Policy = { name: "reject-all", rules: [], otherwise: "reject" };
