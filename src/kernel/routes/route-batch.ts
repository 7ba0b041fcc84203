/*
 * Packs route messages into one buffer, a hundred at a time. A hot file: every field is four-octet aligned, so the
 * buffer is written through a view of 32-bit words (host order, little-endian) and one of octets.
 */
import { ADDRESS_FAMILY, FLAG, MESSAGE, SCOPE } from "../netlink/netlink-constants.ts";
import type { NetlinkFault } from "../netlink/netlink-error.ts";
import { ROUTE_ATTRIBUTE } from "../netlink/route-codec.ts";
import type { RouteColumns } from "./route-columns.ts";
import type { RouteSocket } from "./route-socket.ts";
import type { CompiledTarget } from "./route-target-table.ts";

/** Larger batches gain nothing and block for longer. */
export const BATCH_MESSAGES = 100;

const BATCH_OCTETS = 1 << 16;
/** Header, struct rtmsg, destination, table and metric: all but the target's attributes. */
const FIXED_OCTETS = 16 + 12 + 20 + 8 + 8;

/** What is asked of the kernel for one row. */
export type RouteOperation = "add" | "replace" | "delete";

/** A buffer of route messages of one family, protocol and table, on their way to the kernel. */
export class RouteBatch {
  readonly rows = new Uint32Array(BATCH_MESSAGES);
  readonly #words: Uint32Array;
  readonly #octets: Uint8Array;
  readonly #socket: RouteSocket;
  readonly #columns: RouteColumns;
  readonly #protocol: number;
  readonly #table: number;
  #length = 0;
  #count = 0;
  #firstSequence = 0;
  #lastMessage = 0;

  constructor(options: {
    readonly socket: RouteSocket;
    readonly columns: RouteColumns;
    readonly protocol: number;
    readonly table: number;
  }) {
    const memory = new ArrayBuffer(BATCH_OCTETS);
    this.#words = new Uint32Array(memory);
    this.#octets = new Uint8Array(memory);
    this.#socket = options.socket;
    this.#columns = options.columns;
    this.#protocol = options.protocol;
    this.#table = options.table;
  }

  get count(): number {
    return this.#count;
  }

  /** False when the batch must be flushed first. A target too long for any batch is refused by the caller's limit of legs. */
  hasRoomFor(target: CompiledTarget | undefined): boolean {
    const octets = FIXED_OCTETS + (target?.attributes.length ?? 0);
    return this.#count < BATCH_MESSAGES && this.#length + octets <= BATCH_OCTETS;
  }

  /** Appends one message; `target` is undefined for a deletion. */
  put(row: number, operation: RouteOperation, target: CompiledTarget | undefined): void {
    if (this.#count === 0) this.#firstSequence = this.#socket.reserveSequence(BATCH_MESSAGES);
    const start = this.#length;
    this.#lastMessage = start;
    const words = this.#words;
    const at = start >> 2;
    words[at + 1] = TYPE_AND_FLAGS[operation];
    words[at + 2] = this.#firstSequence + this.#count;
    words[at + 3] = 0;
    this.#putHeader(at + 4, row, target);
    let end = this.#putKey(start + 28, row);
    if (target !== undefined) {
      this.#octets.set(target.attributes, end);
      end += target.attributes.length;
    }
    words[at] = end - start;
    this.#length = end;
    this.rows[this.#count++] = row;
  }

  /** Sends what was put, and calls back for each message that the kernel refused, by its place in `rows`. */
  flush(onFault: (index: number, fault: NetlinkFault) => void): void {
    if (this.#count === 0) return;
    const typeAndFlags = (this.#lastMessage >> 2) + 1;
    this.#words[typeAndFlags] = (this.#words[typeAndFlags] as number) | (FLAG.ack << 16);
    const batch = { octets: this.#length, firstSequence: this.#firstSequence, count: this.#count };
    this.#length = 0;
    this.#count = 0;
    this.#socket.sendBatch({ bytes: this.#octets, ...batch, onFault });
  }

  /** struct rtmsg. A deletion matches any type and scope, but only our protocol. */
  #putHeader(at: number, row: number, target: CompiledTarget | undefined): void {
    const family = this.#columns.words === 1 ? ADDRESS_FAMILY.ipv4 : ADDRESS_FAMILY.ipv6;
    const length = this.#columns.length[row] as number;
    const table = this.#table < 256 ? this.#table : 0;
    const scope = target?.scope ?? SCOPE.nowhere;
    const kind = target?.kind ?? 0;
    this.#words[at] = family | (length << 8);
    this.#words[at + 1] = table | (this.#protocol << 8) | (scope << 16) | (kind << 24);
    this.#words[at + 2] = target?.flags ?? 0;
  }

  /** Destination, table and metric; answers where the next attribute goes. */
  #putKey(start: number, row: number): number {
    const { words: width, address, length, metric } = this.#columns;
    const words = this.#words;
    let at = start >> 2;
    if (length[row] !== 0) {
      words[at++] = (4 + 4 * width) | (ROUTE_ATTRIBUTE.destination << 16);
      for (let i = 0; i < width; i++) words[at++] = swap(address[row * width + i] as number);
    }
    if (this.#table >= 256) {
      words[at++] = 8 | (ROUTE_ATTRIBUTE.table << 16);
      words[at++] = this.#table;
    }
    if (metric[row] !== 0) {
      words[at++] = 8 | (ROUTE_ATTRIBUTE.priority << 16);
      words[at++] = metric[row] as number;
    }
    return at << 2;
  }
}

/** nlmsg_type and nlmsg_flags in one word. Additions are exclusive, replacements never create: each fails when it should. */
const TYPE_AND_FLAGS = {
  add: MESSAGE.newRoute | ((FLAG.request | FLAG.create | FLAG.exclusive) << 16),
  replace: MESSAGE.newRoute | ((FLAG.request | FLAG.replace) << 16),
  delete: MESSAGE.deleteRoute | (FLAG.request << 16),
} as const satisfies { readonly [operation in RouteOperation]: number };

function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
