/** What the daemon's continuous look at IPAM has found; `tortie ipam check --audit` shows it. */
export type IpamAuditReport = {
  readonly apiVersion: string;
  readonly kind: "IPAMAudit";
  /** Absent before the first look. */
  readonly lookedAt?: string;
  /** Why the last look came to nothing. */
  readonly failure?: string;
  readonly blocks: number;
  readonly allocations: number;
  readonly inUse: number;
  readonly pools: readonly IpamPoolReport[];
  readonly items: readonly IpamSuspectReport[];
};

export type IpamPoolReport = {
  readonly name: string;
  readonly cidr: string;
  readonly size: number;
  readonly inUse: number;
  readonly reserved: number;
  readonly borrowed: number;
  readonly suspect: number;
  readonly blocks: { readonly thisNode: number; readonly other: number; readonly none: number };
};

export type IpamSuspectReport = {
  readonly type: string;
  readonly text: string;
  readonly firstSeenAt: string;
  /** Seen, as it is, for longer than any work takes: a repair will touch it. */
  readonly confirmed: boolean;
};

/** What became of the confirmed findings. */
export type IpamRepairReport = {
  readonly apiVersion: string;
  readonly kind: "IPAMRepair";
  readonly items: readonly { readonly text: string; readonly result: string }[];
};
