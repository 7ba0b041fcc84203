import { setTimeout as sleep } from "node:timers/promises";
import { API_VERSION } from "../api/api-types.ts";
import type {
  IpamAuditReport,
  IpamPoolReport,
  IpamRepairReport,
} from "../api/ipam-audit-report.ts";
import { type Datastore, DatastoreError } from "../datastore/datastore.ts";
import { describeFinding, type Finding, findingKey } from "../ipam/finding.ts";
import type { Ipam } from "../ipam/ipam.ts";
import { CHECKED_KINDS, checkObjects } from "../ipam/ipam-check.ts";
import { repairFinding } from "../ipam/ipam-repair.ts";
import { type IpamUsage, type PoolUsage, usageOf } from "../ipam/usage.ts";
import type { Resource } from "../resources/resource.ts";
import type { EventLog } from "./event-log.ts";

export type IpamAuditOptions = {
  readonly nodeName: string;
  readonly datastore: Datastore;
  readonly ipam: Ipam;
  readonly log: Pick<EventLog, "log">;
  readonly now?: () => number;
  readonly random?: () => number;
  /** Settable for tests. */
  readonly timing?: AuditTiming;
};

type AuditTiming = {
  /** Between two looks, at the least. */
  readonly every: number;
  /** More of it for each host of the cluster: together they shall not read IPAM more often than that. */
  readonly perHost: number;
  /** A finding must have been there, unchanged, for so long before anything is done about it. As in Calico. */
  readonly grace: number;
};

const TIMING: AuditTiming = { every: 300_000, perHost: 3_000, grace: 900_000 };

/**
 * Looks at IPAM from time to time, for as long as the daemon runs, and changes nothing by itself. What it finds is told in the
 * status, in metrics and to whoever asks; what has been there unchanged for a quarter of an hour is repaired on request.
 */
export class IpamAudit {
  readonly #options: Required<IpamAuditOptions>;
  /** By key of the finding: since when it has been there as it is. */
  #seen = new Map<string, { readonly finding: Finding; readonly since: number }>();
  #last: { readonly at: number; readonly resources: readonly Resource[] } | undefined;
  #failure: string | undefined;

  constructor(options: IpamAuditOptions) {
    this.#options = { now: Date.now, random: Math.random, timing: TIMING, ...options };
  }

  /** Goes on until the signal aborts; never throws for what the datastore does. */
  async run(signal: AbortSignal): Promise<void> {
    const { timing, random } = this.#options;
    // Hosts that start together shall not look together.
    let wait = timing.every * random();
    while (await pause(wait, signal)) {
      await this.look();
      const hosts = this.#last?.resources.filter(({ kind }) => kind === "Node").length ?? 0;
      wait = Math.max(timing.every, timing.perHost * hosts);
    }
  }

  /** One look. */
  async look(): Promise<void> {
    const { datastore, now, log } = this.#options;
    try {
      const { resources } = await datastore.list({ kinds: CHECKED_KINDS });
      const said = new Set(this.#confirmed().map(({ finding }) => findingKey(finding)));
      this.#note(checkObjects(resources).findings, now());
      this.#last = { at: now(), resources };
      this.#failure = undefined;
      this.#say(said);
    } catch (error) {
      if (!(error instanceof DatastoreError)) throw error;
      if (this.#failure === undefined) log.log("warn", "ipam.unaudited", { error: error.message });
      this.#failure = error.message;
    }
  }

  /** What was confirmed, put right where it is still as it was seen. Looks first. */
  async repair(): Promise<IpamRepairReport> {
    await this.look();
    const items: IpamRepairReport["items"][number][] = [];
    for (const { finding } of this.#confirmed()) {
      const result = await repairFinding(this.#options.ipam, finding);
      const text = describeFinding(finding);
      this.#options.log.log("info", "ipam.repair", { finding: text, result });
      items.push({ text, result });
    }
    await this.look();
    return { apiVersion: API_VERSION, kind: "IPAMRepair", items };
  }

  /** How many findings a repair would touch, or a person should look at. */
  get confirmedCount(): number {
    return this.#confirmed().length;
  }

  report(): IpamAuditReport {
    const last = this.#last;
    const { allocations = 0, blocks = 0, inUse = 0 } = last ? checkObjects(last.resources) : {};
    const sure = new Set(this.#confirmed().map(({ finding }) => finding));
    return {
      apiVersion: API_VERSION,
      kind: "IPAMAudit",
      ...(last && { lookedAt: new Date(last.at).toISOString() }),
      ...(this.#failure !== undefined && { failure: this.#failure }),
      blocks,
      allocations,
      inUse,
      pools: last ? this.#pools(usageOf(last.resources)) : [],
      items: [...this.#seen.values()].map(({ finding, since }) => ({
        type: finding.type,
        text: describeFinding(finding),
        firstSeenAt: new Date(since).toISOString(),
        confirmed: sure.has(finding),
      })),
    };
  }

  #note(findings: readonly Finding[], at: number): void {
    const before = this.#seen;
    this.#seen = new Map(
      findings.map((finding) => {
        const key = findingKey(finding);
        return [key, { finding, since: before.get(key)?.since ?? at }];
      }),
    );
  }

  /** What is confirmed now and was not before. */
  #say(said: ReadonlySet<string>): void {
    for (const { finding } of this.#confirmed()) {
      if (said.has(findingKey(finding))) continue;
      const { type } = finding;
      this.#options.log.log("warn", "ipam.suspect", { type, finding: describeFinding(finding) });
    }
  }

  #confirmed() {
    const { timing } = this.#options;
    const at = this.#last?.at ?? 0;
    // Seen once is not enough, however long ago: it must have been there at two looks.
    return [...this.#seen.values()].filter(({ since }) => at > since && at - since >= timing.grace);
  }

  #pools({ pools }: IpamUsage): readonly IpamPoolReport[] {
    const leaks = [...this.#seen.values()].flatMap(({ finding }) =>
      finding.type === "leak" ? [finding.block] : [],
    );
    return pools.map((pool) => this.#pool(pool, leaks));
  }

  #pool(
    { name, cidr, total, inUse, reserved, blocks }: PoolUsage,
    leaks: readonly string[],
  ): IpamPoolReport {
    const own = new Set<string>(blocks.map((block) => block.cidr));
    const ofThisNode = blocks.filter(({ owner }) => owner === `host:${this.#options.nodeName}`);
    const none = blocks.filter(({ owner }) => owner === undefined);
    return {
      name,
      cidr,
      size: Number(total),
      inUse: Number(inUse),
      reserved: Number(reserved),
      borrowed: blocks.reduce((sum, { borrowed }) => sum + borrowed.length, 0),
      suspect: leaks.filter((block) => own.has(block)).length,
      blocks: {
        thisNode: ofThisNode.length,
        other: blocks.length - ofThisNode.length - none.length,
        none: none.length,
      },
    };
  }
}

/** False when the signal ended it. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(milliseconds, undefined, { signal, ref: false });
    return true;
  } catch {
    return false;
  }
}
