import type { Prefix } from "../../protocol/types/prefix.ts";
import type { Assignment, AssignRequest } from "./assign-request.ts";
import { type Allocation, allocationOf, allocationsOf, type Block } from "./block.ts";
import type { Handle } from "./ipam-objects.ts";
import type { IpamTransaction } from "./ipam-transaction.ts";
import { type IpamSettings, poolHolding } from "./settings.ts";

type PoolsOnly = Pick<IpamSettings, "pools">;

/** All addresses of a block that belong to somebody. */
export function assignmentsOf(block: Block, settings: PoolsOnly): readonly Assignment[] {
  return allocationsOf(block).flatMap((each) => assignmentOf(block, each, settings) ?? []);
}

/** Undefined when nobody has the address. */
export function assignmentAt(
  block: Block,
  ordinal: number,
  settings: PoolsOnly,
): Assignment | undefined {
  const allocation = allocationOf(block, ordinal);
  return allocation && assignmentOf(block, allocation, settings);
}

/** The addresses of a handle, as its blocks have them. */
export async function heldBy(
  handle: Handle,
  {
    transaction,
    settings,
  }: { readonly transaction: IpamTransaction; readonly settings: PoolsOnly },
): Promise<readonly Assignment[]> {
  const held: Assignment[] = [];
  for (const cidr of handle.counts.keys()) {
    const block = await transaction.block(cidr);
    if (block === undefined || block === "unreadable") continue;
    for (const assignment of assignmentsOf(block, settings)) {
      if (assignment.handle === handle.id) held.push(assignment);
    }
  }
  return held;
}

/** Adds to the handle what was taken for it, in the same step as the blocks. */
export function countInHandle(
  transaction: IpamTransaction,
  {
    id,
    handle,
    taken,
  }: {
    readonly id: string;
    readonly handle: Handle | undefined;
    readonly taken: ReadonlyMap<Prefix, number>;
  },
): void {
  if (taken.size === 0) return;
  const counts = new Map(handle?.counts);
  for (const [cidr, count] of taken) counts.set(cidr, (counts.get(cidr) ?? 0) + count);
  transaction.putHandle({ rest: {}, ...handle, id, counts });
}

/** Whom an address is for and since when, as it stands in the block. */
export function attributesOf(
  { host, attributes }: Pick<AssignRequest, "host" | "attributes">,
  now: number,
): Readonly<Record<string, string>> {
  return { timestamp: new Date(now).toISOString(), ...attributes, node: host };
}

function assignmentOf(
  block: Block,
  { ordinal: _, releasedAt, ...allocation }: Allocation,
  settings: PoolsOnly,
): Assignment | undefined {
  if (releasedAt !== undefined) return undefined;
  const node = allocation.attributes["node"];
  return {
    ...allocation,
    block: block.cidr,
    pool: poolHolding(settings, block.cidr)?.name,
    borrowed: node !== undefined && block.owner?.node !== node,
  };
}
