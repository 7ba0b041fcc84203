/*
 * Compares what we believe with what the kernel has: at the start (adoption), after lost notifications, when an interface
 * has changed, and every 90 seconds, because the kernel tells nothing of IPv4 routes that a link or an address took along.
 */
import { MESSAGE } from "../netlink/netlink-constants.ts";
import { type RouteDumpFilter, writeRouteDump } from "../netlink/route-codec.ts";
import type { FamilyRoutes } from "./family-routes.ts";
import { NO_ROW, ROW } from "./route-columns.ts";
import { RouteScanner, type RouteVisitor } from "./route-scanner.ts";
import type { RouteSocket } from "./route-socket.ts";

/** Reads one family's routes from the kernel into its rows. */
export class RouteAudit {
  readonly #family: FamilyRoutes;
  readonly #socket: RouteSocket;
  readonly #scanner: RouteScanner;
  readonly #protocol: number;
  readonly #table: number;

  constructor(options: {
    readonly family: FamilyRoutes;
    readonly socket: RouteSocket;
    readonly protocol: number;
    readonly table: number;
  }) {
    this.#family = options.family;
    this.#socket = options.socket;
    this.#protocol = options.protocol;
    this.#table = options.table;
    const { targets, columns } = options.family;
    this.#scanner = new RouteScanner({ targets, words: columns.words, table: options.table });
  }

  /** Reads all our routes; rows that the kernel does not have as believed are queued. Answers how many there are. */
  all(): number {
    const family = this.#family;
    family.auditNeeded = false;
    let count = 0;
    this.#dump(
      { version: family.version, table: this.#table, protocol: this.#protocol },
      {
        restart: () => {
          count = 0;
        },
        visit: (route) => {
          count++;
          this.#found(route);
        },
      },
    );
    this.#missing(() => true);
    this.#recheckRefusals();
    family.collectTargets();
    this.#scanner.forgetTargets();
    return count;
  }

  /** Reads our routes over one interface, if we have any there. `exists`: the interface has not been deleted. */
  interface(index: number, { exists }: { readonly exists: boolean }): void {
    const family = this.#family;
    const uses = this.#targetsOver(index);
    if (uses.ids.size === 0) return;
    if (!exists && uses.multipath) {
      this.all();
      return;
    }
    if (exists) {
      const { version } = family;
      const filter = { version, table: this.#table, protocol: this.#protocol };
      this.#dump(
        { ...filter, interfaceIndex: index },
        { restart: () => undefined, visit: (route) => this.#found(route) },
      );
    }
    this.#missing((target) => uses.ids.has(target));
  }

  /** Looks who owns the routes that stand in our way. One dump of the whole table, however many there are. */
  findOwners(): void {
    const family = this.#family;
    const { columns } = family;
    const ours = new Map<number, number>();
    this.#dump(
      { version: family.version, table: this.#table },
      {
        restart: () => ours.clear(),
        visit: (route) => {
          const row = columns.find(route.address, 0, route.length, route.metric);
          if (row === NO_ROW || !family.isRefused(row)) return;
          if (route.protocol === this.#protocol) ours.set(row, route.target());
          else {
            columns.state[row] = (columns.state[row] as number) | ROW.seen;
            family.refuse(row, route);
          }
        },
      },
    );
    family.ownersUnknown = false;
    for (let row = 0; row < columns.end; row++) {
      if (columns.isLive(row) && family.isRefused(row)) this.#judge(row, ours.get(row));
    }
  }

  /** What becomes of a refused row, now that it is known what the kernel has of ours there. */
  #judge(row: number, ours: number | undefined): void {
    const family = this.#family;
    if (this.#takeSeen(row)) family.standsBeside(row, ours ?? 0);
    else if (ours !== undefined) family.observed(row, ours);
    else {
      family.observed(row, 0);
      family.allow(row);
      // It went before we looked. Not tried again at once, lest two programs race for ever; its notification will come.
      family.fail(row, "a route of another program was there a moment ago");
    }
  }

  #found(route: Parameters<RouteVisitor>[0]): void {
    if (route.protocol !== this.#protocol) return;
    const family = this.#family;
    const { columns } = family;
    const before = columns.count;
    const row = columns.findOrAdd(route.address, 0, route.length, route.metric);
    columns.state[row] = (columns.state[row] as number) | ROW.seen;
    if (columns.count > before && !family.swept) {
      columns.state[row] = (columns.state[row] as number) | ROW.adopted;
    }
    const target = route.target();
    if (columns.actual[row] !== target) family.observed(row, target);
  }

  /** Rows that we believed in the kernel and that the dump did not show. */
  #missing(expected: (target: number) => boolean): void {
    const { columns } = this.#family;
    for (let row = 0; row < columns.end; row++) {
      if (!columns.isLive(row) || this.#takeSeen(row)) continue;
      const actual = columns.actual[row] as number;
      if (actual !== 0 && expected(actual)) this.#family.observed(row, 0);
    }
  }

  #recheckRefusals(): void {
    const { columns } = this.#family;
    for (let row = 0; row < columns.end; row++) {
      if (columns.isLive(row) && this.#family.isRefused(row)) this.#family.allow(row);
    }
  }

  #takeSeen(row: number): boolean {
    const { state } = this.#family.columns;
    const seen = ((state[row] as number) & ROW.seen) !== 0;
    state[row] = (state[row] as number) & ~ROW.seen;
    return seen;
  }

  #targetsOver(index: number): { readonly ids: ReadonlySet<number>; readonly multipath: boolean } {
    const { columns, targets } = this.#family;
    const checked = new Map<number, boolean>([[0, false]]);
    const ids = new Set<number>();
    let multipath = false;
    for (let row = 0; row < columns.end; row++) {
      const id = columns.actual[row] as number;
      if (checked.has(id)) continue;
      const target = targets.get(id);
      const uses = target.interfaces.includes(index);
      checked.set(id, uses);
      if (!uses) continue;
      ids.add(id);
      multipath ||= target.multipath;
    }
    return { ids, multipath };
  }

  /** A dump that is begun anew must not leave marks of what it showed before. */
  #dump(
    filter: RouteDumpFilter,
    reader: { readonly restart: () => void; readonly visit: RouteVisitor },
  ): void {
    this.#socket.dump("dump of routes", {
      type: MESSAGE.getRoute,
      write: (writer) => writeRouteDump(writer, filter),
      restart: () => {
        for (let row = 0; row < this.#family.columns.end; row++) this.#takeSeen(row);
        reader.restart();
      },
      visit: (datagram) => this.#scanner.scan(datagram, reader.visit),
    });
  }
}
