import type { Datastore } from "../../../datastore/datastore.ts";
import type { ResourceKey } from "../../../resources/resource.ts";
import type { ResourceOf } from "../../../resources/schemas.ts";

/** A workload's endpoint with the names by which people of 2015 knew its parts. */
export type ListedEndpoint = {
  readonly key: ResourceKey;
  readonly node: string;
  readonly orchestrator: string;
  readonly workload: string;
  readonly endpointId: string;
  /** Inside the workload, where docker's front door or a person chose it. */
  readonly interfaceName: string;
  readonly addresses: readonly string[];
  readonly mac: string;
  /** Names of the resources. */
  readonly profiles: readonly string[];
  readonly state: "active" | "inactive";
};

/** What narrows a list of endpoints down; all that is given must fit. */
export type EndpointFilter = {
  readonly node?: string | undefined;
  readonly orchestrator?: string | undefined;
  readonly workload?: string | undefined;
  readonly endpointId?: string | undefined;
};

/** Every endpoint of the cluster, ordered by host and workload. */
export async function endpointsOf(
  datastore: Datastore,
  filter: EndpointFilter = {},
): Promise<readonly ListedEndpoint[]> {
  const { resources } = await datastore.list({ kinds: ["WorkloadEndpoint"] });
  return resources
    .map((resource) => listed(resource as unknown as ResourceOf<"WorkloadEndpoint">))
    .filter((endpoint) => fits(endpoint, filter))
    .toSorted((a, b) => orderText(a).localeCompare(orderText(b)));
}

/** The cells of a table's row. */
export function endpointRow(endpoint: ListedEndpoint) {
  const { addresses, ...row } = endpoint;
  return { ...row, addresses: addresses.join("\n") };
}

/** The orchestrators whose endpoint is named by a random id that is also the workload's: docker's front door. */
const ENDPOINT_IS_WORKLOAD = new Set(["docker"]);

function listed({ metadata, spec }: ResourceOf<"WorkloadEndpoint">): ListedEndpoint {
  const orchestrator = spec.orchestrator ?? "";
  const own = ENDPOINT_IS_WORKLOAD.has(orchestrator);
  return {
    key: {
      kind: "WorkloadEndpoint",
      namespace: metadata.namespace ?? "default",
      name: metadata.name,
    },
    node: spec.node ?? "",
    orchestrator,
    workload: (own ? spec.containerID : undefined) ?? spec.workload ?? spec.pod ?? "",
    endpointId: (own ? spec.workload : spec.endpoint) ?? "",
    interfaceName: spec.endpoint ?? "",
    addresses: spec.ipNetworks ?? [],
    mac: spec.mac ?? "",
    profiles: spec.profiles ?? [],
    state: spec.interfaceName === undefined ? "inactive" : "active",
  };
}

function fits(endpoint: ListedEndpoint, filter: EndpointFilter): boolean {
  return (
    (filter.node === undefined || endpoint.node === filter.node) &&
    (filter.orchestrator === undefined || endpoint.orchestrator === filter.orchestrator) &&
    (filter.workload === undefined || endpoint.workload.startsWith(filter.workload)) &&
    (filter.endpointId === undefined || endpoint.endpointId === filter.endpointId)
  );
}

function orderText({ node, orchestrator, workload, endpointId }: ListedEndpoint): string {
  return [node, orchestrator, workload, endpointId].join("\0");
}
