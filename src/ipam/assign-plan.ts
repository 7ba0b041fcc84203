import { versionOf } from "./address-range.ts";
import { AddressTaker } from "./address-taker.ts";
import type { Assignment, AssignRequest, AssignResult } from "./assign-request.ts";
import { countInHandle, heldBy } from "./assignment.ts";
import type { ClaimContext } from "./claim-block.ts";
import { choosePools } from "./pool-choice.ts";
import { invalidRequest, refused } from "./refusal.ts";

/** What planning needs besides the request. */
export type PlanContext = Pick<ClaimContext, "transaction" | "settings" | "now">;

/**
 * Puts an assignment together in a transaction, and writes nothing. First the host's own blocks; then a block that nobody has;
 * then an empty one of another host; then, unless affinity is strict, single addresses from the blocks of others.
 */
export async function planAssignment(
  request: AssignRequest,
  context: PlanContext,
): Promise<AssignResult> {
  const invalid = invalidRequest(request);
  if (invalid) return invalid;
  const { transaction, settings } = context;
  const before = transaction.save();
  const handle = request.reuse
    ? await transaction.handle(request.handle)
    : await transaction.handleOfNewcomer(request.handle);
  const held = request.reuse && handle ? await heldBy(handle, context) : [];
  const found: Assignment[] = [];
  const taking = new AddressTaker(request, { ...context, host: request.host });
  for (const version of [4, 6] as const) {
    const wanted = (version === 4 ? request.ipv4Count : request.ipv6Count) ?? 0;
    const reused = held.filter(({ block }) => versionOf(block) === version).slice(0, wanted);
    found.push(...reused);
    if (reused.length === wanted) continue;
    const choice = choosePools(request, { settings, version });
    const taken = choice.ok
      ? await taking.take(wanted - reused.length, choice.pools)
      : refused(choice.reason, choice.message);
    if ("reason" in taken) {
      transaction.restore(before);
      return taken;
    }
    found.push(...taken);
  }
  countInHandle(transaction, { id: request.handle, handle, taken: taking.counts });
  if (transaction.fits) return { type: "assigned", assignments: found };
  transaction.restore(before);
  return refused("invalid", "so many addresses, or from so many blocks, cannot be had at once");
}
