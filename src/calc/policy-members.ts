import { hostPrefix, type Prefix } from "../../protocol/types/prefix.ts";
import { parseNet } from "../resources/field.ts";
import type { ResourceOf } from "../resources/schemas.ts";
import type { Labels } from "../resources/selector.ts";
import { SelectorIndex } from "../resources/selector-index.ts";
import type { Cluster } from "./cluster.ts";
import type { Table, Value } from "./derive/derivation.ts";
import { NAMESPACE, type NamedSelector, SERVICE_ACCOUNT } from "./policy-rules.ts";
import type { AddressSet } from "./policy-state.ts";
import { workloadAddresses } from "./workloads.ts";

/** Something that selectors select: an endpoint anywhere in the cluster, or a network set. */
type Selectable = { readonly labels: Labels; readonly addresses: readonly Prefix[] };

/**
 * The addresses behind each selector in use. A change of one endpoint is held against the selectors that look at
 * its labels; a new selector is held against everything.
 */
export function deriveMembers(
  cluster: Cluster,
  given: {
    readonly selectors: Value<readonly NamedSelector[]>;
    /** By address, the endpoint that has it: a claim in vain makes nobody a member. */
    readonly owners: Table<string>;
  },
): Value<readonly AddressSet[]> {
  const { derivation } = cluster;
  const index = derivation.value(
    "index of selectors",
    (read) => new SelectorIndex(read.value(given.selectors)),
  );
  const memberships = selectables(cluster, given.owners).map((table) =>
    derivation.table(`memberships of ${table.name}`, table, ({ labels, addresses }, _key, read) => {
      const selected = read.value(index).selecting(labels);
      return { ids: selected.map(({ id }) => id), addresses };
    }),
  );
  const byId = derivation.group("members by selector", memberships, ({ ids, addresses }) =>
    ids.map((id) => [id, addresses] as const),
  );
  const sets = derivation.table("member sets", byId, (members) => [...new Set(members.flat())]);
  return derivation.value("sets in use", (read) =>
    read.value(given.selectors).map(({ id }) => ({ id, members: read.at(sets, id) ?? [] })),
  );
}

function selectables(
  { derivation, resources }: Cluster,
  owners: Table<string>,
): readonly Table<Selectable>[] {
  return [
    derivation.table("endpoints by label", resources.WorkloadEndpoint, (endpoint, key, read) => {
      const inherited = (endpoint.spec.profiles ?? []).map(
        (profile) => read.at(resources.Profile, profile)?.spec.labelsToApply,
      );
      const addresses = workloadAddresses(endpoint).filter(
        (address) => read.at(owners, address) === key,
      );
      return {
        labels: Object.assign({}, ...inherited, implied(endpoint), endpoint.metadata.labels),
        addresses: addresses.map(hostPrefix),
      };
    }),
    derivation.table("hosts by label", resources.HostEndpoint, ({ metadata, spec }) => ({
      labels: metadata.labels ?? {},
      addresses: netsOf(spec.expectedIPs),
    })),
    derivation.table("sets by label", resources.NetworkSet, selectableSet),
    derivation.table("global sets by label", resources.GlobalNetworkSet, selectableSet),
  ];
}

function selectableSet({
  metadata,
  spec,
}: ResourceOf<"NetworkSet"> | ResourceOf<"GlobalNetworkSet">): Selectable {
  return {
    labels: { ...impliedNamespace(metadata), ...metadata.labels },
    addresses: netsOf(spec.nets),
  };
}

/** Labels that Calico's clients write on every endpoint, for those that somebody else wrote. */
function implied({ metadata, spec }: ResourceOf<"WorkloadEndpoint">): Labels {
  return {
    ...impliedNamespace(metadata),
    ...(spec.orchestrator && { "projectcalico.org/orchestrator": spec.orchestrator }),
    ...(spec.serviceAccountName && { [SERVICE_ACCOUNT]: spec.serviceAccountName }),
  };
}

function impliedNamespace({ namespace }: { readonly namespace?: string | undefined }): Labels {
  return namespace ? { [NAMESPACE]: namespace } : {};
}

function netsOf(nets: readonly string[] | undefined): readonly Prefix[] {
  return (nets ?? []).flatMap((net) => parseNet(net) ?? []);
}
