import type { IpamAuditReport, IpamPoolReport } from "./ipam-audit-report.ts";
import type { MetricFamily } from "./openmetrics.ts";

/** How full pools are and what the audit has found, as of its last look. */
export function ipamFamilies(audit: IpamAuditReport | undefined): readonly MetricFamily[] {
  if (audit?.lookedAt === undefined) return [];
  const confirmed = audit.items.filter((each) => each.confirmed).length;
  return [
    {
      name: "tortie_ipam_addresses",
      type: "gauge",
      help: "Addresses of a pool by state. If suspect stays above 0, run: tortie ipam check.",
      samples: audit.pools.flatMap((pool) => states(pool)),
    },
    {
      name: "tortie_ipam_blocks",
      type: "gauge",
      help: "Blocks of a pool by whose they are.",
      samples: audit.pools.flatMap(({ name, blocks }) => [
        { labels: { pool: name, affinity: "this_node" }, value: blocks.thisNode },
        { labels: { pool: name, affinity: "other" }, value: blocks.other },
        { labels: { pool: name, affinity: "none" }, value: blocks.none },
      ]),
    },
    {
      name: "tortie_ipam_suspects",
      type: "gauge",
      help: "Contradictions in IPAM that two looks have found. If not 0, run: tortie ipam check.",
      samples: [
        { labels: { confirmed: "true" }, value: confirmed },
        { labels: { confirmed: "false" }, value: audit.items.length - confirmed },
      ],
    },
    {
      name: "tortie_ipam_audit_timestamp_seconds",
      type: "gauge",
      help: "When the audit last looked.",
      samples: [{ labels: {}, value: Date.parse(audit.lookedAt) / 1000 }],
    },
  ];
}

function states(pool: IpamPoolReport): MetricFamily["samples"] {
  const counts = {
    size: pool.size,
    in_use: pool.inUse,
    reserved: pool.reserved,
    borrowed: pool.borrowed,
    suspect: pool.suspect,
  };
  return Object.entries(counts).map(([state, value]) => ({
    labels: { pool: pool.name, state },
    value,
  }));
}
