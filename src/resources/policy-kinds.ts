import { type Column, field, type KindInfo, NAME, text } from "./kind-info.ts";
import type { Resource } from "./resource.ts";

const POLICY_COLUMNS: readonly Column[] = [
  NAME,
  field("TIER", "tier", { absent: "default" }),
  field("ORDER", "order", { wide: true }),
  field("SELECTOR", "selector", { absent: "all()", wide: true }),
];

const NETS: Column = field("NETS", "nets", { wide: true });

/** Endpoints, and who may talk to whom. */
export const POLICY_KINDS = [
  {
    kind: "WorkloadEndpoint",
    plural: "workloadendpoints",
    aliases: ["workloadendpoint", "wep", "weps"],
    scope: "namespaced",
    columns: [
      { ...NAME, wide: true },
      {
        header: "WORKLOAD",
        value: (endpoint) => text(endpoint, "pod") ?? text(endpoint, "workload") ?? "-",
      },
      field("NODE", "node"),
      field("NETWORKS", "ipNetworks"),
      field("INTERFACE", "interfaceName"),
      field("PROFILES", "profiles", { wide: true }),
      { header: "NATS", wide: true, value: (endpoint) => natsOf(endpoint) },
    ],
  },
  {
    kind: "HostEndpoint",
    plural: "hostendpoints",
    aliases: ["hostendpoint", "hep", "heps"],
    scope: "cluster",
    columns: [
      NAME,
      field("NODE", "node"),
      field("INTERFACE", "interfaceName", { wide: true }),
      field("IPS", "expectedIPs", { wide: true }),
      field("PROFILES", "profiles", { wide: true }),
    ],
  },
  {
    kind: "Profile",
    plural: "profiles",
    aliases: ["profile", "pro", "pros"],
    scope: "cluster",
    columns: [NAME, { header: "LABELS", wide: true, value: labelsOf }],
  },
  {
    kind: "Tier",
    plural: "tiers",
    aliases: ["tier"],
    scope: "cluster",
    columns: [NAME, field("ORDER", "order")],
  },
  {
    kind: "NetworkPolicy",
    plural: "networkpolicies",
    aliases: ["networkpolicy", "np", "nps", "pol", "pols", "policy", "policies"],
    scope: "namespaced",
    columns: POLICY_COLUMNS,
  },
  {
    kind: "GlobalNetworkPolicy",
    plural: "globalnetworkpolicies",
    aliases: ["globalnetworkpolicy", "gnp", "gnps"],
    scope: "cluster",
    columns: POLICY_COLUMNS,
  },
  {
    kind: "NetworkSet",
    plural: "networksets",
    aliases: ["networkset", "netset", "netsets"],
    scope: "namespaced",
    columns: [NAME, NETS],
  },
  {
    kind: "GlobalNetworkSet",
    plural: "globalnetworksets",
    aliases: ["globalnetworkset", "gnetset", "gnetsets"],
    scope: "cluster",
    columns: [NAME, NETS],
  },
] as const satisfies readonly KindInfo[];

function natsOf({ spec }: Resource): string {
  const nats = spec["ipNATs"];
  if (!Array.isArray(nats) || nats.length === 0) return "-";
  return nats.map(({ internalIP, externalIP }) => `${externalIP}:${internalIP}`).join(",");
}

function labelsOf({ spec }: Resource): string {
  const labels = Object.entries(spec["labelsToApply"] ?? {});
  return labels.length === 0 ? "-" : labels.map(([label, value]) => `${label}=${value}`).join(",");
}
