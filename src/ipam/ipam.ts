import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { comparePrefix, type Prefix } from "../../protocol/types/prefix.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { planAddresses } from "./address-plan.ts";
import { ordinalOf } from "./address-range.ts";
import { planAssignment } from "./assign-plan.ts";
import type {
  AssignAddressesRequest,
  Assignment,
  AssignRequest,
  AssignResult,
} from "./assign-request.ts";
import { assignmentAt, assignmentsOf, heldBy } from "./assignment.ts";
import { giveUpBlock } from "./claim-block.ts";
import { IpamTransaction } from "./ipam-transaction.ts";
import { KnownObjects } from "./known-objects.ts";
import { findBlock, planRelease, planReleaseOfHandle, type Verdict } from "./release-plan.ts";
import type { AddressToRelease, ReleaseRequest, ReleaseResult } from "./release-request.ts";
import { type IpamSettings, readSettings } from "./settings.ts";
import { type Planning, TransactionQueue } from "./transaction-queue.ts";

export type IpamOptions = {
  readonly datastore: Datastore;
  /** Pools and limits as somebody follows them anyhow; where nobody does, they are read for every call. */
  readonly settings?: () => IpamSettings | undefined;
  /** Wall clock in milliseconds, for claim times and sequence numbers of new blocks. */
  readonly now?: () => number;
};

/** Addresses that are released in one step; each may need a write for its handle. */
const MOST_RELEASED_AT_ONCE = 50;

/**
 * Assigns IP addresses from the cluster's pools, in Calico's blocks, affinities and handles. What the surroundings do
 * wrong is a DatastoreError: then the work may have been done or not, and the same call with `reuse`, or a release of the
 * handle, clears that up. What a caller must expect is a value.
 */
export class Ipam {
  readonly #options: Required<IpamOptions>;
  readonly #queue: TransactionQueue;

  constructor({ datastore, settings = () => undefined, now = Date.now }: IpamOptions) {
    this.#options = { datastore, settings, now };
    this.#queue = new TransactionQueue(this.#options);
  }

  /** Chooses addresses: from the host's blocks, a new block, or (unless forbidden) a block of another host. */
  async assign(request: AssignRequest): Promise<AssignResult> {
    return this.#queue.run({
      make: (planning) => planAssignment(request, planning),
      isDoubtful: ({ type }) => type === "refused",
    });
  }

  /** Assigns the very addresses that are asked for. */
  async assignAddresses(request: AssignAddressesRequest): Promise<AssignResult> {
    return this.#queue.run({
      make: (planning) => planAddresses(request, planning),
      isDoubtful: ({ type }) => type === "refused",
    });
  }

  /** Gives addresses back. Safe to repeat. */
  async release(request: ReleaseRequest): Promise<ReleaseResult> {
    if ("handle" in request) return this.#releaseHandle(request.handle);
    const verdicts = new Map<IpAddress, Verdict>();
    for (let at = 0; at < request.addresses.length; at += MOST_RELEASED_AT_ONCE) {
      const some = request.addresses.slice(at, at + MOST_RELEASED_AT_ONCE);
      const found = await this.#queue.run({
        make: (planning) => releaseAddresses(some, planning),
        isDoubtful: (result) => [...result.values()].some((each) => each !== "released"),
      });
      for (const [address, verdict] of found) verdicts.set(address, verdict);
    }
    const those = (wanted: Verdict) =>
      [...verdicts].filter(([, verdict]) => verdict === wanted).map(([address]) => address);
    return {
      released: those("released"),
      notAssigned: those("notAssigned"),
      kept: those("kept"),
    };
  }

  /** All that a handle holds; empty for an unknown handle. */
  async byHandle(handle: string): Promise<readonly Assignment[]> {
    const reading = await this.#read();
    const found = await reading.transaction.handle(handle);
    return found ? heldBy(found, reading) : [];
  }

  /** Who holds an address; undefined when nobody does. */
  async ownerOf(address: IpAddress): Promise<Assignment | undefined> {
    const reading = await this.#read();
    const block = await findBlock(address, reading);
    const ordinal = block && ordinalOf(block.cidr, address);
    if (block === undefined || ordinal === undefined) return undefined;
    return assignmentAt(block, ordinal, reading.settings);
  }

  /** Every address that somebody has, in the order of blocks. */
  async all(): Promise<readonly Assignment[]> {
    const { transaction, settings } = await this.#read();
    const blocks = await transaction.allBlocks();
    return blocks
      .toSorted((a, b) => comparePrefix(a.cidr, b.cidr))
      .flatMap((block) => assignmentsOf(block, settings));
  }

  /** Gives up a host's blocks: empty ones are deleted, others stay without an owner until their last address is released. */
  async releaseHost(host: string): Promise<void> {
    const { transaction } = await this.#read();
    for (const { cidr } of await transaction.affinitiesOf(host)) {
      await this.releaseAffinity({ host, cidr });
    }
  }

  /** Gives up one block of a host. */
  async releaseAffinity({
    host,
    cidr,
    onlyIfEmpty = false,
  }: {
    readonly host: string;
    readonly cidr: Prefix;
    readonly onlyIfEmpty?: boolean;
  }): Promise<"given up" | "in use" | "unreadable"> {
    return this.#queue.run({
      make: (planning) => giveUpBlock(cidr, { ...planning, host, onlyIfEmpty }),
      isDoubtful: (result) => result !== "given up",
    });
  }

  /** Carries a repair out that has looked at everything it means to change; alone, and on nothing that was read earlier. */
  async repair<Result>(make: (planning: Planning) => Promise<Result>): Promise<Result> {
    return this.#queue.run({ make, isAlone: true });
  }

  /** Block by block: what is done stays done if a later block cannot be reached, and a second call does the rest. */
  async #releaseHandle(handle: string): Promise<ReleaseResult> {
    const { transaction } = await this.#read();
    const released: IpAddress[] = [];
    for (const cidr of (await transaction.handle(handle))?.counts.keys() ?? []) {
      const found = await this.#queue.run({
        make: async (planning) => {
          const block = await planning.transaction.block(cidr);
          if (block === undefined || block === "unreadable") return [];
          return planReleaseOfHandle(block, handle, planning);
        },
        isDoubtful: (result) => result.length === 0,
      });
      released.push(...found);
    }
    return { released, notAssigned: [], kept: [] };
  }

  async #read(): Promise<Omit<Planning, "now">> {
    const { datastore, settings } = this.#options;
    const transaction = new IpamTransaction({ datastore, known: new KnownObjects(), fresh: true });
    return { transaction, settings: settings() ?? (await readSettings(datastore)) };
  }
}

async function releaseAddresses(
  addresses: readonly AddressToRelease[],
  planning: Planning,
): Promise<ReadonlyMap<IpAddress, Verdict>> {
  const verdicts = new Map<IpAddress, Verdict>();
  const byBlock = new Map<Prefix, AddressToRelease[]>();
  for (const wanted of addresses) {
    const cidr = (await findBlock(wanted.address, planning))?.cidr;
    if (cidr === undefined) verdicts.set(wanted.address, "notAssigned");
    else byBlock.set(cidr, [...(byBlock.get(cidr) ?? []), wanted]);
  }
  for (const [cidr, some] of byBlock) {
    const block = await planning.transaction.block(cidr);
    if (block === undefined || block === "unreadable") continue;
    for (const [address, verdict] of await planRelease(block, some, planning)) {
      verdicts.set(address, verdict);
    }
  }
  return verdicts;
}
