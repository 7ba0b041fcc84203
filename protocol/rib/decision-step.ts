/** The steps of the decision process, in order; a comparison returns the number of the step that decided. RFC 4271 §9.1. */
export const STEP = {
  llgrStale: 1,
  localPref: 2,
  locallyOriginated: 3,
  asPathLength: 4,
  origin: 5,
  med: 6,
  externalOverInternal: 7,
  igpMetric: 8,
  routerId: 9,
  clusterListLength: 10,
  peerAddress: 11,
  pathId: 12,
  peerIndex: 13,
} as const;

/** Routes that tie up to and including this step may share the traffic. */
export const LAST_STEP_BEFORE_MULTIPATH = STEP.igpMetric;

const SENTENCES = new Map<number, string>([
  [STEP.llgrStale, "it is long-lived stale (RFC 9494 §4.3)"],
  [STEP.localPref, "its LOCAL_PREF is lower (RFC 4271 §9.1.1)"],
  [STEP.locallyOriginated, "it is not originated by this host"],
  [STEP.asPathLength, "its AS_PATH is longer (RFC 4271 §9.1.2.2 a)"],
  [STEP.origin, "its ORIGIN is higher (RFC 4271 §9.1.2.2 b)"],
  [STEP.med, "its MULTI_EXIT_DISC is higher, same neighbouring AS (RFC 4271 §9.1.2.2 c)"],
  [
    STEP.externalOverInternal,
    "it was learned over iBGP, the other over eBGP (RFC 4271 §9.1.2.2 d)",
  ],
  [STEP.igpMetric, "its next hop is farther away (RFC 4271 §9.1.2.2 e)"],
  [STEP.routerId, "its router id or ORIGINATOR_ID is higher (RFC 4271 §9.1.2.2 f, RFC 4456 §9)"],
  [STEP.clusterListLength, "its CLUSTER_LIST is longer (RFC 4456 §9)"],
  [STEP.peerAddress, "its peer's address is higher (RFC 4271 §9.1.2.2 g)"],
  [STEP.pathId, "its path identifier is higher"],
  [STEP.peerIndex, "its peer was configured later"],
]);

/** The sentence that says why the loser lost at this step. */
export function describeStep(step: number): string {
  return SENTENCES.get(step) ?? `step ${step}`;
}
