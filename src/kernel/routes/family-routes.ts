/*
 * Desired, actual and pending routes of one family. A hot file where it walks rows.
 *
 * Wishes (columns own and learned) come from above, facts (column actual) from dumps, notifications and
 * the answers to our own requests. Whatever changes one of them queues the row; apply() compares the two and asks the
 * kernel for the difference. What the kernel refuses keeps its row pending, with the reason, until retry() or an event.
 *
 * A replacement is not compare-and-swap: between another program's replacing our route and our hearing of it, we could
 * replace theirs. Their notification then speaks of a route that is no more; so it is never believed without a look.
 */
import { ipAddressFromBytes } from "../../../protocol/types/ip-address.ts";
import { unreachable } from "../../../protocol/types/never.ts";
import type { Prefix } from "../../../protocol/types/prefix.ts";
import { formatNetlinkFault, type NetlinkFault } from "../netlink/netlink-error.ts";
import { NetlinkOverrunError } from "../netlink/netlink-socket.ts";
import type { OwnRouteSource } from "../route-driver.ts";
import { routeProtocolName } from "../route-protocol.ts";
import type { RouteTarget } from "../route-target.ts";
import { LearnedMetrics } from "./learned-metrics.ts";
import { BATCH_MESSAGES, RouteBatch, type RouteOperation } from "./route-batch.ts";
import { ROW, RouteColumns } from "./route-columns.ts";
import type { RouteSocket } from "./route-socket.ts";
import { RouteTargetTable } from "./route-target-table.ts";
import { RowQueue } from "./row-queue.ts";
import { WriteOrder } from "./write-order.ts";

/** The reason of a route that is pending only because its turn has not come. */
export const NOT_WRITTEN_YET = "not written yet";

/** Routes of one family under one protocol number in one table. */
export class FamilyRoutes {
  readonly version: 4 | 6;
  readonly columns: RouteColumns;
  readonly targets: RouteTargetTable;
  /** What each source of the host's own wants, by row: the column `own` has the strongest of them. */
  readonly ownTargets = new Map<OwnRouteSource, ReadonlyMap<number, number>>();
  /** The next apply must read the kernel first: what it has is not certain. */
  auditNeeded = false;
  /** Adopted routes have had their time. */
  swept = false;
  /** Some refusal must be looked into: who owns the route, and is it still there? */
  ownersUnknown = false;
  /** Metrics that learned routes have, or had. */
  readonly learnedMetrics: LearnedMetrics;
  readonly #batch: RouteBatch;
  /** Gateway set → target, 0 while it does not resolve. */
  readonly #gatewaySets = new Map<number, number>();
  /** Gateway set → metric, for those that have one of their own. */
  readonly #metrics = new Map<number, number>();
  readonly #reasons = new Map<number, string>();
  readonly #operations: RouteOperation[] = new Array<RouteOperation>(BATCH_MESSAGES).fill("add");
  readonly #before = new Uint32Array(BATCH_MESSAGES);
  /** Rows to look at. */
  readonly #queue = new RowQueue();
  /** Rows that were found to be removals. */
  readonly #removals = new RowQueue();
  #failures = 0;
  readonly #order: WriteOrder;

  constructor(options: {
    readonly version: 4 | 6;
    readonly socket: RouteSocket;
    readonly protocol: number;
    readonly table: number;
  }) {
    this.version = options.version;
    this.columns = new RouteColumns(options.version === 4 ? 1 : 4);
    this.#order = new WriteOrder(this.columns);
    this.learnedMetrics = new LearnedMetrics(this.columns);
    this.targets = new RouteTargetTable(options.version);
    this.#batch = new RouteBatch({ ...options, columns: this.columns });
  }

  get queued(): number {
    return this.#queue.length + this.#removals.length;
  }

  get hasWork(): boolean {
    return this.queued > 0 || this.auditNeeded || this.ownersUnknown;
  }

