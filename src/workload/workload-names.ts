import { createHash } from "node:crypto";
import type { WorkloadIdentity } from "./workload-request.ts";

/** Interfaces with this prefix are workloads' (FelixConfiguration interfacePrefix, default). */
export const INTERFACE_PREFIX = "cali";

/** Characters after the prefix: with it they fill the 15 that Linux allows. */
const INTERFACE_DIGITS = 11;

/** Longest resource name: a DNS subdomain. RFC 1123 §2.1. */
const LONGEST_NAME = 253;
const DIGITS = 16;

/** What a workload is called, everywhere: all of it follows from its identity and the node. */
export type WorkloadNames = {
  readonly namespace: string;
  /** Of the WorkloadEndpoint: "node-orchestrator-workload-endpoint", each with its hyphens doubled, as Calico has it. */
  readonly resource: string;
  readonly hostInterface: string;
  readonly handle: string;
};

/** Names a workload of this node. */
export function workloadNames(identity: WorkloadIdentity, nodeName: string): WorkloadNames {
  const namespace = identity.namespace ?? "default";
  const resource = resourceName(identity, nodeName);
  return {
    namespace,
    resource,
    hostInterface: hostInterfaceName({ ...identity, namespace }, `${namespace}/${resource}`),
    handle: `${namespace}.${resource}`,
  };
}

function resourceName(
  { orchestrator, workload, endpoint }: WorkloadIdentity,
  node: string,
): string {
  const parts = [node, orchestrator, workload, endpoint];
  const plain = parts.map((part) => part.replaceAll("-", "--")).join("-");
  if (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(plain) && plain.length <= LONGEST_NAME) return plain;
  // What a resource's name cannot hold stands in the spec; here a digest keeps different workloads apart.
  const readable = plain
    .toLowerCase()
    .replaceAll(/[^-a-z0-9.]+/g, ".")
    .replaceAll(/^[-.]+|[-.]+$/g, "")
    .slice(0, LONGEST_NAME - DIGITS - 1);
  return `${readable}.${digest(plain, DIGITS)}`;
}

/** A pod's first interface has the name that Calico's plugin would give it, so that a node can change over. */
function hostInterfaceName(identity: WorkloadIdentity, key: string): string {
  const { orchestrator, endpoint, namespace, workload } = identity;
  const asCalico = orchestrator === "k8s" && endpoint === "eth0";
  return `${INTERFACE_PREFIX}${digest(asCalico ? `${namespace}.${workload}` : key, INTERFACE_DIGITS)}`;
}

function digest(text: string, digits: number): string {
  return createHash("sha1").update(text).digest("hex").slice(0, digits);
}
