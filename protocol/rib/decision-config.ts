/** How the decision process breaks ties where RFCs leave a choice. */
export type DecisionConfig = {
  readonly alwaysCompareMed: boolean;
  readonly missingMedIsWorst: boolean;
  readonly compareRouterId: boolean;
  /** Most equal paths that go into the kernel together; 1 turns ECMP off. */
  readonly maxPaths: number;
};

/** Calico has no fields for these; they are BIRD's, with RFC 4271 §9.1.2.2 in full. */
export const DEFAULT_DECISION: DecisionConfig = {
  alwaysCompareMed: false,
  missingMedIsWorst: false,
  compareRouterId: true,
  maxPaths: 16,
};
