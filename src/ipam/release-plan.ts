import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { type Prefix, prefixContainsAddress, prefixOf } from "../../protocol/types/prefix.ts";
import { ordinalOf } from "./address-range.ts";
import {
  type Allocation,
  allocationOf,
  allocationsOf,
  type Block,
  free,
  isEmpty,
} from "./block.ts";
import type { IpamTransaction } from "./ipam-transaction.ts";
import type { AddressToRelease } from "./release-request.ts";
import { type IpamSettings, poolHolding } from "./settings.ts";

type ReleaseContext = {
  readonly transaction: IpamTransaction;
  readonly settings: IpamSettings;
  readonly now: number;
};

export type Verdict = "released" | "notAssigned" | "kept";

/** The block that holds an address: of the pool's size, or, where pools have come and gone, whichever there is. */
export async function findBlock(
  address: IpAddress,
  { transaction, settings }: Pick<ReleaseContext, "transaction" | "settings">,
): Promise<Block | undefined> {
  const pool = poolHolding(settings, address);
  const usual = pool && (await transaction.block(prefixOf(address, pool.blockLength)));
  if (usual !== undefined && usual !== "unreadable") return usual;
  const blocks = await transaction.allBlocks();
  return blocks.find(({ cidr }) => prefixContainsAddress(cidr, address));
}

/** Releases addresses of one block in a transaction, and says of each what will become of it. */
export async function planRelease(
  block: Block,
  addresses: readonly AddressToRelease[],
  context: ReleaseContext,
): Promise<ReadonlyMap<IpAddress, Verdict>> {
  const verdicts = new Map<IpAddress, Verdict>();
  const going: Allocation[] = [];
  for (const wanted of addresses) {
    const ordinal = ordinalOf(block.cidr, wanted.address);
    const found = ordinal === undefined ? undefined : allocationOf(block, ordinal);
    const verdict = verdictOn(wanted, found);
    if (verdict === "released" && found !== undefined && !verdicts.has(wanted.address)) {
      going.push(found);
    }
    verdicts.set(wanted.address, verdict);
  }
  await releaseFrom(block, going, context);
  return verdicts;
}

/** Releases what a handle has in one block, and returns the addresses. */
export async function planReleaseOfHandle(
  block: Block,
  handle: string,
  context: ReleaseContext,
): Promise<readonly IpAddress[]> {
  const going = allocationsOf(block).filter((each) => each.handle === handle);
  await releaseFrom(block, going, context);
  return going.map(({ address }) => address);
}

function verdictOn(
  { handle, sequenceNumber }: AddressToRelease,
  found: Allocation | undefined,
): Verdict {
  if (found === undefined || found.releasedAt !== undefined) return "notAssigned";
  if (handle !== undefined && found.handle !== handle) return "kept";
  if (sequenceNumber !== undefined && found.sequenceNumber !== sequenceNumber) return "kept";
  return "released";
}

async function releaseFrom(
  block: Block,
  going: readonly Allocation[],
  { transaction, settings, now }: ReleaseContext,
): Promise<void> {
  if (going.length === 0) return;
  const ordinals = going.map(({ ordinal }) => ordinal);
  const cools = settings.cooldownSeconds > 0 ? { coolFrom: now } : {};
  const changed = free(block, ordinals, cools);
  // An orphan lives as long as its last address.
  if (changed.owner === undefined && isEmpty(changed)) transaction.deleteBlock(block.cidr);
  else transaction.putBlock(changed);
  for (const [handle, count] of countBy(going)) {
    await uncount(transaction, { handle, cidr: block.cidr, count });
  }
}

/**
 * Takes from the handle what was released, and no more: another program may have counted an address that it is about to
 * allocate. What stays too high because such a program died is found by the audit.
 */
async function uncount(
  transaction: IpamTransaction,
  {
    handle: id,
    cidr,
    count,
  }: { readonly handle: string; readonly cidr: Prefix; readonly count: number },
): Promise<void> {
  const handle = await transaction.handle(id);
  if (handle === undefined) return;
  const counts = new Map(handle.counts);
  const left = (counts.get(cidr) ?? 0) - count;
  if (left > 0) counts.set(cidr, left);
  else counts.delete(cidr);
  if (counts.size === 0) transaction.deleteHandle(id);
  else transaction.putHandle({ ...handle, counts });
}

function countBy(going: readonly Allocation[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { handle } of going) {
    if (handle !== undefined) counts.set(handle, (counts.get(handle) ?? 0) + 1);
  }
  return counts;
}