  /** What the kernel should have for the row: the strongest wish, 0 for nothing. */
  wanted(row: number): number {
    const own = this.columns.own[row] as number;
    if (own !== 0) return own;
    const set = this.columns.learned[row] as number;
    return set === 0 ? 0 : (this.#gatewaySets.get(set) ?? 0);
  }

  /** True when some source wants the row, be it that its next hop does not resolve. */
  isDesired(row: number): boolean {
    return this.wanted(row) !== 0 || this.columns.learned[row] !== 0;
  }

  /** A wish of the row has changed. */
  wishChanged(row: number): void {
    const { state } = this.columns;
    if (this.wanted(row) !== 0) state[row] = (state[row] as number) & ~ROW.adopted;
    this.#clear(row, ROW.failed);
    this.enqueue(row);
  }

  enqueue(row: number): void {
    const { state } = this.columns;
    if (((state[row] as number) & ROW.queued) !== 0) return;
    state[row] = (state[row] as number) | ROW.queued;
    this.#queue.push(row);
  }

  /** Sets what gateway sets mean; the routes of those that changed are queued in one walk. */
  defineGatewaySets(
    definitions: readonly {
      readonly index: number;
      readonly target: RouteTarget | undefined;
      readonly metric?: number;
    }[],
  ): void {
    const changed = new Set<number>();
    for (const { index, target, metric } of definitions) {
      if (metric !== undefined) this.#metrics.set(index, metric);
      const id = target === undefined ? 0 : this.targets.intern(target);
      if ((this.#gatewaySets.get(index) ?? id) !== id) changed.add(index);
      this.#gatewaySets.set(index, id);
    }
    if (changed.size === 0) return;
    const { learned, end } = this.columns;
    for (let row = 0; row < end; row++) {
      if (learned[row] !== 0 && changed.has(learned[row] as number)) this.wishChanged(row);
    }
  }

  forgetGatewaySets(indexes: readonly number[]): void {
    for (const index of indexes) {
      this.#gatewaySets.delete(index);
      this.#metrics.delete(index);
    }
  }

  /** The metric that routes of the set have instead of the usual one. */
  metricOf(gatewaySet: number): number | undefined {
    return this.#metrics.size === 0 ? undefined : this.#metrics.get(gatewaySet);
  }

  /** What the kernel has for the row was seen to be `target`, 0 for no route of ours. */
  observed(row: number, target: number): void {
    this.columns.actual[row] = target;
    if (target !== 0) this.#clear(row, ROW.refused | ROW.failed);
    this.enqueue(row);
  }

  /** Another one's route stands at the key of a row that we want. */
  refuse(row: number, owner: { readonly protocol: number } | undefined): void {
    const { state } = this.columns;
    state[row] = (state[row] as number) | ROW.refused;
    const name = owner === undefined ? "another program" : routeProtocolName(owner.protocol);
    this.#reasons.set(row, `a route of ${name} is already there`);
  }

  /** Another one's route was seen at the key, and with it, or not, this one of ours. */
  standsBeside(row: number, target: number): void {
    this.columns.actual[row] = target;
    this.enqueue(row);
  }

  /** The route that stood in the way has gone, or may have: try again. */
  allow(row: number): void {
    this.#clear(row, ROW.refused | ROW.failed);
    this.enqueue(row);
  }

  isRefused(row: number): boolean {
    return ((this.columns.state[row] as number) & ROW.refused) !== 0;
  }

  fail(row: number, reason: string): void {
    const { state } = this.columns;
    state[row] = (state[row] as number) | ROW.failed;
    this.#reasons.set(row, reason);
  }

  /** Queues what the kernel refused. Rows where another one's route stands wait for that to go. */
  retry(): void {
    for (const row of [...this.#reasons.keys()]) {
      if (((this.columns.state[row] as number) & ROW.failed) === 0) continue;
      this.#clear(row, ROW.failed);
      this.enqueue(row);
    }
  }

  /** Why the row is not in the kernel as wanted; undefined when it is, or when nobody wants it. */
  pendingReason(row: number): string | undefined {
    const wanted = this.wanted(row);
    if (wanted === 0) {
      return this.columns.learned[row] === 0 ? undefined : "the next hop does not resolve";
    }
    if (wanted === this.columns.actual[row]) return undefined;
    return this.#reasons.get(row) ?? NOT_WRITTEN_YET;
  }

  /** Writes up to `maxRoutes` differences: additions and replacements first, so that a change of metric loses nothing. */
  write(maxRoutes: number): { readonly written: number; readonly failed: number } {
    this.#failures = 0;
    let written = 0;
    this.#order.sort(this.#queue.next(maxRoutes));
    while (this.#queue.length > 0 && written < maxRoutes) {
      written += this.#writeOne(this.#queue.shift());
    }
    if (this.#queue.length === 0) written += this.#writeRemovals(maxRoutes - written);
    this.#flush();
    return { written, failed: this.#failures };
  }

  /** Sends an addition or replacement and answers 1, or notes a removal for later. */
  #writeOne(row: number): 0 | 1 {
    const operation = this.#operationFor(row);
    if (operation === "delete") {
      this.#removals.push(row);
      return 0;
    }
    if (operation === undefined) {
      this.#settle(row);
      return 0;
    }
    this.#dequeue(row);
    this.#put(row, operation, this.wanted(row));
    return 1;
  }

  #writeRemovals(maxRoutes: number): number {
    let written = 0;
    this.#order.sort(this.#removals.next(maxRoutes));
    while (this.#removals.length > 0 && written < maxRoutes) {
      const row = this.#removals.shift();
      this.#dequeue(row);
      // Wished for again while it waited here.
      if (this.#operationFor(row) !== "delete") this.enqueue(row);
      else {
        this.#put(row, "delete", 0);
        written++;
      }
    }
    return written;
  }

  /** The prefix of a row as text, for people. */
  prefixOf(row: number): Prefix {
    const { words, address, length } = this.columns;
    const octets = Buffer.alloc(4 * words);
    for (let i = 0; i < words; i++) octets.writeUInt32BE(address[row * words + i] as number, 4 * i);
    return `${ipAddressFromBytes(octets)}/${length[row]}` as Prefix;
  }

  /** Frees the targets that neither wishes nor facts name any more. */
  collectTargets(): void {
    const used = new Set<number>(this.#gatewaySets.values());
    const { actual, end } = this.columns;
    for (let row = 0; row < end; row++) used.add(actual[row] as number);
    for (const targets of this.ownTargets.values()) {
      for (const target of targets.values()) used.add(target);
    }
    this.targets.retain((id) => used.has(id));
  }

  #operationFor(row: number): RouteOperation | undefined {
    const state = this.columns.state[row] as number;
    const actual = this.columns.actual[row] as number;
    const wanted = this.wanted(row);
    if (wanted === actual || (state & ROW.failed) !== 0) return undefined;
    if (wanted === 0) return (state & ROW.adopted) === 0 ? "delete" : undefined;
    const refused = (state & ROW.refused) !== 0;
    // With another's route at the same key a replacement might hit theirs; a deletion knows ours by its protocol.
    if (actual !== 0) return refused ? "delete" : "replace";
    return refused ? undefined : "add";
  }

  /** The row needs nothing now. One that nobody wants and the kernel has not is freed. */
  #settle(row: number): void {
    const { columns } = this;
    this.#dequeue(row);
    const wanted = this.wanted(row);
    if (wanted !== 0 && wanted === columns.actual[row]) this.#clear(row, ROW.failed);
    if (columns.actual[row] !== 0 || this.isDesired(row)) return;
    this.#reasons.delete(row);
    columns.remove(row);
  }

  #dequeue(row: number): void {
    const { state } = this.columns;
    state[row] = (state[row] as number) & ~ROW.queued;
  }

  #put(row: number, operation: RouteOperation, id: number): void {
    const target = id === 0 ? undefined : this.targets.get(id);
    if (!this.#batch.hasRoomFor(target)) this.#flush();
    const index = this.#batch.count;
    this.#operations[index] = operation;
    this.#before[index] = this.columns.actual[row] as number;
    this.#batch.put(row, operation, target);
    // Taken for done; the answer to the batch takes it back where the kernel refused.
    this.columns.actual[row] = id;
  }

  #flush(): void {
    const { count, rows } = this.#batch;
    try {
      this.#batch.flush((index, fault) => this.#refused(index, fault));
    } catch (error) {
      this.auditNeeded = true;
      if (!(error instanceof NetlinkOverrunError)) throw error;
    }
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      if (this.#operations[i] === "delete" && this.columns.actual[row] === 0) {
        if (((this.columns.state[row] as number) & ROW.queued) === 0) this.#settle(row);
      }
    }
  }

  #refused(index: number, fault: NetlinkFault): void {
    const row = this.#batch.rows[index] as number;
    const before = this.#before[index] as number;
    const operation = this.#operations[index] as RouteOperation;
    const attempted = this.columns.actual[row] as number;
    this.columns.actual[row] = before;
    switch (operation) {
      case "add":
        this.#refusedAddition(row, fault);
        break;
      case "replace":
        if (this.#isSiblings(before) || this.#isSiblings(attempted)) this.auditNeeded = true;
        // Nothing there to replace: somebody took our route away and we have not heard of it yet.
        if (fault.code === "ENOENT") this.observed(row, 0);
        else this.#failed(row, fault);
        break;
      case "delete":
        if (fault.code === "ESRCH") this.columns.actual[row] = 0;
        else this.#failed(row, fault);
        break;
      default:
        unreachable(operation);
    }
  }

  #refusedAddition(row: number, fault: NetlinkFault): void {
    if (fault.code !== "EEXIST") {
      this.#failed(row, fault);
      return;
    }
    this.#failures++;
    this.refuse(row, undefined);
    this.ownersUnknown = true;
  }

  /** An IPv6 route with several legs is replaced leg by leg: half of it may have happened when it fails. */
  #isSiblings(target: number): boolean {
    return this.version === 6 && target !== 0 && this.targets.get(target).multipath;
  }

  #failed(row: number, fault: NetlinkFault): void {
    this.#failures++;
    this.fail(row, formatNetlinkFault(fault));
  }

  #clear(row: number, bits: number): void {
    const { state } = this.columns;
    const before = state[row] as number;
    if ((before & bits) === 0) return;
    state[row] = before & ~bits;
    if ((before & ~bits & (ROW.refused | ROW.failed)) === 0) this.#reasons.delete(row);
  }
}
