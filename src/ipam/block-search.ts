import type { Prefix } from "../../protocol/types/prefix.ts";
import { blockAt, blockCount, blockIndex } from "./address-range.ts";
import type { Pool } from "./settings.ts";

/**
 * The blocks of a pool in the order in which a host tries them: from one that the host's name picks, upwards and around. So
 * hosts rarely want the same block at once, and a host that lost its blocks is likely to find the same ones. Calico starts
 * from the same hash (FNV-1 of the name), by way of a random generator of Go; where each starts is of no consequence.
 */
export function* blocksFrom(
  { cidr, blockLength }: Pool,
  start: { readonly host: string } | "lowest",
): Generator<Prefix> {
  const count = blockCount(cidr, blockLength);
  if (count === 0n) return;
  const first = start === "lowest" ? 0n : fnv1(start.host) % count;
  for (let step = 0n; step < count; step++) {
    yield blockAt({ pool: cidr, blockLength, index: (first + step) % count });
  }
}

/** Blocks that exist, in the order in which `blocksFrom` would come upon them. */
export function inSearchOrder<Item extends { readonly cidr: Prefix }>(
  items: readonly Item[],
  { pool, host }: { readonly pool: Pool; readonly host: string },
): readonly Item[] {
  const count = blockCount(pool.cidr, pool.blockLength) || 1n;
  const first = fnv1(host) % count;
  const distance = ({ cidr }: Item) => (blockIndex(pool.cidr, cidr) - first + count) % count;
  return items
    .map((item) => ({ item, distance: distance(item) }))
    .toSorted((a, b) => (a.distance < b.distance ? -1 : a.distance > b.distance ? 1 : 0))
    .map(({ item }) => item);
}

/** FNV-1 of 64 bits, so that large IPv6 pools are used all over. */
function fnv1(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const octet of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, hash * 0x100000001b3n) ^ BigInt(octet);
  }
  return hash;
}
