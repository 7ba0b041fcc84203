import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { API_VERSION, keyOf } from "../resources/resource.ts";
import type { UndoStack } from "./undo-stack.ts";
import { networkOf } from "./workload-addresses.ts";
import type { WorkloadNames } from "./workload-names.ts";
import { type WorkloadEndpoint, WorkloadError, type WorkloadRequest } from "./workload-request.ts";

/** Somebody else may write in between; so often it is tried again. */
const TRIES = 5;

/** What the steps before found out. */
export type EndpointParts = {
  readonly names: WorkloadNames;
  readonly nodeName: string;
  readonly hostInterface: string;
  readonly addresses: readonly IpAddress[];
  readonly mac: string | undefined;
  /** Its age, where the datastore keeps none of its own. */
  readonly createdAt: Date;
};

/** Whether our IPAM assigned the addresses, and for whom: removal releases them. */
export const HANDLE_ANNOTATION = "tortie.dev/ipam-handle";
/** "namespace", "pair" or "host": what removal has to take away. */
export const ATTACHMENT_ANNOTATION = "tortie.dev/attachment";

/** The resource of a workload. Labels as Calico's, so that its selectors find it. */
export function endpointOf(request: WorkloadRequest, parts: EndpointParts): WorkloadEndpoint {
  const { orchestrator, workload, endpoint, containerId, pod, profiles, ports, addresses } =
    request;
  const { names, nodeName, hostInterface, mac } = parts;
  return {
    apiVersion: API_VERSION,
    kind: "WorkloadEndpoint",
    metadata: {
      name: names.resource,
      namespace: names.namespace,
      creationTimestamp: parts.createdAt.toISOString().replace(/\.\d+Z$/, "Z"),
      labels: {
        ...request.labels,
        "projectcalico.org/namespace": names.namespace,
        "projectcalico.org/orchestrator": orchestrator,
      },
      annotations: {
        ...request.annotations,
        [ATTACHMENT_ANNOTATION]: request.attachment.type,
        ...(addresses.from !== "elsewhere" && {
          [HANDLE_ANNOTATION]: request.handle ?? names.handle,
        }),
      },
    },
    spec: {
      orchestrator,
      workload,
      node: nodeName,
      ...(containerId !== undefined && { containerID: containerId }),
      ...(pod !== undefined && { pod }),
      endpoint,
      ipNetworks: parts.addresses.map(networkOf),
      ...(profiles !== undefined && { profiles: [...profiles] }),
      interfaceName: hostInterface,
      ...(mac !== undefined && { mac }),
      ...(ports !== undefined && { ports: [...ports] }),
    },
  };
}

/** Creates the resource, or puts it in the place of an earlier incarnation, which comes back when a later step fails. */
export async function storeEndpoint(
  endpoint: WorkloadEndpoint,
  options: {
    readonly datastore: Datastore;
    readonly undo: UndoStack;
    /** The earlier incarnation was put back. */
    readonly onRestored: () => void;
  },
): Promise<WorkloadEndpoint> {
  const { datastore, undo, onRestored } = options;
  const key = keyOf(endpoint);
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const before = await datastore.get(key);
    const result =
      before === undefined
        ? await datastore.create(endpoint)
        : await datastore.update(replacing(before, endpoint));
    if (result.type !== "written") continue;
    undo.push("WorkloadEndpoint", async () => {
      if (before === undefined) await datastore.delete(key);
      else {
        await datastore.update(withoutVersion(before));
        onRestored();
      }
    });
    return result.resource as WorkloadEndpoint;
  }
  throw new WorkloadError("unavailable", `${key.name} keeps being changed by somebody else`);
}

type Stored = NonNullable<Awaited<ReturnType<Datastore["get"]>>>;

/** Keeps who the object is: its age decides who has an address that two claim. */
function replacing(before: Stored, endpoint: WorkloadEndpoint): Stored {
  const { uid, creationTimestamp, resourceVersion } = before.metadata;
  return {
    ...endpoint,
    metadata: {
      ...endpoint.metadata,
      ...(uid !== undefined && { uid }),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
  };
}

function withoutVersion(resource: Stored): Stored {
  const { resourceVersion: _, ...metadata } = resource.metadata;
  return { ...resource, metadata };
}
