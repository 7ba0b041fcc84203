import { MemoryDatastore } from "../../../src/datastore/memory.ts";
import type { AssignResult } from "../../../src/ipam/assign-request.ts";
import { Ipam } from "../../../src/ipam/ipam.ts";
import type { Resource } from "../../../src/resources/resource.ts";

export function object(
  kind: string,
  name: string,
  spec: Resource["spec"] = {},
  labels?: Readonly<Record<string, string>>,
): Resource {
  const metadata = labels === undefined ? { name } : { name, labels };
  return { apiVersion: "projectcalico.org/v3", kind, metadata, spec };
}

export function pool(cidr: string, spec: Resource["spec"] = {}, name = "pool"): Resource {
  return object("IPPool", name, { cidr, ...spec });
}

export function configuration(spec: Resource["spec"]): Resource {
  return object("IPAMConfiguration", "default", spec);
}

/** A small cluster in memory, a clock that stands still until it is moved, and an allocator that shares its store. */
export function cluster(...resources: readonly Resource[]) {
  const datastore = new MemoryDatastore(resources);
  const clock = { now: Date.parse("2026-01-01T00:00:00Z") };
  const open = () => new Ipam({ datastore, now: () => clock.now });
  return { datastore, clock, open, ipam: open() };
}

/** The addresses of a result; throws for a refusal. */
export function addressesOf(result: AssignResult): readonly string[] {
  if (result.type === "refused") throw new Error(`${result.reason}: ${result.message}`);
  return result.assignments.map(({ address }) => address);
}

/** "exhausted", or the addresses. */
export function outcome(result: AssignResult): string {
  return result.type === "refused" ? result.reason : addressesOf(result).join(" ");
}

/** Numbers from 0 to 1 that depend on nothing but the seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** One of several. */
export function pick<Item>(random: () => number, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error("there is nothing to choose from");
  return item;
}
