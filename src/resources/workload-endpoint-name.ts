/** What a workload endpoint's name is made of. */
export type WorkloadEndpointIdentity = {
  readonly node?: string | undefined;
  readonly orchestrator?: string | undefined;
  readonly pod?: string | undefined;
  readonly workload?: string | undefined;
  readonly containerID?: string | undefined;
  readonly endpoint?: string | undefined;
};

/**
 * Calico's name of a workload endpoint: node, orchestrator, what identifies the workload there, and its interface, joined by
 * dashes; dashes within them are doubled. Undefined while a part is missing.
 */
export function workloadEndpointName(identity: WorkloadEndpointIdentity): string | undefined {
  const { node, orchestrator, endpoint } = identity;
  const parts = [node, orchestrator, workloadOf(identity), endpoint];
  if (!parts.every((part) => part !== undefined && part !== "")) return undefined;
  return parts.map((part) => part?.replaceAll("-", "--")).join("-");
}

function workloadOf({ orchestrator, pod, containerID, workload }: WorkloadEndpointIdentity) {
  switch (orchestrator) {
    case "k8s":
      return pod;
    case "cni":
      return containerID;
    default:
      return workload;
  }
}
