import { type Prefix, prefixLength } from "../../protocol/types/prefix.ts";
import type { BlockOwner } from "../resources/ipam-names.ts";
import { type Block, isEmpty, isOwnedBy, newBlock, thaw, withOwner } from "./block.ts";
import { blocksFrom } from "./block-search.ts";
import type { Affinity } from "./ipam-objects.ts";
import type { IpamTransaction } from "./ipam-transaction.ts";
import { selectsHost } from "./pool-choice.ts";
import { type IpamSettings, type Pool, poolHolding } from "./settings.ts";

/** What claiming needs to know. `now` in milliseconds of the wall clock. */
export type ClaimContext = {
  readonly transaction: IpamTransaction;
  readonly settings: IpamSettings;
  readonly host: string;
  readonly now: number;
};

/** A block that was claimed so lately may belong to a host that is about to take its first address from it. */
const YOUNG_MILLISECONDS = 60_000;
/** Blocks that are looked at for a free one, or for an empty one of another host, before the search is given up. */
const MOST_LOOKS = 4096;
/** A host's blocks in pools that are not for it any more are given up one at a time: the rest waits for the next call. */
const MOST_GIVEN_UP = 8;

/**
 * The block of one of the host's own affinities, to be used; undefined when there is none to use. What a program that died
 * in the middle of a claim or a release left behind is mended on the way: a claim without its block gets it, and an affinity
 * to a block that belongs to someone else goes.
 */
export async function useAffinity(
  affinity: Affinity,
  { transaction, host, now }: ClaimContext,
): Promise<Block | undefined> {
  const { cidr, owner, state } = affinity;
  const found = await transaction.block(cidr);
  if (found === "unreadable") return undefined;
  if (found !== undefined && !isOwnedBy(found, host)) {
    transaction.deleteAffinity(owner, cidr);
    transaction.expectBlock(cidr);
    return undefined;
  }
  if (state !== "confirmed") {
    transaction.putAffinity({ ...affinity, state: "confirmed" });
    transaction.expectBlock(cidr);
  }
  if (found !== undefined) return found;
  const block = newBlock(cidr, owner, now);
  transaction.putBlock(block);
  transaction.expectAffinity(owner, cidr);
  return block;
}

/** Makes a block the host's own that nobody has: affinity and block at once. Undefined when somebody has it. */
export async function claimBlock(
  cidr: Prefix,
  { transaction, host, now }: ClaimContext,
): Promise<Block | undefined> {
  const owner = { type: "host", node: host } as const;
  if ((await transaction.block(cidr)) !== undefined) return undefined;
  const known = await transaction.affinity(owner, cidr);
  const block = newBlock(cidr, owner, now);
  transaction.putAffinity({ rest: {}, ...known, owner, cidr, state: "confirmed" });
  transaction.putBlock(block);
  return block;
}

/** Claims blocks that nobody has, as they are asked for: by the host's search order, or the lowest. */
export async function* claimFreeBlocks(
  pools: readonly Pool[],
  context: ClaimContext & { readonly lowest: boolean },
): AsyncGenerator<Block> {
  const { transaction, host, lowest } = context;
  const owned = new Set((await transaction.allAffinities()).map(({ cidr }) => cidr));
  let looks = 0;
  for (const pool of pools) {
    for (const cidr of blocksFrom(pool, lowest ? "lowest" : { host })) {
      if (owned.has(cidr)) continue;
      if (++looks > MOST_LOOKS) return;
      const block = await claimBlock(cidr, context);
      if (block !== undefined) yield block;
    }
  }
}

/**
 * What the search for free blocks passed over, and what can be had all the same: claims of programs that died before they made the block,
 * empty blocks of nobody, and those that another host claimed more than a minute ago and from which no address is in use.
 */
export async function* reclaimEmptyBlocks(
  pools: readonly Pool[],
  context: ClaimContext,
): AsyncGenerator<Block> {
  const { transaction, host, now } = context;
  const owner = { type: "host", node: host } as const;
  const affinities = await transaction.allAffinities();
  const blocks = await transaction.allBlocks();
  const present = new Set(blocks.map(({ cidr }) => cidr));
  for (const { cidr } of affinities) {
    if (present.has(cidr) || poolHolding({ pools }, cidr)?.blockLength !== prefixLength(cidr))
      continue;
    // A claim that is only on its way loses: its program finds our block where it wants to make its own.
    const block = await claimBlock(cidr, context);
    if (block !== undefined) yield block;
  }
  for (const stored of blocks) {
    const { cidr } = stored;
    const block = thawed(stored, context);
    if (poolHolding({ pools }, cidr) === undefined || !isAbandoned(block, host, now)) continue;
    for (const old of affinities) {
      if (old.cidr === cidr) transaction.deleteAffinity(old.owner, cidr);
    }
    const known = await transaction.affinity(owner, cidr);
    transaction.putAffinity({ rest: {}, ...known, owner, cidr, state: "confirmed" });
    const taken = withOwner(block, owner, now);
    transaction.putBlock(taken);
    yield taken;
  }
}

/** Gives up blocks in pools whose nodeSelector does not take the host any more, where no address is in use. */
export async function giveUpStrayBlocks(
  affinities: readonly Affinity[],
  context: ClaimContext,
): Promise<void> {
  let left = MOST_GIVEN_UP;
  for (const { cidr } of affinities) {
    const pool = poolHolding(context.settings, cidr);
    if (pool === undefined || selectsHost(pool, context) || left === 0) continue;
    if ((await giveUpBlock(cidr, { ...context, onlyIfEmpty: true })) === "given up") left--;
  }
}

/**
 * Gives a host's block up: an empty one is deleted, another stays as an orphan until its last address is released. An
 * affinity that means nothing (no block, or somebody else's) goes as well.
 */
export async function giveUpBlock(
  cidr: Prefix,
  context: ClaimContext & { readonly onlyIfEmpty: boolean },
): Promise<"given up" | "in use" | "unreadable"> {
  const { transaction, host, now, onlyIfEmpty } = context;
  const owner: BlockOwner = { type: "host", node: host };
  const found = await transaction.block(cidr);
  if (found === "unreadable") return "unreadable";
  if (found !== undefined && isOwnedBy(found, host)) {
    const empty = isEmpty(thawed(found, context));
    if (!empty && onlyIfEmpty) return "in use";
    if (empty) transaction.deleteBlock(cidr);
    else transaction.putBlock(withOwner(found, undefined, now));
  }
  await transaction.affinity(owner, cidr);
  transaction.deleteAffinity(owner, cidr);
  transaction.expectBlock(cidr);
  return "given up";
}

/** Empty, and nobody's; or another host's, and not so young that its first address may be on the way. */
function isAbandoned(block: Block, host: string, now: number): boolean {
  if (!isEmpty(block)) return false;
  if (block.owner === undefined) return true;
  if (block.owner.type !== "host" || block.owner.node === host) return false;
  return !(Date.parse(block.claimedAt ?? "") + YOUNG_MILLISECONDS > now);
}

function thawed(block: Block, { settings, now }: ClaimContext): Block {
  return thaw(block, { now, cooldownSeconds: settings.cooldownSeconds });
}
