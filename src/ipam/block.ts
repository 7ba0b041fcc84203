import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";
import type { BlockOwner } from "../resources/ipam-names.ts";
import { addressAt, addressCount, addressesOf } from "./address-range.ts";

/**
 * A block as it is stored, with nothing lost: Calico's AllocationBlock. Blocks are values; what changes one makes another.
 * Each ordinal is either allocated or waits in the queue `unallocated`, from which addresses are taken at the head and to
 * which they return at the tail, so that a released address rests as long as possible.
 */
export type Block = {
  readonly cidr: Prefix;
  /** Undefined for an orphan: it serves what it holds until the last address is released. */
  readonly owner: BlockOwner | undefined;
  /** When the owner claimed it, RFC 3339. */
  readonly claimedAt: string | undefined;
  /** By ordinal: position in `attributes`, or null. */
  readonly allocations: readonly (number | null)[];
  readonly unallocated: readonly number[];
  readonly attributes: readonly BlockAttribute[];
  /** Raised by every write, and started from the clock, so that no number ever comes twice in the life of a range. */
  readonly sequenceNumber: bigint;
  /** By ordinal: the block's number when it was allocated. */
  readonly sequenceNumbers: ReadonlyMap<number, bigint>;
  /** Fields that this version does not know. */
  readonly rest: Readonly<Record<string, unknown>>;
};

/** To whom one or several addresses belong; the names are Calico's. An address that cools down has `releasedAt` alone. */
export type BlockAttribute = {
  readonly handle_id?: string | null;
  readonly secondary?: Readonly<Record<string, string>> | null;
  readonly releasedAt?: string;
  readonly [unknown: string]: unknown;
};

/** An allocated address of a block. */
export type Allocation = {
  readonly ordinal: number;
  readonly address: IpAddress;
  readonly handle: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  readonly sequenceNumber: bigint | undefined;
  /** Released, but not to be assigned again before its cool-down is over. */
  readonly releasedAt: string | undefined;
};

/** A block that nobody has taken an address from. `now` in milliseconds. */
export function newBlock(cidr: Prefix, owner: BlockOwner, now: number): Block {
  const size = Number(addressCount(cidr));
  return {
    cidr,
    owner,
    claimedAt: rfc3339(now),
    allocations: new Array<null>(size).fill(null),
    unallocated: Array.from({ length: size }, (_, ordinal) => ordinal),
    attributes: [],
    // A range that is given up and claimed again must not repeat its numbers: whoever holds an old one would be believed.
    sequenceNumber: BigInt(now) * 1_000_000n,
    sequenceNumbers: new Map(),
    rest: {},
  };
}

/** Allocates these ordinals, which must be free. The sequence number is raised once for all that one write changes. */
export function allocate(
  block: Block,
  ordinals: readonly number[],
  attribute: { readonly handle: string; readonly secondary: Readonly<Record<string, string>> },
): Block {
  const taken = new Set(ordinals);
  const attributes = [...block.attributes];
  const index = findOrAdd(attributes, attribute);
  const allocations = [...block.allocations];
  const sequenceNumbers = new Map(block.sequenceNumbers);
  for (const ordinal of taken) {
    if (allocations[ordinal] !== null) throw new Error(`${block.cidr}: ${ordinal} is not free`);
    allocations[ordinal] = index;
    sequenceNumbers.set(ordinal, block.sequenceNumber);
  }
  return {
    ...block,
    attributes,
    allocations,
    unallocated: block.unallocated.filter((ordinal) => !taken.has(ordinal)),
    sequenceNumbers,
    sequenceNumber: block.sequenceNumber + 1n,
  };
}

/** Frees these ordinals, which must be allocated; with a cool-down they only lose their owner, and wait. */
export function free(
  block: Block,
  ordinals: readonly number[],
  { coolFrom }: { readonly coolFrom?: number } = {},
): Block {
  const allocations: (number | null)[] = [...block.allocations];
  const sequenceNumbers = new Map(block.sequenceNumbers);
  const attributes = [...block.attributes];
  const rests = coolFrom === undefined ? null : attributes.length;
  if (coolFrom !== undefined) attributes.push({ releasedAt: rfc3339(coolFrom) });
  for (const ordinal of ordinals) {
    if ((allocations[ordinal] ?? null) === null)
      throw new Error(`${block.cidr}: ${ordinal} is free`);
    allocations[ordinal] = rests;
    sequenceNumbers.delete(ordinal);
  }
  return withoutUnused({
    ...block,
    allocations,
    attributes,
    unallocated: rests === null ? [...block.unallocated, ...ordinals] : block.unallocated,
    sequenceNumbers,
    sequenceNumber: block.sequenceNumber + 1n,
  });
}

