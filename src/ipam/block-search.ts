import type { Prefix } from "../../protocol/types/prefix.ts";
import { blockAt, blockCount, blockIndex } from "./address-range.ts";
import type { Pool } from "./settings.ts";

/**
 * The blocks of a pool in the order in which a host tries them: from one that the host's name picks, upwards and around. So
 * hosts rarely want the same block at once, and a host that lost its blocks is likely to find the same ones. Calico starts
 * from the FNV-1 hash of the name, by way of a random generator of Go; where each host starts is of no consequence, but
 * hosts with similar names must not start side by side, or all of them run into one another when their first block is full.
 */
export function* blocksFrom(
  { cidr, blockLength }: Pool,
  start: { readonly host: string } | "lowest",
): Generator<Prefix> {
  const count = blockCount(cidr, blockLength);
  if (count === 0n) return;
  const first = start === "lowest" ? 0n : spread(fnv1(start.host)) % count;
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
  const first = spread(fnv1(host)) % count;
  const distance = ({ cidr }: Item) => (blockIndex(pool.cidr, cidr) - first + count) % count;
  return items
    .map((item) => ({ item, distance: distance(item) }))
    .toSorted((a, b) => (a.distance < b.distance ? -1 : a.distance > b.distance ? 1 : 0))
    .map(({ item }) => item);
}

/** The last step of MurmurHash3, 64 bits: each bit of the input changes half of the output. FNV-1 leaves names that end alike alike. */
function spread(hash: bigint): bigint {
  let mixed = hash;
  for (const factor of [0xff51afd7ed558ccdn, 0xc4ceb9fe1a85ec53n]) {
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 33n)) * factor);
  }
  return mixed ^ (mixed >> 33n);
}

/** FNV-1 of 64 bits, so that large IPv6 pools are used all over. */
function fnv1(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const octet of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, hash * 0x100000001b3n) ^ BigInt(octet);
  }
  return hash;
}
