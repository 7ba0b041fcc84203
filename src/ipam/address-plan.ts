import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { type Prefix, prefixOf } from "../../protocol/types/prefix.ts";
import { ordinalOf } from "./address-range.ts";
import type { AssignAddressesRequest, Assignment, AssignResult } from "./assign-request.ts";
import { assignmentAt, attributesOf, countInHandle } from "./assignment.ts";
import { allocate, allocationOf, type Block, free, isOwnedBy } from "./block.ts";
import { type ClaimContext, claimBlock } from "./claim-block.ts";
import { invalidOwner, type Refused, refused } from "./refusal.ts";
import { poolHolding } from "./settings.ts";

/** Puts the assignment of given addresses together in a transaction, and writes nothing: all of them or none. */
export async function planAddresses(
  request: AssignAddressesRequest,
  context: Omit<ClaimContext, "host">,
): Promise<AssignResult> {
  const invalid = invalidOwner(request) ?? repeated(request.addresses);
  if (invalid) return invalid;
  const { transaction } = context;
  const before = transaction.save();
  const handle = request.reuse
    ? await transaction.handle(request.handle)
    : await transaction.handleOfNewcomer(request.handle);
  const assignments: Assignment[] = [];
  const counts = new Map<Prefix, number>();
  for (const address of request.addresses) {
    const taken = await takeAddress(address, request, { ...context, host: request.host });
    if ("reason" in taken) {
      transaction.restore(before);
      return taken;
    }
    assignments.push(taken.assignment);
    const { block } = taken.assignment;
    if (taken.isNew) counts.set(block, (counts.get(block) ?? 0) + 1);
  }
  countInHandle(transaction, { id: request.handle, handle, taken: counts });
  if (transaction.fits) return { type: "assigned", assignments };
  transaction.restore(before);
  return refused("invalid", "so many addresses cannot be assigned at once");
}

type Taken = { readonly assignment: Assignment; readonly isNew: boolean };

async function takeAddress(
  address: IpAddress,
  request: AssignAddressesRequest,
  context: ClaimContext,
): Promise<Taken | Refused> {
  const found = await blockFor(address, request, context);
  if ("reason" in found) return found;
  const { transaction, settings, now } = context;
  const ordinal = ordinalOf(found.cidr, address) ?? 0;
  const present = allocationOf(found, ordinal);
  const held = assignmentAt(found, ordinal, settings);
  if (held !== undefined) {
    if (request.reuse && held.handle === request.handle) return { assignment: held, isNew: false };
    return refused("taken", `${address} belongs to ${ownerText(held)}`);
  }
  // What cools down is nobody's, and whoever asks for it by its value knows what they do.
  const block = present ? free(found, [ordinal]) : found;
  const secondary = attributesOf(request, now);
  const changed = allocate(block, [ordinal], { handle: request.handle, secondary });
  transaction.putBlock(changed);
  const assignment = assignmentAt(changed, ordinal, settings);
  if (assignment === undefined) throw new Error(`${address} was not allocated at ${now}`);
  return { assignment, isNew: true };
}

/** The block of an address, claimed for the host if nobody has it. */
async function blockFor(
  address: IpAddress,
  { intendedUse, host }: AssignAddressesRequest,
  context: ClaimContext,
): Promise<Block | Refused> {
  const { settings, transaction } = context;
  const pool = poolHolding(settings, address);
  if (pool === undefined) return refused("outsidePools", `no pool holds ${address}`);
  if (intendedUse !== undefined && !pool.allowedUses.includes(intendedUse)) {
    const use = intendedUse.toLowerCase();
    return refused("unknownPool", `the pool ${pool.name} is not for ${use}s (allowedUses)`);
  }
  const cidr = prefixOf(address, pool.blockLength);
  const block = (await transaction.block(cidr)) ?? (await claimBlock(cidr, context));
  if (block === undefined || block === "unreadable") {
    return refused("invalid", `the block ${cidr} cannot be read; see tortie ipam check`);
  }
  if (settings.strictAffinity && !isOwnedBy(block, host)) {
    const owner = block.owner?.node ?? "no host any more";
    return refused("foreignBlock", `${cidr} belongs to ${owner}, and affinity is strict`);
  }
  return block;
}

function ownerText({ handle, attributes }: Assignment): string {
  const { pod, namespace, node } = attributes;
  const who = pod === undefined ? handle : `${namespace ?? "default"}/${pod}`;
  return `${who ?? "an owner without a handle"}${node === undefined ? "" : ` on ${node}`}`;
}

function repeated(addresses: readonly IpAddress[]): Refused | undefined {
  const unique = new Set(addresses).size === addresses.length;
  return unique ? undefined : refused("invalid", "an address is asked for twice");
}
