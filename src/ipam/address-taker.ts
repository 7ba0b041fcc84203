import { unreachable } from "../../protocol/types/never.ts";
import {
  comparePrefix,
  type Prefix,
  prefixAddress,
  prefixContains,
  prefixContainsAddress,
  prefixLength,
} from "../../protocol/types/prefix.ts";
import { addressAt, versionOf } from "./address-range.ts";
import type { Assignment, AssignRequest } from "./assign-request.ts";
import { assignmentAt, attributesOf } from "./assignment.ts";
import { allocate, type Block, isOwnedBy, thaw } from "./block.ts";
import { inSearchOrder } from "./block-search.ts";
import {
  type ClaimContext,
  claimFreeBlocks,
  giveUpStrayBlocks,
  reclaimEmptyBlocks,
  useAffinity,
} from "./claim-block.ts";
import { type Refused, refused } from "./refusal.ts";
import { type Pool, poolHolding } from "./settings.ts";

/** Takes addresses for one request, from one source after another. */
export class AddressTaker {
  /** How many were taken, by block. */
  readonly counts = new Map<Prefix, number>();
  readonly #request: AssignRequest;
  readonly #context: ClaimContext;

  constructor(request: AssignRequest, context: ClaimContext) {
    this.#request = request;
    this.#context = context;
  }

  async take(wanted: number, pools: readonly Pool[]): Promise<readonly Assignment[] | Refused> {
    const taken: Assignment[] = [];
    const { settings } = this.#context;
    let limited = false;
    for (const source of SOURCES) {
      if (taken.length === wanted) break;
      if (source === "foreign blocks" && settings.strictAffinity) continue;
      for await (const block of this.#blocksOf(source, pools)) {
        taken.push(...this.#takeFrom(block, wanted - taken.length));
        if (taken.length === wanted) break;
      }
      if (source === "own blocks") limited = await this.#isLimited(pools);
    }
    if (taken.length === wanted) return taken;
    return limited ? this.#limit() : this.#exhausted(pools);
  }

  async *#blocksOf(
    source: (typeof SOURCES)[number],
    pools: readonly Pool[],
  ): AsyncGenerator<Block> {
    switch (source) {
      case "own blocks":
        return yield* this.#ownBlocks(pools);
      case "free blocks":
        return yield* this.#newBlocks(pools, claimFreeBlocks);
      case "empty foreign blocks":
        return yield* this.#newBlocks(pools, reclaimEmptyBlocks);
      case "foreign blocks":
        return yield* this.#foreignBlocks(pools);
      default:
        return unreachable(source);
    }
  }

  async *#ownBlocks(pools: readonly Pool[]): AsyncGenerator<Block> {
    const { transaction, host } = this.#context;
    const affinities = await transaction.affinitiesOf(host);
    const usable = affinities
      .filter(({ cidr }) => poolHolding({ pools }, cidr) !== undefined)
      .toSorted((a, b) => comparePrefix(a.cidr, b.cidr));
    if (this.#request.pools === undefined) await giveUpStrayBlocks(affinities, this.#context);
    for (const affinity of usable) {
      const block = await useAffinity(affinity, this.#context);
      if (block !== undefined) yield block;
    }
  }

  /** New blocks one at a time, for as long as the host may have more. */
  async *#newBlocks(
    pools: readonly Pool[],
    search: typeof reclaimEmptyBlocks | typeof claimFreeBlocks,
  ): AsyncGenerator<Block> {
    const lowest = this.#request.lowestFreeBlock === true;
    if (await this.#isLimited(pools)) return;
    const { transaction } = this.#context;
    let before = transaction.save();
    for await (const block of search(pools, { ...this.#context, lowest })) {
      yield block;
      // All its addresses are reserved, or not to be given away: the block is left to whoever can use it.
      if (!this.counts.has(block.cidr)) transaction.restore(before);
      if (await this.#isLimited(pools)) return;
      before = transaction.save();
    }
  }

  async *#foreignBlocks(pools: readonly Pool[]): AsyncGenerator<Block> {
    const { transaction, host } = this.#context;
    const all = await transaction.allBlocks();
    for (const pool of pools) {
      const inPool = all.filter(
        (block) => prefixContains(pool.cidr, block.cidr) && !isOwnedBy(block, host),
      );
      yield* inSearchOrder(inPool, { pool, host });
    }
  }

  /** Whether the host may claim no further block of this IP version. */
  async #isLimited(pools: readonly Pool[]): Promise<boolean> {
    const { transaction, settings, host } = this.#context;
    if (!settings.autoAllocateBlocks) return true;
    const version = pools[0] && versionOf(pools[0].cidr);
    const own = await transaction.affinitiesOf(host);
    return (
      own.filter(({ cidr }) => versionOf(cidr) === version).length >= settings.maxBlocksPerHost
    );
  }

  #takeFrom(stored: Block, wanted: number): readonly Assignment[] {
    const { transaction, settings, now } = this.#context;
    const block = thaw(stored, { now, cooldownSeconds: settings.cooldownSeconds });
    const ordinals: number[] = [];
    for (const ordinal of block.unallocated) {
      if (ordinals.length === wanted) break;
      if (this.#mayTake(block, ordinal)) ordinals.push(ordinal);
    }
    if (ordinals.length === 0) return [];
    const attributes = attributesOf(this.#request, now);
    const { handle } = this.#request;
    const changed = allocate(block, ordinals, { handle, secondary: attributes });
    transaction.putBlock(changed);
    this.counts.set(block.cidr, (this.counts.get(block.cidr) ?? 0) + ordinals.length);
    return ordinals.flatMap((ordinal) => assignmentAt(changed, ordinal, settings) ?? []);
  }

  #mayTake(block: Block, ordinal: number): boolean {
    const { settings } = this.#context;
    if (settings.reserved.length === 0 && !this.#request.lowestFreeBlock) return true;
    const address = addressAt(block.cidr, ordinal);
    if (settings.reserved.some((range) => prefixContainsAddress(range, address))) return false;
    if (!this.#request.lowestFreeBlock || ordinal !== 0) return true;
    const pool = poolHolding(settings, block.cidr);
    // A pool of one or two addresses has no network address to spare. RFC 3021.
    const spare =
      pool !== undefined && prefixLength(pool.cidr) < (address.includes(":") ? 127 : 31);
    return !spare || prefixAddress(pool.cidr) !== address;
  }

  #limit(): Refused {
    const { host, settings } = this.#context;
    const why = settings.autoAllocateBlocks
      ? `${host} has ${settings.maxBlocksPerHost} blocks, and may have no more (maxBlocksPerHost)`
      : `${host} may claim no blocks (autoAllocateBlocks)`;
    return refused("blockLimit", `${why}; there is no free address in the blocks it may use`);
  }

  #exhausted(pools: readonly Pool[]): Refused {
    const names = pools.map(({ name, cidr }) => `${name} (${cidr})`).join(", ");
    const { strictAffinity } = this.#context.settings;
    const hint = strictAffinity ? ", and affinity is strict, so none is borrowed" : "";
    return refused("exhausted", `no address is free in ${names}${hint}`);
  }
}

const SOURCES = ["own blocks", "free blocks", "empty foreign blocks", "foreign blocks"] as const;
