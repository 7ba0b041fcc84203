import { type Prefix, parsePrefix } from "../../protocol/types/prefix.ts";
import { affinityName, type BlockOwner, blockName } from "../resources/ipam-names.ts";
import { API_VERSION, type Resource, type ResourceKey } from "../resources/resource.ts";
import { addressCount } from "./address-range.ts";
import type { Block, BlockAttribute } from "./block.ts";

/**
 * IPAM's objects as they stand in the datastore, and as this folder works with them. What cannot be read as Calico means it
 * is no Block: it is reported by `check`, and nobody assigns from it or writes over it.
 */

/** That a block belongs to a host, as the host's own index says; the block itself is the truth. */
export type Affinity = {
  readonly owner: BlockOwner;
  readonly cidr: Prefix;
  /** Pending: the claim has begun. PendingDeletion: giving it up has begun. Neither says anything about the block. */
  readonly state: "pending" | "confirmed" | "pendingDeletion";
  readonly rest: Readonly<Record<string, unknown>>;
};

/** How many addresses of each block an owner holds; never less than the blocks say, and after a crash perhaps more. */
export type Handle = {
  readonly id: string;
  readonly counts: ReadonlyMap<Prefix, number>;
  readonly rest: Readonly<Record<string, unknown>>;
};

export function blockKey(cidr: Prefix): ResourceKey {
  return { kind: "IPAMBlock", name: blockName(cidr) };
}

export function affinityKey(owner: BlockOwner, cidr: Prefix): ResourceKey {
  return { kind: "BlockAffinity", name: affinityName({ ...owner, cidr }) };
}

export function handleKey(id: string): ResourceKey {
  return { kind: "IPAMHandle", name: id };
}

/** Undefined when the object is not a block as Calico writes it. */
export function readBlock(resource: Resource): Block | undefined {
  // A block that is kept in memory is looked at for each address that is assigned from it.
  const known = READ.get(resource);
  if (known !== undefined) return known;
  const block = blockOf(resource);
  if (block !== undefined) READ.set(resource, block);
  return block;
}

export function writeBlock(block: Block): Resource["spec"] {
  const { cidr, owner, claimedAt, sequenceNumbers, rest, ...same } = block;
  return {
    cidr,
    affinity: owner === undefined ? null : `${owner.type}:${owner.node}`,
    ...(claimedAt !== undefined && { affinityClaimTime: claimedAt }),
    allocations: same.allocations,
    unallocated: same.unallocated,
    attributes: same.attributes,
    sequenceNumber: same.sequenceNumber,
    sequenceNumberForAllocation: Object.fromEntries(sequenceNumbers),
    deleted: false,
    ...rest,
  };
}

/** Undefined for what is no affinity, or is being deleted. */
export function readAffinity({ spec }: Resource): Affinity | undefined {
  const { cidr: written, node, type, state, deleted, ...rest } = spec;
  const cidr = typeof written === "string" ? parsePrefix(written) : undefined;
  if (cidr === undefined || typeof node !== "string" || deleted === true) return undefined;
  const owner = { type: type === "virtual" ? "virtual" : "host", node } as const;
  return { owner, cidr, state: STATES.find((each) => each === state) ?? "confirmed", rest };
}

export function writeAffinity({ owner, cidr, state, rest }: Affinity): Resource["spec"] {
  return { state, node: owner.node, type: owner.type, cidr, deleted: false, ...rest };
}

/** Undefined for what is no handle, or is being deleted. */
export function readHandle({ metadata, spec }: Resource): Handle | undefined {
  const { handleID, block, deleted, ...rest } = spec;
  if (typeof block !== "object" || block === null || deleted === true) return undefined;
  const counts = Object.entries(block).map(([text, count]) => [parsePrefix(text), count] as const);
  return {
    id: typeof handleID === "string" && handleID !== "" ? handleID : metadata.name,
    counts: new Map(counts.filter((each): each is readonly [Prefix, number] => Boolean(each[0]))),
    rest,
  };
}

export function writeHandle({ id, counts, rest }: Handle): Resource["spec"] {
  return { handleID: id, block: Object.fromEntries(counts), deleted: false, ...rest };
}

/** A new object; `metadata` is that of the stored one where there is one. */
export function objectOf(
  key: ResourceKey,
  spec: Resource["spec"],
  metadata: Resource["metadata"] = { name: key.name },
): Resource {
  return { apiVersion: API_VERSION, kind: key.kind, metadata, spec };
}

/** Calico's largest block is a /20 or a /116; one that claims more is none. */
const MOST_ADDRESSES = 4096n;

const READ = new WeakMap<Resource, Block>();

function blockOf({ spec }: Resource): Block | undefined {
  const {
    cidr: written,
    affinity,
    affinityClaimTime,
    hostAffinity,
    allocations,
    unallocated,
    attributes,
    sequenceNumber,
    sequenceNumberForAllocation,
    deleted,
    ...rest
  } = spec;
  const cidr = typeof written === "string" ? parsePrefix(written) : undefined;
  if (cidr === undefined || addressCount(cidr) > MOST_ADDRESSES || deleted === true) return;
  if (!Array.isArray(allocations) || !Array.isArray(unallocated)) return;
  const block: Block = {
    cidr,
    owner: readOwner(affinity) ?? readOwner(hostAffinity, "host:"),
    claimedAt: typeof affinityClaimTime === "string" ? affinityClaimTime : undefined,
    allocations: allocations.map((index) => index ?? null),
    unallocated,
    // Go writes an empty list that was never filled as null.
    attributes: (attributes as readonly BlockAttribute[] | null | undefined) ?? [],
    sequenceNumber: bigintOf(sequenceNumber),
    sequenceNumbers: readNumbers(sequenceNumberForAllocation),
    rest,
  };
  return isConsistent(block) ? block : undefined;
}

const STATES = ["pending", "confirmed", "pendingDeletion"] as const;

function readOwner(text: unknown, prefix = ""): BlockOwner | undefined {
  const [, type, node] = /^(host|virtual):(.+)$/.exec(`${prefix}${text ?? ""}`) ?? [];
  if (node === undefined) return undefined;
  return { type: type === "virtual" ? "virtual" : "host", node };
}

function readNumbers(written: unknown): ReadonlyMap<number, bigint> {
  const entries = Object.entries(written ?? {});
  return new Map(entries.map(([ordinal, number]) => [Number(ordinal), bigintOf(number)]));
}

function bigintOf(value: unknown): bigint {
  if (typeof value === "bigint") return value;
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : 0n;
}

/** Each ordinal once: allocated with an attribute that is there, or in the queue. */
function isConsistent({ cidr, allocations, unallocated, attributes }: Block): boolean {
  if (BigInt(allocations.length) !== addressCount(cidr)) return false;
  const queued = new Set(unallocated);
  if (queued.size !== unallocated.length) return false;
  return (
    unallocated.every((ordinal) => allocations[ordinal] === null) &&
    allocations.every((index, ordinal) =>
      index === null ? queued.has(ordinal) : typeof attributes[index] === "object",
    )
  );
}
