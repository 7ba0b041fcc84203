/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Routes of all peers in one family, each with an id greater than 0; the Adj-RIB-In of a peer is a view of it. A row is
 * 6 words (24 octets): next route of the prefix, owner (peer, epoch, flags), set as received, verdict, path id, prefix.
 *
 * Invariants: (prefix, peer, path id) is unique; a free row has prefix 0; a withdrawn row has verdict 0 and stays linked
 * until the decision process has seen it, so nobody ever follows a link into a reused row.
 */
import { objectArray } from "../types/object-array.ts";
import { PAGE_BITS, PAGE_MASK } from "./page.ts";
import { RowAllocator } from "./row-allocator.ts";

const STRIDE = 6;
const NEXT = 0;
/** Peer in bits 0 to 15, epoch of the peer in 16 to 23, flags in 24 to 31. */
const OWNER = 1;
const RECEIVED = 2;
const VERDICT = 3;
const PATH_ID = 4;
const PREFIX = 5;

/** The route differs from what the last decision saw. */
export const ROUTE_CHANGED = 1 << 24;
/** The route belongs to the multipath set, the best route included. */
export const ROUTE_MULTIPATH = 1 << 25;

export class RouteTable {
  readonly #pages = objectArray<Int32Array>();
  readonly #rows = new RowAllocator([{ pages: this.#pages, stride: STRIDE }]);

  /** Looks along a chain of routes for that of a peer and path id; 0 when there is none. */
  find(head: number, peer: number, pathId: number): number {
    for (let id = head; id !== 0; id = this.next(id)) {
      const page = this.#page(id);
      const at = (id & PAGE_MASK) * STRIDE;
      if (((page[at + OWNER] as number) & 0xffff) === peer && page[at + PATH_ID] === (pathId | 0)) {
        return id;
      }
    }
    return 0;
  }

  /** A new row, not yet linked to the chain of its prefix by anyone but itself (`next`). */
  add(prefix: number, peer: number, pathId: number, next: number): number {
    const id = this.#rows.allocate();
    const page = this.#page(id);
    const at = (id & PAGE_MASK) * STRIDE;
    page[at] = next;
    page[at + OWNER] = peer;
    page[at + RECEIVED] = 0;
    page[at + VERDICT] = 0;
    page[at + PATH_ID] = pathId;
    page[at + PREFIX] = prefix;
    return id;
  }

  free(id: number): void {
    this.#page(id)[(id & PAGE_MASK) * STRIDE + PREFIX] = 0;
    this.#rows.free(id);
  }

  /** Ids are below this. */
  end(): number {
    return this.#rows.end;
  }

  count(): number {
    return this.#rows.count;
  }

  next(id: number): number {
    return this.#page(id)[(id & PAGE_MASK) * STRIDE + NEXT] as number;
  }

  setNext(id: number, next: number): void {
    this.#page(id)[(id & PAGE_MASK) * STRIDE + NEXT] = next;
  }

  peer(id: number): number {
    return (this.#page(id)[(id & PAGE_MASK) * STRIDE + OWNER] as number) & 0xffff;
  }

  epoch(id: number): number {
    return ((this.#page(id)[(id & PAGE_MASK) * STRIDE + OWNER] as number) >>> 16) & 0xff;
  }

  setEpoch(id: number, epoch: number): void {
    const page = this.#page(id);
    const at = (id & PAGE_MASK) * STRIDE + OWNER;
    page[at] = ((page[at] as number) & ~0xff0000) | (epoch << 16);
  }

  hasFlag(id: number, flag: number): boolean {
    return ((this.#page(id)[(id & PAGE_MASK) * STRIDE + OWNER] as number) & flag) !== 0;
  }

  raiseFlag(id: number, flag: number): void {
    const page = this.#page(id);
    const at = (id & PAGE_MASK) * STRIDE + OWNER;
    page[at] = (page[at] as number) | flag;
  }

  lowerFlag(id: number, flag: number): void {
    const page = this.#page(id);
    const at = (id & PAGE_MASK) * STRIDE + OWNER;
    page[at] = (page[at] as number) & ~flag;
  }

  received(id: number): number {
    return this.#page(id)[(id & PAGE_MASK) * STRIDE + RECEIVED] as number;
  }

  setReceived(id: number, set: number): void {
    this.#page(id)[(id & PAGE_MASK) * STRIDE + RECEIVED] = set;
  }

  /** The accepted set, minus a reason code, or 0 when withdrawn. */
  verdict(id: number): number {
    return this.#page(id)[(id & PAGE_MASK) * STRIDE + VERDICT] as number;
  }

  setVerdict(id: number, verdict: number): void {
    this.#page(id)[(id & PAGE_MASK) * STRIDE + VERDICT] = verdict;
  }

  pathId(id: number): number {
    return (this.#page(id)[(id & PAGE_MASK) * STRIDE + PATH_ID] as number) >>> 0;
  }

  /** The prefix of the route; 0 for a free row. */
  prefix(id: number): number {
    return this.#page(id)[(id & PAGE_MASK) * STRIDE + PREFIX] as number;
  }

  byteLength(): number {
    return this.#rows.byteLength();
  }

  #page(id: number): Int32Array {
    return this.#pages[id >>> PAGE_BITS] as Int32Array;
  }
}
