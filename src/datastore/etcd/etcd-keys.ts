import type { ResourceKey } from "../../resources/resource.ts";

/** Where Calico keeps its resources: `<prefix><plural>/[namespace/]<name>`. */
export const RESOURCE_PREFIX = "/calico/resources/v3/projectcalico.org/";

/**
 * Every kind that Calico keeps under the prefix. The table is wider than the kinds that this version understands: objects of the
 * others are passed on, and whoever reads them says what became of them.
 */
const STORED_KINDS = [
  { kind: "BGPConfiguration", plural: "bgpconfigurations" },
  { kind: "BGPFilter", plural: "bgpfilters" },
  { kind: "BGPPeer", plural: "bgppeers" },
  { kind: "BlockAffinity", plural: "blockaffinities" },
  { kind: "CalicoNodeStatus", plural: "caliconodestatuses" },
  { kind: "ClusterInformation", plural: "clusterinformations" },
  { kind: "FelixConfiguration", plural: "felixconfigurations" },
  { kind: "GlobalNetworkPolicy", plural: "globalnetworkpolicies" },
  { kind: "GlobalNetworkSet", plural: "globalnetworksets" },
  { kind: "HostEndpoint", plural: "hostendpoints" },
  { kind: "IPAMConfig", plural: "ipamconfigs" },
  { kind: "IPAMConfiguration", plural: "ipamconfigurations" },
  { kind: "IPPool", plural: "ippools" },
  { kind: "IPReservation", plural: "ipreservations" },
  { kind: "KubeControllersConfiguration", plural: "kubecontrollersconfigurations" },
  { kind: "LiveMigration", plural: "livemigrations", namespaced: true },
  { kind: "NetworkPolicy", plural: "networkpolicies", namespaced: true },
  { kind: "NetworkSet", plural: "networksets", namespaced: true },
  { kind: "Node", plural: "nodes" },
  { kind: "Profile", plural: "profiles" },
  { kind: "StagedGlobalNetworkPolicy", plural: "stagedglobalnetworkpolicies" },
  {
    kind: "StagedKubernetesNetworkPolicy",
    plural: "stagedkubernetesnetworkpolicies",
    namespaced: true,
  },
  { kind: "StagedNetworkPolicy", plural: "stagednetworkpolicies", namespaced: true },
  { kind: "Tier", plural: "tiers" },
  { kind: "WorkloadEndpoint", plural: "workloadendpoints", namespaced: true },
] as const satisfies readonly StoredKind[];

type StoredKind = { readonly kind: string; readonly plural: string; readonly namespaced?: true };

const BY_KIND = new Map<string, StoredKind>(STORED_KINDS.map((row) => [row.kind, row]));
const BY_PLURAL = new Map<string, StoredKind>(STORED_KINDS.map((row) => [row.plural, row]));

/** The key of an object; undefined when it can have none: an unknown kind, or a namespace too many or missing. */
export function etcdKeyOf({ kind, namespace, name }: ResourceKey): string | undefined {
  const row = BY_KIND.get(kind);
  if (row === undefined || (namespace !== undefined) !== (row.namespaced === true))
    return undefined;
  const parts = namespace === undefined ? [name] : [namespace, name];
  // A name with a slash would be the key of something else.
  if (parts.some((part) => part === "" || part.includes("/"))) return undefined;
  return [RESOURCE_PREFIX + row.plural, ...parts].join("/");
}

/** Which object a key names; undefined for a key that no kind of the table has. */
export function resourceKeyOf(etcdKey: string): ResourceKey | undefined {
  if (!etcdKey.startsWith(RESOURCE_PREFIX)) return undefined;
  const [plural, ...rest] = etcdKey.slice(RESOURCE_PREFIX.length).split("/");
  const row = BY_PLURAL.get(plural ?? "");
  const [first, second] = rest;
  if (row === undefined || !first || rest.length !== (row.namespaced ? 2 : 1)) return undefined;
  if (!row.namespaced) return { kind: row.kind, name: first };
  return second ? { kind: row.kind, namespace: first, name: second } : undefined;
}

/** What all keys of a kind begin with; undefined for a kind that is not kept in etcd. */
export function prefixOfKind(kind: string): string | undefined {
  const row = BY_KIND.get(kind);
  return row && `${RESOURCE_PREFIX}${row.plural}/`;
}
