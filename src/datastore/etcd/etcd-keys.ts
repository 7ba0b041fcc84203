import { formatKey, type ResourceKey } from "../../resources/resource.ts";
import { DatastoreError, type ListOptions } from "../datastore.ts";
import {
  IPAM_KINDS,
  IPAM_PREFIX,
  ipamKeyOf,
  ipamObjectOf,
  ipamPrefixes,
  isIpamKind,
} from "./ipam-keys.ts";

/** Where Calico keeps its resources: `<prefix><plural>/[namespace/]<name>`. */
export const RESOURCE_PREFIX = "/calico/resources/v3/projectcalico.org/";

/**
 * Every kind that Calico keeps under the prefix. The table is wider than the kinds that this version understands: objects of the
 * others are passed on, and whoever reads them says what became of them. IPAM's own objects are kept elsewhere: see ipam-keys.ts.
 */
const STORED_KINDS = [
  { kind: "BGPConfiguration", plural: "bgpconfigurations" },
  { kind: "BGPFilter", plural: "bgpfilters" },
  { kind: "BGPPeer", plural: "bgppeers" },
  { kind: "CalicoNodeStatus", plural: "caliconodestatuses" },
  { kind: "ClusterInformation", plural: "clusterinformations" },
  { kind: "FelixConfiguration", plural: "felixconfigurations" },
  { kind: "GlobalNetworkPolicy", plural: "globalnetworkpolicies" },
  { kind: "GlobalNetworkSet", plural: "globalnetworksets" },
  { kind: "HostEndpoint", plural: "hostendpoints" },
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
export function etcdKeyOf(key: ResourceKey): string | undefined {
  const { kind, namespace, name } = key;
  if (isIpamKind(kind)) return ipamKeyOf(key);
  const row = BY_KIND.get(kind);
  if (row === undefined || (namespace !== undefined) !== (row.namespaced === true))
    return undefined;
  const parts = namespace === undefined ? [name] : [namespace, name];
  // A name with a slash would be the key of something else.
  if (parts.some((part) => part === "" || part.includes("/"))) return undefined;
  return [RESOURCE_PREFIX + row.plural, ...parts].join("/");
}

/** The key of an object that is to be written; throws when it can have none. */
export function etcdKeyBytes(key: ResourceKey): Buffer {
  const etcdKey = etcdKeyOf(key);
  if (etcdKey !== undefined) return Buffer.from(etcdKey);
  throw new DatastoreError(
    `${formatKey(key)} has no place in etcd: check kind, namespace and name`,
  );
}

/** Which object a key names; undefined for a key that no kind of the table has. */
export function resourceKeyOf(etcdKey: string): ResourceKey | undefined {
  if (!etcdKey.startsWith(RESOURCE_PREFIX)) return ipamObjectOf(etcdKey);
  const [plural, ...rest] = etcdKey.slice(RESOURCE_PREFIX.length).split("/");
  const row = BY_PLURAL.get(plural ?? "");
  const [first, second] = rest;
  if (row === undefined || !first || rest.length !== (row.namespaced ? 2 : 1)) return undefined;
  if (!row.namespaced) return { kind: row.kind, name: first };
  return second ? { kind: row.kind, namespace: first, name: second } : undefined;
}

/** What the keys of a listing begin with. Kinds that are not kept in etcd have none. */
export function prefixesOf({ kinds, without = [], affinitiesOf }: ListOptions): readonly string[] {
  const wanted = (kinds ?? IPAM_KINDS).filter((kind) => !without.includes(kind));
  const prefixes = wanted.flatMap((kind) =>
    isIpamKind(kind) ? ipamPrefixes(kind, affinitiesOf) : (prefixOfKind(kind) ?? []),
  );
  return kinds === undefined ? [...prefixes, RESOURCE_PREFIX] : prefixes;
}

function prefixOfKind(kind: string): string | undefined {
  const row = BY_KIND.get(kind);
  return row && `${RESOURCE_PREFIX}${row.plural}/`;
}

/**
 * All keys that are watched: one range, so that its events come in one order. Calico keeps nothing else between the two
 * prefixes.
 */
export const WATCHED_RANGE = {
  key: Buffer.from(IPAM_PREFIX),
  range_end: rangeOf(RESOURCE_PREFIX).range_end,
};

/** All keys that begin with a prefix: up to the prefix with its last byte raised ("/" becomes "0"). */
export function rangeOf(prefix: string): { readonly key: Buffer; readonly range_end: Buffer } {
  const key = Buffer.from(prefix);
  const range_end = Buffer.from(prefix);
  range_end[range_end.length - 1] = (range_end.at(-1) ?? 0) + 1;
  return { key, range_end };
}

/** What stands for all keys that are read alike but are none of ours; undefined for a key that is no business of ours. */
export function folderOf(etcdKey: string): string | undefined {
  const prefix = [RESOURCE_PREFIX, IPAM_PREFIX].find((each) => etcdKey.startsWith(each));
  if (prefix === undefined) return undefined;
  return etcdKey.slice(0, etcdKey.indexOf("/", prefix.length) + 1) || etcdKey;
}
