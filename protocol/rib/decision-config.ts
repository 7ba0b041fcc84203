/** How the decision process breaks ties where RFCs leave a choice. */
export type DecisionConfig = {
  readonly alwaysCompareMed: boolean;
  readonly missingMedIsWorst: boolean;
  readonly compareRouterId: boolean;
  /** Most equal paths that go into the kernel together; 1 turns ECMP off. */
  readonly maxPaths: number;
};

export const DEFAULT_DECISION: DecisionConfig = {
  alwaysCompareMed: false,
  missingMedIsWorst: false,
  compareRouterId: true,
  maxPaths: 16,
};
