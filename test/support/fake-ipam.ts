import type { IpamAuditReport } from "../../src/api/ipam-audit-report.ts";

/** What an audit might have found. */
export const FAKE_IPAM: IpamAuditReport = {
  apiVersion: "tortie/v1",
  kind: "IPAMAudit",
  lookedAt: "2026-11-24T09:55:00.000Z",
  blocks: 2,
  allocations: 12,
  inUse: 11,
  pools: [
    {
      name: "default-v4",
      cidr: "192.168.0.0/16",
      size: 65536,
      inUse: 12,
      reserved: 16,
      borrowed: 1,
      suspect: 1,
      blocks: { thisNode: 1, other: 1, none: 0 },
    },
  ],
  items: [
    {
      type: "leak",
      text: "192.168.0.17 is allocated to cni.c3c1, and no endpoint has it",
      firstSeenAt: "2026-11-24T09:20:00.000Z",
      confirmed: true,
    },
  ],
};
