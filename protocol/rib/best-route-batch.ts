import type { Family } from "../types/family.ts";
import type { IpAddress } from "../types/ip-address.ts";

/**
 * One batch of changed best routes, on its way from the change log to the kernel: columns that can be transferred to a
 * worker. For i < count: the prefix is `addresses` (one word each for IPv4, four for IPv6) and `lengths[i]`, and
 * `nextHopSets[i]` names its set of next hops, 0 for "no route". Sets never seen before come in `newNextHopSets`;
 * a set's number is never used again for another set within one `generation`. A new generation (the reader was lapped,
 * or asked for everything) means: forget all, this and the following batches list the whole table, until `complete`.
 */
export type BestRouteBatch = {
  readonly family: Family;
  readonly generation: number;
  readonly complete: boolean;
  readonly count: number;
  readonly addresses: Uint32Array<ArrayBuffer>;
  readonly lengths: Uint8Array<ArrayBuffer>;
  readonly nextHopSets: Uint32Array<ArrayBuffer>;
  readonly newNextHopSets: readonly NextHopSet[];
};

/** Next hops of the best route and its multipath companions; locally originated routes have none and never come here. */
export type NextHopSet = {
  readonly id: number;
  readonly nextHops: readonly IpAddress[];
  /** LOCAL_PREF of the best route, given from LEAST_TOLD_LOCAL_PREF on: as high as that it may say how the kernel should prefer it. */
  readonly localPref?: number;
};

/** Lower ones say nothing outside BGP, and would only part sets of next hops that are the same. */
export const LEAST_TOLD_LOCAL_PREF = 65_536;
