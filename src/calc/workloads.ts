import { type IpAddress, parseIpAddress } from "../../protocol/types/ip-address.ts";
import { formatKey, keyOf } from "../resources/resource.ts";
import type { ResourceOf } from "../resources/schemas.ts";
import type { Cluster } from "./cluster.ts";
import { compareText, type Table } from "./derive/derivation.ts";
import type { HostStateProblem, WorkloadState } from "./host-state.ts";

type Endpoint = ResourceOf<"WorkloadEndpoint">;

/** A workload of this host, with what other parts of calc ask of it. */
export type LocalWorkload = {
  readonly state: WorkloadState;
  readonly labels: Readonly<Record<string, string>>;
  /** Of its routes; the usual one, if absent. */
  readonly priority?: number;
  readonly priorityProblems: readonly HostStateProblem[];
};

/**
 * An annotation of ours: while it is less than the normal route priority, the workload's addresses are announced one by one and
 * win over the same addresses elsewhere. Whoever moves a live machine sets it on the endpoint at the new place.
 */
export const ROUTE_PRIORITY_ANNOTATION = "tortie/route-priority";

export type Workloads = {
  /** By endpoint ("default/web"): those of this host that have an interface of their own. */
  readonly local: Table<LocalWorkload>;
  /** By address of the whole cluster, the endpoint that has it. */
  readonly owners: Table<string>;
  readonly problems: readonly Table<{ readonly problems: readonly HostStateProblem[] }>[];
};

/**
 * The workloads of this host. An address belongs to one workload of the whole cluster: where several claim it, every host gives
 * it to the same one (the oldest, then the first by name), and the others go on without it. So it is with an interface. Only an
 * endpoint with a priority of its own has its address beside an older one on another host: the workload is moving there.
 */
export function deriveWorkloads({
  derivation,
  resources,
  nodesByAddress,
  nodeName,
}: Cluster): Workloads {
  const claims = derivation.group("claims to addresses", [resources.WorkloadEndpoint], (endpoint) =>
    workloadAddresses(endpoint).map((address) => [address, seniorityOf(endpoint)] as const),
  );
  const owners = derivation.table("owners of addresses", claims, oldest);
  const here = derivation.table("endpoints here", resources.WorkloadEndpoint, (endpoint) =>
    endpoint.spec.node === nodeName ? endpoint : undefined,
  );
  const atInterface = derivation.group("endpoints by interface", [here], (endpoint) => {
    const name = endpoint.spec.interfaceName;
    return name ? [[name, seniorityOf(endpoint)] as const] : [];
  });
  const holders = derivation.table("holders of interfaces", atInterface, oldest);
  const judged = derivation.table("workloads", here, (endpoint, key, read) => {
    const name = endpoint.spec.interfaceName;
    return judge(endpoint, {
      holder: name ? read.at(holders, name) : undefined,
      nodeAt: (address) => read.at(nodesByAddress, address)?.[0]?.name,
      ownerOf: (address) => read.at(owners, address),
      isHere: (owner) => read.at(here, owner) !== undefined,
      key,
    });
  });
  return { local: derivation.table("local workloads", judged, local), owners, problems: [judged] };
}

/** The addresses of an endpoint, without repeats, in the order written. */
export function workloadAddresses({ spec }: Endpoint): readonly IpAddress[] {
  const addresses = (spec.ipNetworks ?? []).flatMap((network) => {
    const address = parseIpAddress(network.split("/")[0] ?? "");
    return address === undefined ? [] : [address];
  });
  return [...new Set(addresses)];
}

/** Who claims something, and since when. */
type Seniority = { readonly key: string; readonly since?: string };

function seniorityOf(endpoint: Endpoint): Seniority {
  const since = endpoint.metadata.creationTimestamp;
  const key = formatKey(keyOf(endpoint)).slice("WorkloadEndpoint/".length);
  return { key, ...(since !== undefined && { since }) };
}

/** Endpoints without a time of creation come last; those of one time go by name. */
function oldest(claims: readonly Seniority[]): string | undefined {
  return claims.toSorted(bySeniority)[0]?.key;
}

function bySeniority(a: Seniority, b: Seniority): number {
  if (a.since === b.since) return compareText(a.key, b.key);
  if (a.since === undefined || b.since === undefined) return a.since === undefined ? 1 : -1;
  return compareText(a.since, b.since);
}

type Judged = {
  readonly workload?: LocalWorkload;
  readonly problems: readonly HostStateProblem[];
};

type Rivals = {
  readonly key: string;
  readonly holder: string | undefined;
  readonly nodeAt: (address: IpAddress) => string | undefined;
  readonly ownerOf: (address: IpAddress) => string | undefined;
  readonly isHere: (owner: string) => boolean;
};

function judge(endpoint: Endpoint, { key, holder, nodeAt, ownerOf, isHere }: Rivals): Judged {
  const resource = `WorkloadEndpoint/${key}`;
  const name = endpoint.spec.interfaceName;
  // An endpoint of docker's front door rests without one while its container does not run.
  if (!name && endpoint.spec.orchestrator === "docker") return { problems: [] };
  if (!name) {
    const message = "has no interfaceName: its addresses are not announced";
    return { problems: [{ resource, message }] };
  }
  if (holder !== key) {
    const message = `shares interface ${name} with WorkloadEndpoint/${holder}, which keeps it`;
    return { problems: [{ resource, message }] };
  }
  const problems: HostStateProblem[] = [];
  const priority = priorityOf(endpoint, resource);
  const addresses = workloadAddresses(endpoint).filter((address) => {
    const [node, owner] = [nodeAt(address), ownerOf(address)];
    const message =
      node !== undefined
        ? `${address} is the address of node ${node}: not announced`
        : `${address} belongs to WorkloadEndpoint/${owner}, which is older: not announced`;
    // A workload that moves has an endpoint at either place for a while.
    const moves = priority.priority !== undefined && owner !== undefined && !isHere(owner);
    const own = node === undefined && (owner === key || moves);
    if (!own) problems.push({ resource, message });
    return own;
  });
  const workload = {
    state: { name: key, interface: name, addresses },
    labels: endpoint.metadata.labels ?? {},
    ...priority,
  };
  return { workload, problems };
}

function priorityOf(
  { metadata }: Endpoint,
  resource: string,
): Pick<LocalWorkload, "priority" | "priorityProblems"> {
  const text = metadata.annotations?.[ROUTE_PRIORITY_ANNOTATION];
  if (text === undefined) return { priorityProblems: [] };
  const priority = Number(text);
  if (Number.isInteger(priority) && priority >= 1) return { priority, priorityProblems: [] };
  const message = `annotation ${ROUTE_PRIORITY_ANNOTATION} must be a whole number from 1: not in force`;
  return { priorityProblems: [{ resource, message }] };
}

function local({ workload }: Judged): LocalWorkload | undefined {
  return workload;
}