/** Frees what has cooled down for long enough; the same block when there is nothing. */
export function thaw(
  block: Block,
  { now, cooldownSeconds }: { readonly now: number; readonly cooldownSeconds: number },
): Block {
  const isDue = ({ releasedAt }: BlockAttribute) =>
    releasedAt !== undefined && !(Date.parse(releasedAt) + cooldownSeconds * 1000 > now);
  if (!block.attributes.some(isDue)) return block;
  const due = [...block.allocations.entries()].filter(
    ([, index]) => index !== null && isDue(block.attributes[index] ?? {}),
  );
  return free(
    block,
    due.map(([ordinal]) => ordinal),
  );
}

/** The block under another owner, or none. */
export function withOwner(block: Block, owner: BlockOwner | undefined, now: number): Block {
  return {
    ...block,
    owner,
    claimedAt: owner && rfc3339(now),
    sequenceNumber: block.sequenceNumber + 1n,
  };
}

export function allocationsOf(block: Block): readonly Allocation[] {
  const addresses = addressesOf(block.cidr);
  return addresses.flatMap((address, ordinal) => allocationAt(block, ordinal, address) ?? []);
}

/** Undefined when the ordinal is free. */
export function allocationOf(block: Block, ordinal: number): Allocation | undefined {
  return allocationAt(block, ordinal, undefined);
}

/** Whether nothing of the block is in use; Windows hosts keep some addresses of theirs for good. */
export function isEmpty(block: Block): boolean {
  return block.allocations.every(
    (index) => index === null || block.attributes[index]?.handle_id === WINDOWS_HANDLE,
  );
}

export function isOwnedBy(block: Block, host: string): boolean {
  return block.owner?.type === "host" && block.owner.node === host;
}

const WINDOWS_HANDLE = "windows-reserved-ipam-handle";

function allocationAt(
  block: Block,
  ordinal: number,
  address: IpAddress | undefined,
): Allocation | undefined {
  const index = block.allocations[ordinal] ?? null;
  if (index === null) return undefined;
  const { handle_id, secondary, releasedAt } = block.attributes[index] ?? {};
  return {
    ordinal,
    address: address ?? addressAt(block.cidr, ordinal),
    // An old migration wrote handles with a carriage return and more behind it; Calico reads them as far as that.
    handle: handle_id?.split("\r")[0] || undefined,
    attributes: secondary ?? {},
    sequenceNumber: block.sequenceNumbers.get(ordinal),
    releasedAt,
  };
}

function findOrAdd(
  attributes: BlockAttribute[],
  {
    handle,
    secondary,
  }: { readonly handle: string; readonly secondary: Readonly<Record<string, string>> },
): number {
  const wanted = JSON.stringify(Object.entries(secondary).toSorted());
  const found = attributes.findIndex(
    (each) =>
      each.handle_id === handle &&
      Object.keys(each).every((field) => field === "handle_id" || field === "secondary") &&
      JSON.stringify(Object.entries(each.secondary ?? {}).toSorted()) === wanted,
  );
  if (found >= 0) return found;
  return attributes.push({ handle_id: handle, secondary }) - 1;
}

/** Attributes that no address has any more go, and the positions of the others move up. */
function withoutUnused(block: Block): Block {
  const used = new Set(block.allocations);
  const moved = new Map<number, number>();
  const attributes = block.attributes.filter((_, index) => {
    if (!used.has(index)) return false;
    moved.set(index, moved.size);
    return true;
  });
  if (attributes.length === block.attributes.length) return block;
  const allocations = block.allocations.map((index) =>
    index === null ? null : (moved.get(index) ?? null),
  );
  return { ...block, attributes, allocations };
}

/** To the second, as Go's metav1.Time is written. */
function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
}
