import { type IpAddress, parseIpAddress } from "../../protocol/types/ip-address.ts";
import { formatKey, keyOf } from "../resources/resource.ts";
import type { ResourceOf } from "../resources/schemas.ts";
import type { ClusterView } from "./cluster-view.ts";
import type { HostStateProblem, WorkloadState } from "./host-state.ts";

type Endpoint = ResourceOf<"WorkloadEndpoint">;

export type LocalWorkloads = {
  readonly workloads: readonly WorkloadState[];
  readonly problems: readonly HostStateProblem[];
};

/** The addresses of an endpoint, without repeats, in the order written. */
export function workloadAddresses({ spec }: Endpoint): readonly IpAddress[] {
  const addresses = (spec.ipNetworks ?? []).flatMap((network) => {
    const address = parseIpAddress(network.split("/")[0] ?? "");
    return address === undefined ? [] : [address];
  });
  return [...new Set(addresses)];
}

/**
 * The workloads of this host. An address belongs to one workload of the whole cluster: where several claim it, every host gives
 * it to the same one (the oldest, then the first by name), and the others go on without it.
 */
export function localWorkloads(
  cluster: ClusterView,
  { nodeName }: { readonly nodeName: string },
): LocalWorkloads {
  const owners = ownersOf(cluster.endpoints);
  const nodes = nodeAddressOwners(cluster);
  const interfaces = new Map<string, Endpoint>();
  const workloads: WorkloadState[] = [];
  const problems: HostStateProblem[] = [];
  for (const endpoint of cluster.endpoints.toSorted(bySeniority)) {
    if (endpoint.spec.node !== nodeName) continue;
    const resource = formatKey(keyOf(endpoint));
    const complain = (message: string) => problems.push({ resource, message });
    const name = endpoint.spec.interfaceName;
    const rival = name ? interfaces.get(name) : undefined;
    if (!name) complain("has no interfaceName: its addresses are not announced");
    else if (rival)
      complain(`shares interface ${name} with ${formatKey(keyOf(rival))}, which keeps it`);
    if (!name || rival) continue;
    interfaces.set(name, endpoint);
    const addresses = workloadAddresses(endpoint).filter((address) => {
      const owner = owners.get(address);
      const node = nodes.get(address);
      if (node !== undefined) complain(`${address} is the address of node ${node}: not announced`);
      else if (owner && owner !== endpoint) {
        complain(`${address} belongs to ${formatKey(keyOf(owner))}, which is older: not announced`);
      }
      return node === undefined && owner === endpoint;
    });
    workloads.push({
      name: resource.slice("WorkloadEndpoint/".length),
      interface: name,
      addresses,
    });
  }
  return { workloads: workloads.toSorted((a, b) => (a.name < b.name ? -1 : 1)), problems };
}

function ownersOf(endpoints: readonly Endpoint[]): ReadonlyMap<IpAddress, Endpoint> {
  const owners = new Map<IpAddress, Endpoint>();
  for (const endpoint of endpoints.toSorted(bySeniority)) {
    for (const address of workloadAddresses(endpoint)) {
      if (!owners.has(address)) owners.set(address, endpoint);
    }
  }
  return owners;
}

/** Endpoints without a time of creation come last; those of one time go by name, in which order they come here. */
function bySeniority(a: Endpoint, b: Endpoint): number {
  const [left, right] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (left === right) return 0;
  if (left === undefined || right === undefined) return left === undefined ? 1 : -1;
  return left < right ? -1 : 1;
}

function nodeAddressOwners({ nodes }: ClusterView): ReadonlyMap<IpAddress, string> {
  return new Map(
    nodes.flatMap(({ name, ipv4, ipv6 }) =>
      [ipv4, ipv6].flatMap((address) => (address === undefined ? [] : [[address, name] as const])),
    ),
  );
}
