import type { IpAddress } from "../../protocol/types/ip-address.ts";
import {
  comparePrefix,
  type Prefix,
  prefixContains,
  prefixContainsAddress,
} from "../../protocol/types/prefix.ts";
import type { Datastore } from "../datastore/datastore.ts";
import type { Resource } from "../resources/resource.ts";
import { addressCount } from "./address-range.ts";
import type { Assignment } from "./assign-request.ts";
import { assignmentsOf } from "./assignment.ts";
import { allocationsOf, type Block } from "./block.ts";
import { ownerText } from "./check-index.ts";
import { readBlock } from "./ipam-objects.ts";
import { type IpamSettings, SETTINGS_KINDS, settingsOf } from "./settings.ts";

/** Where the addresses are: pools, their blocks, and what was borrowed. */
export type IpamUsage = {
  readonly settings: IpamSettings;
  readonly pools: readonly PoolUsage[];
  /** Of blocks that no pool holds any more. */
  readonly strayBlocks: readonly BlockUsage[];
};

export type Usage = {
  readonly total: bigint;
  readonly inUse: bigint;
  /** Kept back by reservations, or cooling down. */
  readonly reserved: bigint;
  readonly free: bigint;
};

export type PoolUsage = Usage & {
  readonly name: string;
  readonly cidr: Prefix;
  readonly blockLength: number;
  readonly blocks: readonly BlockUsage[];
};

export type BlockUsage = Usage & {
  readonly cidr: Prefix;
  /** "host:core-01"; undefined for an orphan. */
  readonly owner: string | undefined;
  readonly borrowed: readonly Assignment[];
};

/** Reads it all at one revision. */
export async function readUsage(datastore: Datastore): Promise<IpamUsage> {
  const { resources } = await datastore.list({ kinds: [...SETTINGS_KINDS, "IPAMBlock"] });
  return usageOf(resources);
}

/** From objects of SETTINGS_KINDS and blocks. */
export function usageOf(resources: readonly Resource[]): IpamUsage {
  const settings = settingsOf(resources);
  const blocks = resources
    .filter(({ kind }) => kind === "IPAMBlock")
    .flatMap((resource) => readBlock(resource) ?? [])
    .toSorted((a, b) => comparePrefix(a.cidr, b.cidr));
  const pools = settings.pools.map((pool) => {
    const own = blocks.filter(({ cidr }) => prefixContains(pool.cidr, cidr));
    const used = own.map((block) => blockUsage(block, settings));
    const inUse = sum(used.map((each) => each.inUse));
    const cooling = sum(own.map((block) => BigInt(coolingIn(block))));
    const kept = reservedIn(pool.cidr, settings) - sum(own.map((each) => heldOf(each, settings)));
    const total = addressCount(pool.cidr);
    const reserved = kept + cooling;
    const { name, cidr, blockLength } = pool;
    return {
      name,
      cidr,
      blockLength,
      blocks: used,
      total,
      inUse,
      reserved,
      free: total - inUse - reserved,
    };
  });
  const stray = blocks.filter(
    ({ cidr }) => !settings.pools.some((pool) => prefixContains(pool.cidr, cidr)),
  );
  return { settings, pools, strayBlocks: stray.map((block) => blockUsage(block, settings)) };
}

function blockUsage(block: Block, settings: IpamSettings): BlockUsage {
  const assigned = assignmentsOf(block, settings);
  const total = addressCount(block.cidr);
  const inUse = BigInt(assigned.length);
  const kept = reservedIn(block.cidr, settings) - heldOf(block, settings);
  const reserved = kept + BigInt(coolingIn(block));
  return {
    cidr: block.cidr,
    owner: block.owner && ownerText(block.owner),
    borrowed: assigned.filter(({ borrowed }) => borrowed),
    total,
    inUse,
    reserved,
    free: total - inUse - reserved,
  };
}

/** Addresses of a range that reservations keep back, whoever may hold them. */
function reservedIn(range: Prefix, { reserved }: IpamSettings): bigint {
  if (reserved.some((each) => prefixContains(each, range))) return addressCount(range);
  const inside = [...new Set(reserved)].filter((each) => prefixContains(range, each));
  const outermost = inside.filter(
    (each) => !inside.some((other) => other !== each && prefixContains(other, each)),
  );
  return sum(outermost.map(addressCount));
}

/** Reserved addresses of a block that somebody has, or that cool down: they are counted as that. */
function heldOf(block: Block, { reserved }: IpamSettings): bigint {
  if (reserved.length === 0) return 0n;
  const isReserved = (address: IpAddress) =>
    reserved.some((range) => prefixContainsAddress(range, address));
  return BigInt(allocationsOf(block).filter(({ address }) => isReserved(address)).length);
}

function coolingIn(block: Block): number {
  return allocationsOf(block).filter(({ releasedAt }) => releasedAt !== undefined).length;
}

function sum(numbers: readonly bigint[]): bigint {
  return numbers.reduce((total, each) => total + each, 0n);
}
