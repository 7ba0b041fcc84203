import { field, type KindInfo, NAME } from "./kind-info.ts";
import type { Resource } from "./resource.ts";

/** Ranges of addresses, and who has which. The last three are written by programs. */
export const IPAM_KINDS = [
  {
    kind: "IPPool",
    plural: "ippools",
    aliases: ["ippool", "ipp", "ipps", "pool", "pools"],
    scope: "cluster",
    columns: [
      NAME,
      field("CIDR", "cidr"),
      field("NAT", "natOutgoing", { absent: "false", wide: true }),
      field("IPIPMODE", "ipipMode", { absent: "Never", wide: true }),
      field("VXLANMODE", "vxlanMode", { absent: "Never", wide: true }),
      field("DISABLED", "disabled", { absent: "false", wide: true }),
      field("DISABLEBGPEXPORT", "disableBGPExport", { absent: "false", wide: true }),
      field("SELECTOR", "nodeSelector", { absent: "all()" }),
      field("ASSIGNMENTMODE", "assignmentMode", { absent: "Automatic", wide: true }),
    ],
  },
  {
    kind: "IPReservation",
    plural: "ipreservations",
    aliases: ["ipreservation", "reservation", "reservations"],
    scope: "cluster",
    columns: [NAME, field("CIDRS", "reservedCIDRs", { wide: true })],
  },
  {
    kind: "IPAMConfiguration",
    plural: "ipamconfigurations",
    aliases: ["ipamconfiguration", "ipamconfig", "ipamconfigs"],
    scope: "cluster",
    columns: [
      NAME,
      field("STRICTAFFINITY", "strictAffinity", { absent: "false" }),
      field("AUTOALLOCATEBLOCKS", "autoAllocateBlocks", { absent: "true" }),
      field("MAXBLOCKSPERHOST", "maxBlocksPerHost", { absent: "0", wide: true }),
    ],
  },
  {
    kind: "BlockAffinity",
    plural: "blockaffinities",
    aliases: ["blockaffinity", "affinity", "affinities"],
    scope: "cluster",
    freeNames: true,
    columns: [
      NAME,
      field("CIDR", "cidr"),
      field("NODE", "node"),
      field("STATE", "state"),
      field("TYPE", "type", { absent: "host", wide: true }),
    ],
  },
  {
    kind: "IPAMBlock",
    plural: "ipamblocks",
    aliases: ["ipamblock", "block", "blocks"],
    scope: "cluster",
    columns: [
      NAME,
      field("CIDR", "cidr"),
      field("AFFINITY", "affinity"),
      { header: "USED", value: used },
    ],
  },
  {
    kind: "IPAMHandle",
    plural: "ipamhandles",
    aliases: ["ipamhandle", "handle", "handles"],
    scope: "cluster",
    freeNames: true,
    columns: [NAME, { header: "ADDRESSES", value: handled }],
  },
] as const satisfies readonly KindInfo[];

/** "3/64". */
function used({ spec }: Resource): string {
  const allocations = spec["allocations"];
  if (!Array.isArray(allocations)) return "-";
  const taken = allocations.filter((attribute) => attribute !== null).length;
  return `${taken}/${allocations.length}`;
}

function handled({ spec }: Resource): string {
  const counts = Object.values(spec["block"] ?? {});
  return String(counts.reduce((sum: number, each) => sum + Number(each), 0));
}
