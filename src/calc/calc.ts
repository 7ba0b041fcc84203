import type { AnyResource } from "../resources/schemas.ts";
import type { HostState } from "./host-state.ts";

export type CalcInput = { readonly nodeName: string; readonly resources: Iterable<AnyResource> };

/**
 * Computes what this host should be from the cluster's resources and nothing else. Pure: the order of the resources does not
 * matter, and the same resources give the same state.
 */
export function computeHostState(_input: CalcInput): HostState {
  throw new Error("not written yet");
}
