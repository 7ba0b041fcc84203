import type { Prefix } from "../../protocol/types/prefix.ts";
import { type BlockOwner, blockName } from "../resources/ipam-names.ts";
import type { Resource } from "../resources/resource.ts";
import { allocationsOf, type Block, isEmpty } from "./block.ts";
import type { Finding } from "./finding.ts";
import { readAffinity, readHandle } from "./ipam-objects.ts";

/** A value with the version of the object that it was read from. */
export type Versioned<Value> = {
  readonly value: Value;
  readonly resourceVersion: string | undefined;
};

/** Whether handles count what blocks hold. */
export function checkHandles(
  stored: readonly Resource[],
  blocks: readonly Block[],
): readonly Finding[] {
  const held = heldByHandle(blocks);
  const findings: Finding[] = [];
  for (const { metadata, ...resource } of stored) {
    const handle = readHandle({ metadata, ...resource });
    if (handle === undefined) continue;
    const { resourceVersion } = metadata;
    const actual = held.get(handle.id) ?? new Map<Prefix, number>();
    held.delete(handle.id);
    for (const block of new Set([...handle.counts.keys(), ...actual.keys()])) {
      const counts = { counted: handle.counts.get(block) ?? 0, held: actual.get(block) ?? 0 };
      if (counts.counted === counts.held) continue;
      findings.push({ type: "handleCount", handle: handle.id, block, ...counts, resourceVersion });
    }
  }
  for (const [handle, actual] of held) {
    for (const [block, count] of actual) {
      const counts = { counted: 0, held: count };
      findings.push({ type: "handleCount", handle, block, ...counts, resourceVersion: undefined });
    }
  }
  return findings;
}

/** Whether hosts' indices and blocks say the same, and whether the hosts are there. */
export function checkAffinities(
  stored: readonly Resource[],
  {
    blocks,
    nodes,
    unreadable,
  }: {
    readonly blocks: readonly Versioned<Block>[];
    readonly nodes: ReadonlySet<string>;
    /** Names of blocks of which nothing is known. */
    readonly unreadable: ReadonlySet<string>;
  },
): readonly Finding[] {
  const byCidr = new Map(blocks.map(({ value }) => [value.cidr, value]));
  const indexed = new Set<string>();
  const findings: Finding[] = [];
  for (const resource of stored) {
    const affinity = readAffinity(resource);
    if (affinity === undefined || unreadable.has(blockName(affinity.cidr))) continue;
    const { cidr, state } = affinity;
    const owner = ownerText(affinity.owner);
    const actual = byCidr.get(cidr)?.owner;
    if (actual !== undefined && ownerText(actual) === owner) {
      indexed.add(`${owner} ${cidr}`);
      continue;
    }
    findings.push({
      type: "strayAffinity",
      owner,
      block: cidr,
      state,
      reason: byCidr.has(cidr) ? "foreignBlock" : "noBlock",
      resourceVersion: resource.metadata.resourceVersion,
    });
  }
  return [...findings, ...blocks.flatMap((block) => checkOwner(block, { indexed, nodes }) ?? [])];
}

/** "host:core-01", as blocks say it. */
export function ownerText({ type, node }: BlockOwner): string {
  return `${type}:${node}`;
}

function checkOwner(
  { value, resourceVersion }: Versioned<Block>,
  {
    indexed,
    nodes,
  }: { readonly indexed: ReadonlySet<string>; readonly nodes: ReadonlySet<string> },
): Finding | undefined {
  const { cidr: block } = value;
  if (value.owner === undefined) {
    return isEmpty(value) ? { type: "emptyOrphan", block, resourceVersion } : undefined;
  }
  const owner = ownerText(value.owner);
  if (value.owner.type === "host" && !nodes.has(value.owner.node)) {
    return { type: "abandonedBlock", owner, block };
  }
  return indexed.has(`${owner} ${block}`) ? undefined : { type: "missingAffinity", owner, block };
}

function heldByHandle(blocks: readonly Block[]): Map<string, Map<Prefix, number>> {
  const held = new Map<string, Map<Prefix, number>>();
  for (const block of blocks) {
    for (const { handle } of allocationsOf(block)) {
      if (handle === undefined) continue;
      const counts = held.get(handle) ?? new Map<Prefix, number>();
      counts.set(block.cidr, (counts.get(block.cidr) ?? 0) + 1);
      held.set(handle, counts);
    }
  }
  return held;
}
