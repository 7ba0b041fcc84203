import type { Resource } from "./resource.ts";

/**
 * The table of kinds: what each is called, where it lives and how it looks as a table. It loads no schema, so that commands
 * which only show objects stay quick; the fields of each kind stand in kind/ and are joined to this table in schemas.ts.
 */
export const KINDS = [
  {
    kind: "Node",
    plural: "nodes",
    aliases: ["node", "no"],
    scope: "cluster",
    columns: [
      { header: "NAME", value: ({ metadata }) => metadata.name },
      {
        header: "ASN",
        wide: true,
        value: (node, { globalAsNumber }) => text(node, "bgp.asNumber") ?? `(${globalAsNumber})`,
      },
      { header: "IPV4", wide: true, value: (node) => text(node, "bgp.ipv4Address") ?? "-" },
      { header: "IPV6", wide: true, value: (node) => text(node, "bgp.ipv6Address") ?? "-" },
    ],
  },
  {
    kind: "BGPConfiguration",
    plural: "bgpconfigurations",
    aliases: ["bgpconfiguration", "bgpconfig", "bgpconfigs"],
    scope: "cluster",
    columns: [
      { header: "NAME", value: ({ metadata }) => metadata.name },
      { header: "LOGSEVERITY", value: (config) => text(config, "logSeverityScreen") ?? "-" },
      { header: "MESHENABLED", value: (config) => text(config, "nodeToNodeMeshEnabled") ?? "-" },
      { header: "ASNUMBER", value: (config) => text(config, "asNumber") ?? "-" },
    ],
  },
  {
    kind: "BGPPeer",
    plural: "bgppeers",
    aliases: ["bgppeer", "bgpp", "bgpps", "bp", "bps"],
    scope: "cluster",
    columns: [
      { header: "NAME", value: ({ metadata }) => metadata.name },
      {
        header: "PEERIP",
        value: (peer) => text(peer, "peerIP") ?? text(peer, "peerSelector") ?? "-",
      },
      {
        header: "NODE",
        value: (peer) => text(peer, "node") ?? text(peer, "nodeSelector") ?? "(global)",
      },
      { header: "ASN", value: (peer) => text(peer, "asNumber") ?? "-" },
    ],
  },
  {
    kind: "BGPFilter",
    plural: "bgpfilters",
    aliases: ["bgpfilter", "bgpf", "bf"],
    scope: "cluster",
    columns: [
      { header: "NAME", value: ({ metadata }) => metadata.name },
      { header: "NUMEXPORTV4", value: (filter) => count(filter, "exportV4") },
      { header: "NUMIMPORTV4", value: (filter) => count(filter, "importV4") },
      { header: "NUMEXPORTV6", value: (filter) => count(filter, "exportV6") },
      { header: "NUMIMPORTV6", value: (filter) => count(filter, "importV6") },
    ],
  },
  {
    kind: "IPPool",
    plural: "ippools",
    aliases: ["ippool", "ipp", "ipps", "pool", "pools"],
    scope: "cluster",
    columns: [
      { header: "NAME", value: ({ metadata }) => metadata.name },
      { header: "CIDR", value: (pool) => text(pool, "cidr") ?? "-" },
      { header: "NAT", wide: true, value: (pool) => text(pool, "natOutgoing") ?? "false" },
      { header: "IPIPMODE", wide: true, value: (pool) => text(pool, "ipipMode") ?? "Never" },
      { header: "VXLANMODE", wide: true, value: (pool) => text(pool, "vxlanMode") ?? "Never" },
      { header: "DISABLED", wide: true, value: (pool) => text(pool, "disabled") ?? "false" },
      {
        header: "DISABLEBGPEXPORT",
        wide: true,
        value: (pool) => text(pool, "disableBGPExport") ?? "false",
      },
      { header: "SELECTOR", value: (pool) => text(pool, "nodeSelector") ?? "all()" },
      {
        header: "ASSIGNMENTMODE",
        wide: true,
        value: (pool) => text(pool, "assignmentMode") ?? "Automatic",
      },
    ],
  },
  {
    kind: "WorkloadEndpoint",
    plural: "workloadendpoints",
    aliases: ["workloadendpoint", "wep", "weps"],
    scope: "namespaced",
    columns: [
      { header: "NAME", wide: true, value: ({ metadata }) => metadata.name },
      {
        header: "WORKLOAD",
        value: (endpoint) => text(endpoint, "pod") ?? text(endpoint, "workload") ?? "-",
      },
      { header: "NODE", value: (endpoint) => text(endpoint, "node") ?? "-" },
      { header: "NETWORKS", value: (endpoint) => text(endpoint, "ipNetworks") ?? "-" },
      { header: "INTERFACE", value: (endpoint) => text(endpoint, "interfaceName") ?? "-" },
      { header: "PROFILES", wide: true, value: (endpoint) => text(endpoint, "profiles") ?? "-" },
      { header: "NATS", wide: true, value: (endpoint) => natsOf(endpoint) },
    ],
  },
] as const satisfies readonly KindInfo[];

/** The kinds that this version knows. */
export type Kind = (typeof KINDS)[number]["kind"];

export type KindInfo = {
  readonly kind: string;
  /** As it stands in etcd keys and in API paths. */
  readonly plural: string;
  /** Further names that people type, in lower case. */
  readonly aliases: readonly string[];
  readonly scope: "cluster" | "namespaced";
  /** In the order of the wide table. */
  readonly columns: readonly Column[];
};

export type Column = {
  readonly header: string;
  /** Shown only by `-o wide`. */
  readonly wide?: true;
  readonly value: (resource: Resource, context: ColumnContext) => string;
};

/** What a cell may show besides its own object: an inherited value stands in parentheses. */
export type ColumnContext = { readonly globalAsNumber: number };

/** Finds a kind by its name, plural or alias, whatever the case. */
export function findKind(word: string): (KindInfo & { readonly kind: Kind }) | undefined {
  const lower = word.toLowerCase();
  return KINDS.find(
    ({ kind, plural, aliases }) =>
      kind.toLowerCase() === lower ||
      plural === lower ||
      (aliases as readonly string[]).includes(lower),
  );
}

/** The row of a kind by its exact name; undefined for a kind that this version does not know. */
export function kindInfo(kind: string): (KindInfo & { readonly kind: Kind }) | undefined {
  return KINDS.find((info) => info.kind === kind);
}

function text({ spec }: Resource, path: string): string | undefined {
  let value: unknown = spec;
  for (const field of path.split(".")) value = (value as Record<string, unknown>)?.[field];
  if (value === undefined || value === null || value === "") return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(",");
  return String(value);
}

function count({ spec }: Resource, field: string): string {
  const rules = spec[field];
  return String(Array.isArray(rules) ? rules.length : 0);
}

function natsOf({ spec }: Resource): string {
  const nats = spec["ipNATs"];
  if (!Array.isArray(nats) || nats.length === 0) return "-";
  return nats.map(({ internalIP, externalIP }) => `${externalIP}:${internalIP}`).join(",");
}
