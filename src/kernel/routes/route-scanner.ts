/*
 * Reads dumps of routes without an object per route. A hot file. Of each message it takes the key into scratch words; all
 * that says where the route leads is looked up as a whole, by its octets, and decoded only when it is new.
 */
import { MESSAGE } from "../netlink/netlink-constants.ts";
import { ROUTE_ATTRIBUTE, ROUTE_HEADER_OCTETS, readRoute } from "../netlink/route-codec.ts";
import type { RouteTargetTable } from "./route-target-table.ts";

/** RTNH_F_DEAD and RTNH_F_ONLINK matter; offload marks and carrier do not change what a route is. */
const FLAGS_THAT_MATTER = 0x5;
const CLONED = 0x200;
const CACHE_LIMIT = 100_000;

/** Called for each route of a dump; the address stands in `address`, which is reused. */
export type RouteVisitor = (route: {
  readonly address: Uint32Array;
  readonly length: number;
  readonly metric: number;
  readonly protocol: number;
  /** Computed only when asked for. */
  readonly target: () => number;
}) => void;

/** Scans datagrams of RTM_NEWROUTE of one family. */
export class RouteScanner {
  readonly #targets: RouteTargetTable;
  readonly #words: 1 | 4;
  readonly #byOctets = new Map<string, number>();
  readonly #identity = Buffer.alloc(1 << 16);
  readonly #table: number;
  #datagram: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  readonly #route;

  constructor(options: {
    readonly targets: RouteTargetTable;
    readonly words: 1 | 4;
    readonly table: number;
  }) {
    this.#targets = options.targets;
    this.#words = options.words;
    this.#table = options.table;
    this.#route = {
      address: new Uint32Array(4),
      length: 0,
      metric: 0,
      protocol: 0,
      target: () => this.#target(),
    };
  }

  /** Numbers of targets may have been given to others since: to be called after RouteTargetTable.retain. */
  forgetTargets(): void {
    this.#byOctets.clear();
  }

  /** Visits the routes of our table that have no TOS; cloned entries are no routes. */
  scan(datagram: Buffer, visit: RouteVisitor): void {
    this.#datagram = datagram;
    for (let at = 0; at + 16 <= datagram.length; ) {
      const octets = datagram.readUInt32LE(at);
      if (datagram.readUInt16LE(at + 4) === MESSAGE.newRoute) {
        this.#start = at + 16;
        this.#end = at + octets;
        if (this.#readKey()) visit(this.#route);
      }
      at += Math.max(16, (octets + 3) & ~3);
    }
  }

  #readKey(): boolean {
    const bytes = this.#datagram;
    const start = this.#start;
    const route = this.#route;
    if (bytes[start + 3] !== 0 || (bytes.readUInt32LE(start + 8) & CLONED) !== 0) return false;
    route.address.fill(0);
    route.length = bytes[start + 1] as number;
    route.protocol = bytes[start + 5] as number;
    route.metric = 0;
    let table = bytes[start + 4] as number;
    for (let at = start + ROUTE_HEADER_OCTETS; at + 4 <= this.#end; ) {
      const octets = bytes.readUInt16LE(at);
      const type = bytes.readUInt16LE(at + 2);
      if (type === ROUTE_ATTRIBUTE.destination) {
        for (let i = 0; i < this.#words; i++) route.address[i] = bytes.readUInt32BE(at + 4 + 4 * i);
      } else if (type === ROUTE_ATTRIBUTE.priority) route.metric = bytes.readUInt32LE(at + 4);
      else if (type === ROUTE_ATTRIBUTE.table) table = bytes.readUInt32LE(at + 4);
      at += Math.max(4, (octets + 3) & ~3);
    }
    return table === this.#table;
  }

  #target(): number {
    const octets = this.#copyIdentity();
    const key = this.#identity.toString("latin1", 0, octets);
    const known = this.#byOctets.get(key);
    if (known !== undefined) return known;
    const route = readRoute(this.#datagram.subarray(this.#start, this.#end));
    const id = route === undefined ? 0 : this.#targets.internMessage(route);
    if (this.#byOctets.size >= CACHE_LIMIT) this.#byOctets.clear();
    this.#byOctets.set(key, id);
    return id;
  }

  /** Scope, type, flags and all attributes but those of the key and the counters. */
  #copyIdentity(): number {
    const bytes = this.#datagram;
    const identity = this.#identity;
    identity[0] = bytes[this.#start + 6] as number;
    identity[1] = bytes[this.#start + 7] as number;
    identity[2] = (bytes[this.#start + 8] as number) & FLAGS_THAT_MATTER;
    let to = 3;
    for (let at = this.#start + ROUTE_HEADER_OCTETS; at + 4 <= this.#end; ) {
      const octets = Math.max(4, bytes.readUInt16LE(at));
      if (!NOT_IDENTITY.has(bytes.readUInt16LE(at + 2))) {
        for (let i = 0; i < octets; i++) identity[to++] = bytes[at + i] as number;
      }
      at += (octets + 3) & ~3;
    }
    return to;
  }
}

const NOT_IDENTITY: ReadonlySet<number> = new Set([
  ROUTE_ATTRIBUTE.destination,
  ROUTE_ATTRIBUTE.priority,
  ROUTE_ATTRIBUTE.table,
  ROUTE_ATTRIBUTE.cacheInfo,
  ROUTE_ATTRIBUTE.preference,
]);
