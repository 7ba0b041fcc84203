import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { unreachable } from "../../protocol/types/never.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";

/** Something in IPAM that does not agree with something else. What is `suspect` may only be young: a second look decides. */
export type Finding =
  /** Allocated, and nobody uses it. */
  | {
      readonly type: "leak";
      readonly address: IpAddress;
      readonly block: Prefix;
      readonly handle: string | undefined;
      readonly sequenceNumber: bigint | undefined;
      readonly attributes: Readonly<Record<string, string>>;
      readonly reason: LeakReason;
    }
  /** In use, in one of the pools, and not allocated: somebody else may get it. */
  | {
      readonly type: "notAllocated";
      readonly address: IpAddress;
      readonly usedBy: readonly string[];
    }
  /** Two endpoints have it. */
  | { readonly type: "usedTwice"; readonly address: IpAddress; readonly usedBy: readonly string[] }
  /** The handle does not count what its block holds. */
  | {
      readonly type: "handleCount";
      readonly handle: string;
      readonly block: Prefix;
      readonly counted: number;
      readonly held: number;
      /** Of the handle; undefined where there is none. */
      readonly resourceVersion: string | undefined;
    }
  /** A host's index names a block that is not there, or somebody else's. */
  | {
      readonly type: "strayAffinity";
      readonly owner: string;
      readonly block: Prefix;
      readonly state: string;
      readonly reason: "noBlock" | "foreignBlock";
      readonly resourceVersion: string | undefined;
    }
  /** A host's block is not in its index, so its addresses are not announced. */
  | { readonly type: "missingAffinity"; readonly owner: string; readonly block: Prefix }
  /** Nobody's block, and nothing in it. */
  | {
      readonly type: "emptyOrphan";
      readonly block: Prefix;
      readonly resourceVersion: string | undefined;
    }
  /** Belongs to a host that is no Node any more. */
  | { readonly type: "abandonedBlock"; readonly owner: string; readonly block: Prefix }
  /** The object is not what Calico writes; nobody assigns from it. */
  | { readonly type: "unreadable"; readonly object: string };

export type LeakReason =
  /** No endpoint has the address. */
  | "noEndpoint"
  /** The node that it was assigned for is gone. */
  | "noNode"
  /** The node does not use it for its tunnel. */
  | "noTunnel";

/** Equal texts mean the same finding, about an object that nobody has touched in between. */
export function findingKey(finding: Finding): string {
  return JSON.stringify(finding, (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
}

/** Those that were there at the first look, and still are, as they were. */
export function confirmed(
  first: readonly Finding[],
  second: readonly Finding[],
): readonly Finding[] {
  const before = new Set(first.map(findingKey));
  return second.filter((finding) => before.has(findingKey(finding)));
}

/** One sentence for people. */
export function describeFinding(finding: Finding): string {
  switch (finding.type) {
    case "leak":
      return `${finding.address} is allocated${ofHandle(finding.handle)}, and ${LEAK_TEXTS[finding.reason]}`;
    case "notAllocated":
      return `${finding.address} is used by ${finding.usedBy.join(" and ")} but not allocated`;
    case "usedTwice":
      return `${finding.address} is used by ${finding.usedBy.join(" and ")} at once`;
    case "handleCount":
      return `handle ${finding.handle} counts ${finding.counted} in ${finding.block}, which holds ${finding.held}`;
    case "strayAffinity":
      return finding.reason === "noBlock"
        ? `${finding.owner} has a claim (${finding.state}) on ${finding.block}, which does not exist`
        : `${finding.owner} has a claim (${finding.state}) on ${finding.block}, which belongs to somebody else`;
    case "missingAffinity":
      return `${finding.block} belongs to ${finding.owner}, whose index does not say so`;
    case "emptyOrphan":
      return `${finding.block} belongs to nobody and is empty`;
    case "abandonedBlock":
      return `${finding.block} belongs to ${finding.owner}, which is no node any more`;
    case "unreadable":
      return `${finding.object} is not what Calico would write`;
    default:
      return unreachable(finding);
  }
}

const LEAK_TEXTS: { readonly [R in LeakReason]: string } = {
  noEndpoint: "no endpoint has it",
  noNode: "its node is gone",
  noTunnel: "its node does not use it for a tunnel",
};

function ofHandle(handle: string | undefined): string {
  return handle === undefined ? " without a handle" : ` to ${handle}`;
}
