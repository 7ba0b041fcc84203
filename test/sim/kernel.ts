import type { BestRouteReader } from "../../protocol/rib/best-route-reader.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { type Prefix, prefixFromBytes } from "../../protocol/types/prefix.ts";

/**
 * A kernel's table of learned routes in one family: a reader of best routes, as the real one is. It survives the daemon:
 * after a restart the old routes stay until the family has converged, then those that nobody confirmed are swept.
 */
export class SimKernel {
  readonly routes = new Map<Prefix, readonly IpAddress[]>();
  /** Every change, oldest first: "+ 10.0.0.1/32 via 192.0.2.1" or "- …". */
  readonly journal: string[] = [];
  #reader: BestRouteReader | undefined;
  #generation: number | undefined;
  #confirmed: Set<Prefix> | undefined;
  #sets = new Map<number, readonly IpAddress[]>();
  #converged = true;

  /** A new daemon takes over. */
  follow(reader: BestRouteReader): void {
    this.#reader = reader;
    this.#generation = undefined;
    this.#converged = false;
    this.#confirmed = new Set();
  }

  /** Selection is done: what was read up to now is all there is. */
  converged(): void {
    this.read(1000);
    this.#converged = true;
    this.#sweep();
  }

  /** Reads all news, some at a time. */
  read(maxPrefixes: number): void {
    for (
      let batch = this.#reader?.read(maxPrefixes);
      batch;
      batch = this.#reader?.read(maxPrefixes)
    ) {
      if (batch.generation !== this.#generation) {
        this.#generation = batch.generation;
        this.#sets = new Map();
        this.#confirmed = new Set();
      }
      for (const { id, nextHops } of batch.newNextHopSets) this.#sets.set(id, nextHops);
      const words = batch.addresses.length / Math.max(1, batch.lengths.length);
      for (let i = 0; i < batch.count; i++) {
        const prefix = prefixAt(batch.addresses, i, words, batch.lengths[i] ?? 0);
        this.#set(prefix, this.#sets.get(batch.nextHopSets[i] ?? 0));
      }
      if (batch.complete && this.#converged) this.#sweep();
    }
  }

  #set(prefix: Prefix, nextHops: readonly IpAddress[] | undefined): void {
    const before = this.routes.get(prefix);
    if (nextHops === undefined) {
      if (this.routes.delete(prefix)) this.journal.push(`- ${prefix}`);
      return;
    }
    this.#confirmed?.add(prefix);
    if (before?.join() === nextHops.join()) return;
    this.routes.set(prefix, nextHops);
    this.journal.push(`+ ${prefix} via ${nextHops.join(" ")}`);
  }

  #sweep(): void {
    const confirmed = this.#confirmed;
    if (confirmed === undefined) return;
    this.#confirmed = undefined;
    for (const prefix of [...this.routes.keys()]) {
      if (!confirmed.has(prefix)) this.#set(prefix, undefined);
    }
  }
}

function prefixAt(addresses: Uint32Array, index: number, words: number, length: number): Prefix {
  const bytes = new Uint8Array(4 * words);
  for (let i = 0; i < words; i++) {
    const word = addresses[index * words + i] ?? 0;
    bytes.set([word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255], 4 * i);
  }
  return prefixFromBytes(bytes, length);
}
