import type { Resource } from "../resource.ts";
import type { ValidationError } from "../validation-error.ts";
import { duplicateAddresses } from "./addresses.ts";
import { ClusterSnapshot } from "./cluster-snapshot.ts";
import { lostPeerings } from "./peerings.ts";
import { overlappingPools } from "./pools.ts";
import { unknownReferences } from "./references.ts";

/** Something that no single object does wrong: always with the object to look at. */
export type CrossIssue = ValidationError & {
  readonly code:
    | "overlapping-pools"
    | "duplicate-address"
    | "unknown-reference"
    | "node-left-alone"
    | "no-route-reflector";
  readonly resource: string;
};

/**
 * Looks at all resources together, as they would be. What was before says whether a peering is lost by the change or was never
 * there. Without it, as for files alone, that is a warning, and so are names of objects that may be kept elsewhere. Pure; the
 * objects need not have passed their own checks.
 */
export function crossCheck({
  before,
  after,
}: {
  readonly before?: Iterable<Resource>;
  readonly after: Iterable<Resource>;
}): readonly CrossIssue[] {
  const snapshot = new ClusterSnapshot(after);
  const earlier = before === undefined ? undefined : new ClusterSnapshot(before);
  return [
    ...overlappingPools(snapshot),
    ...duplicateAddresses(snapshot),
    ...unknownReferences(snapshot, { isWhole: before !== undefined }),
    ...lostPeerings(snapshot, earlier),
  ];
}
