import { unreachable } from "../../protocol/types/never.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";
import type { BlockOwner } from "../resources/ipam-names.ts";
import { allocationsOf, isEmpty, thaw } from "./block.ts";
import { ownerText } from "./check-index.ts";
import type { Finding } from "./finding.ts";
import type { Ipam } from "./ipam.ts";
import type { IpamTransaction } from "./ipam-transaction.ts";
import type { Planning } from "./transaction-queue.ts";

export type RepairResult =
  | "repaired"
  /** It has changed since, or somebody uses it now. */
  | "changed"
  /** People must decide: nothing that a program could do is surely right. */
  | "needs a person";

/**
 * Puts one finding right, if the object is still as it was seen: the comparison and the write are one step, so no lock is
 * needed. Only what two looks have found should be repaired; the caller sees to that.
 */
export async function repairFinding(ipam: Ipam, finding: Finding): Promise<RepairResult> {
  switch (finding.type) {
    case "leak": {
      const { address, handle, sequenceNumber } = finding;
      // With neither there is nothing to compare: whoever got the address since would lose it.
      if (handle === undefined && sequenceNumber === undefined) return "needs a person";
      const { released } = await ipam.release({
        addresses: [
          {
            address,
            ...(handle !== undefined && { handle }),
            ...(sequenceNumber !== undefined && { sequenceNumber }),
          },
        ],
      });
      return released.length > 0 ? "repaired" : "changed";
    }
    case "handleCount":
      return ipam.repair((planning) => recount(finding, planning));
    case "strayAffinity":
      return ipam.repair((planning) => removeAffinity(finding, planning));
    case "missingAffinity":
      return ipam.repair((planning) => addAffinity(finding, planning));
    case "emptyOrphan":
      return ipam.repair((planning) => removeOrphan(finding.block, planning));
    case "abandonedBlock": {
      const { node } = ownerOf(finding.owner);
      const result = await ipam.releaseAffinity({ host: node, cidr: finding.block });
      return result === "given up" ? "repaired" : "changed";
    }
    case "notAllocated":
    case "usedTwice":
    case "unreadable":
      return "needs a person";
    default:
      return unreachable(finding);
  }
}

type Of<T extends Finding["type"]> = Extract<Finding, { readonly type: T }>;

async function recount(
  { handle: id, block: cidr, resourceVersion }: Of<"handleCount">,
  { transaction }: Planning,
): Promise<RepairResult> {
  const handle = await transaction.handle(id);
  if (transaction.versionOfHandle(id) !== resourceVersion) return "changed";
  const held = await countHeld(transaction, { id, cidr });
  const counts = new Map(handle?.counts);
  if (held > 0) counts.set(cidr, held);
  else counts.delete(cidr);
  if (counts.size > 0) transaction.putHandle({ rest: {}, ...handle, id, counts });
  else if (handle !== undefined) transaction.deleteHandle(id);
  transaction.expectBlock(cidr);
  return "repaired";
}

async function countHeld(
  transaction: IpamTransaction,
  { id, cidr }: { readonly id: string; readonly cidr: Prefix },
): Promise<number> {
  const block = await transaction.block(cidr);
  if (block === undefined || block === "unreadable") return 0;
  return allocationsOf(block).filter(({ handle }) => handle === id).length;
}

async function removeAffinity(
  { owner: text, block: cidr, resourceVersion }: Of<"strayAffinity">,
  { transaction }: Planning,
): Promise<RepairResult> {
  const owner = ownerOf(text);
  await transaction.affinity(owner, cidr);
  if (transaction.versionOfAffinity(owner, cidr) !== resourceVersion) return "changed";
  const block = await transaction.block(cidr);
  if (block === "unreadable" || (block?.owner && ownerText(block.owner) === text)) return "changed";
  transaction.deleteAffinity(owner, cidr);
  transaction.expectBlock(cidr);
  return "repaired";
}

async function addAffinity(
  { owner: text, block: cidr }: Of<"missingAffinity">,
  { transaction }: Planning,
): Promise<RepairResult> {
  const owner = ownerOf(text);
  const block = await transaction.block(cidr);
  if (block === undefined || block === "unreadable") return "changed";
  if (block.owner === undefined || ownerText(block.owner) !== text) return "changed";
  if ((await transaction.affinity(owner, cidr)) !== undefined) return "changed";
  transaction.putAffinity({ owner, cidr, state: "confirmed", rest: {} });
  transaction.expectBlock(cidr);
  return "repaired";
}

async function removeOrphan(
  cidr: Prefix,
  { transaction, settings, now }: Planning,
): Promise<RepairResult> {
  const block = await transaction.block(cidr);
  if (block === undefined || block === "unreadable" || block.owner !== undefined) return "changed";
  if (!isEmpty(thaw(block, { now, cooldownSeconds: settings.cooldownSeconds }))) return "changed";
  transaction.deleteBlock(cidr);
  return "repaired";
}

function ownerOf(text: string): BlockOwner {
  const colon = text.indexOf(":");
  const node = text.slice(colon + 1);
  return { type: text.startsWith("virtual:") ? "virtual" : "host", node };
}
