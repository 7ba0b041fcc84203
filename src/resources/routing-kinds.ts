import { field, type KindInfo, NAME, text } from "./kind-info.ts";
import type { Resource } from "./resource.ts";

/** Hosts, what they tell each other, and what is known of the cluster. */
export const ROUTING_KINDS = [
  {
    kind: "Node",
    plural: "nodes",
    aliases: ["node", "no"],
    scope: "cluster",
    columns: [
      NAME,
      {
        header: "ASN",
        wide: true,
        value: (node, { globalAsNumber }) => text(node, "bgp.asNumber") ?? `(${globalAsNumber})`,
      },
      field("IPV4", "bgp.ipv4Address", { wide: true }),
      field("IPV6", "bgp.ipv6Address", { wide: true }),
    ],
  },
  {
    kind: "BGPConfiguration",
    plural: "bgpconfigurations",
    aliases: ["bgpconfiguration", "bgpconfig", "bgpconfigs"],
    scope: "cluster",
    columns: [
      NAME,
      field("LOGSEVERITY", "logSeverityScreen"),
      field("MESHENABLED", "nodeToNodeMeshEnabled"),
      field("ASNUMBER", "asNumber"),
    ],
  },
  {
    kind: "BGPPeer",
    plural: "bgppeers",
    aliases: ["bgppeer", "bgpp", "bgpps", "bp", "bps"],
    scope: "cluster",
    columns: [
      NAME,
      {
        header: "PEERIP",
        value: (peer) => text(peer, "peerIP") ?? text(peer, "peerSelector") ?? "-",
      },
      {
        header: "NODE",
        value: (peer) => text(peer, "node") ?? text(peer, "nodeSelector") ?? "(global)",
      },
      field("ASN", "asNumber"),
    ],
  },
  {
    kind: "BGPFilter",
    plural: "bgpfilters",
    aliases: ["bgpfilter", "bgpf", "bf"],
    scope: "cluster",
    columns: [
      NAME,
      { header: "NUMEXPORTV4", value: (filter) => count(filter, "exportV4") },
      { header: "NUMIMPORTV4", value: (filter) => count(filter, "importV4") },
      { header: "NUMEXPORTV6", value: (filter) => count(filter, "exportV6") },
      { header: "NUMIMPORTV6", value: (filter) => count(filter, "importV6") },
    ],
  },
  {
    kind: "CalicoNodeStatus",
    plural: "caliconodestatuses",
    aliases: ["caliconodestatus", "nodestatus", "nodestatuses"],
    scope: "cluster",
    columns: [NAME, field("NODE", "node"), field("CLASSES", "classes", { wide: true })],
  },
  {
    kind: "ClusterInformation",
    plural: "clusterinformations",
    aliases: ["clusterinformation", "clusterinfo", "clusterinfos"],
    scope: "cluster",
    columns: [
      NAME,
      field("CLUSTERGUID", "clusterGUID"),
      field("CLUSTERTYPE", "clusterType"),
      field("CALICOVERSION", "calicoVersion"),
      field("DATASTOREREADY", "datastoreReady"),
    ],
  },
  {
    kind: "FelixConfiguration",
    plural: "felixconfigurations",
    aliases: ["felixconfiguration", "felixconfig", "felixconfigs"],
    scope: "cluster",
    columns: [NAME],
  },
] as const satisfies readonly KindInfo[];

function count({ spec }: Resource, list: string): string {
  const rules = spec[list];
  return String(Array.isArray(rules) ? rules.length : 0);
}
