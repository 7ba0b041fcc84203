import { type IpAddress, ipAddressFromBytes } from "../types/ip-address.ts";

/** What a next hop resolves to now. A next hop that nobody has reported is unreachable. */
export type NextHopResolution = {
  readonly nextHop: IpAddress;
  readonly reachable: boolean;
  readonly metric: number;
  readonly onLink: boolean;
  /** The one interface over which it is reached; absent where there are several. */
  readonly interface?: string;
};

/** The next hop of local routes: none, always reachable. */
export const NO_NEXT_HOP = 0;

/**
 * Next hops by small id, shared by all families, with what they resolve to. Attribute sets hold entries (an entry without
 * a set is freed); accepted routes of peers use them, and only used ones are tracked. Resolutions are kept by address, so
 * one that comes before the first route, or stays after the last one, is not lost.
 */
export class NextHopTable {
  readonly #ids = new Map<string, number>();
  readonly #addresses: (IpAddress | undefined)[] = [undefined];
  readonly #keys: string[] = [""];
  readonly #sets: number[] = [0];
  readonly #uses: number[] = [0];
  readonly #reachable: boolean[] = [true];
  readonly #metrics: number[] = [0];
  readonly #interfaces: (string | undefined)[] = [undefined];
  readonly #changed: boolean[] = [false];
  readonly #free: number[] = [];
  readonly #resolutions = new Map<IpAddress, NextHopResolution>();
  /** The last next hop that was asked for, since attribute sets of a peer mostly share one. */
  readonly #last = new Uint8Array(33);
  #lastId = NO_NEXT_HOP;
  #anyChanged = false;
  #interfacesVersion = 0;
  #tracksUnused = false;
  #trackedChanged = false;

  /** The id of the next hop at the head of canonical octets; holds it for one attribute set. */
  hold(octets: Uint8Array, start: number): number {
    const length = octets[start] as number;
    if (length === 0) return NO_NEXT_HOP;
    if (this.#isLast(octets, start, length)) {
      this.#sets[this.#lastId] = (this.#sets[this.#lastId] as number) + 1;
      return this.#lastId;
    }
    const key = keyOf(octets, start + 1, start + 1 + length);
    const id = this.#ids.get(key) ?? this.#add(key, octets, start + 1, length);
    this.#sets[id] = (this.#sets[id] as number) + 1;
    this.#last.set(octets.subarray(start, start + 1 + length));
    this.#lastId = id;
    return id;
  }

  /** An attribute set is gone. */
  release(id: number): void {
    if (id === NO_NEXT_HOP) return;
    const sets = (this.#sets[id] as number) - 1;
    this.#sets[id] = sets;
    if (sets > 0) return;
    this.#ids.delete(this.#keys[id] as string);
    this.#addresses[id] = undefined;
    this.#free.push(id);
    if (this.#tracksUnused) this.#trackedChanged = true;
    if (id === this.#lastId) this.#lastId = NO_NEXT_HOP;
  }

  /** An accepted route uses it. */
  use(id: number): void {
    const uses = (this.#uses[id] as number) + 1;
    this.#uses[id] = uses;
    if (uses === 1 && id !== NO_NEXT_HOP) this.#trackedChanged = true;
  }

  unuse(id: number): void {
    const uses = (this.#uses[id] as number) - 1;
    this.#uses[id] = uses;
    if (uses === 0 && id !== NO_NEXT_HOP) this.#trackedChanged = true;
  }

  isReachable(id: number): boolean {
    return this.#reachable[id] as boolean;
  }

  metric(id: number): number {
    return this.#metrics[id] as number;
  }

  interfaceOf(id: number): string | undefined {
    return this.#interfaces[id];
  }

  /** Grows whenever a next hop is reached over another interface than before. */
  interfacesVersion(): number {
    return this.#interfacesVersion;
  }

  /** Whether next hops of routes that were not accepted are tracked, too: import may turn on what they resolve to. */
  trackUnused(tracked: boolean): void {
    if (this.#tracksUnused === tracked) return;
    this.#tracksUnused = tracked;
    this.#trackedChanged = true;
  }

  /** The global address; undefined for the next hop of local routes. */
  address(id: number): IpAddress | undefined {
    return this.#addresses[id];
  }

  /** Takes resolutions in; true when an entry changed in reachability or metric. */
  resolve(resolutions: readonly NextHopResolution[]): boolean {
    const news = new Map<IpAddress, NextHopResolution>();
    for (const resolution of resolutions) {
      this.#resolutions.set(resolution.nextHop, resolution);
      news.set(resolution.nextHop, resolution);
    }
    // IPv6 next hops with different link-local companions share an address: one walk finds all, whatever came.
    for (const [id, address] of this.#addresses.entries()) {
      const resolution = address && news.get(address);
      if (resolution !== undefined) this.#set(id, resolution);
    }
    return this.#anyChanged;
  }

  /** Whether the entry changed since `settle`. */
  hasChanged(id: number): boolean {
    return this.#changed[id] as boolean;
  }

  /** All routes over changed next hops are marked for decision. */
  settle(): void {
    this.#changed.fill(false);
    this.#anyChanged = false;
  }

  /** The used next hops, when they are not those of the last call. */
  takeTracked(): readonly IpAddress[] | undefined {
    if (!this.#trackedChanged) return undefined;
    this.#trackedChanged = false;
    const tracked = new Set<IpAddress>();
    for (const [id, address] of this.#addresses.entries()) {
      const wanted = this.#tracksUnused || (this.#uses[id] as number) > 0;
      if (address !== undefined && wanted) tracked.add(address);
    }
    for (const nextHop of this.#resolutions.keys()) {
      if (!tracked.has(nextHop)) this.#resolutions.delete(nextHop);
    }
    return [...tracked].sort();
  }

  #isLast(octets: Uint8Array, start: number, length: number): boolean {
    if (this.#lastId === NO_NEXT_HOP) return false;
    for (let i = 0; i <= length; i++) if (this.#last[i] !== octets[start + i]) return false;
    return true;
  }

  #set(id: number, resolution: NextHopResolution): void {
    if (this.#interfaces[id] !== resolution.interface) {
      this.#interfaces[id] = resolution.interface;
      this.#interfacesVersion++;
    }
    const metric = resolution.reachable ? resolution.metric : 0;
    if (this.#reachable[id] === resolution.reachable && this.#metrics[id] === metric) return;
    this.#reachable[id] = resolution.reachable;
    this.#metrics[id] = metric;
    this.#changed[id] = true;
    this.#anyChanged = true;
  }

  #add(key: string, octets: Uint8Array, start: number, length: number): number {
    const id = this.#free.pop() ?? this.#addresses.length;
    const address = ipAddressFromBytes(octets.subarray(start, start + Math.min(length, 16)));
    const resolution = this.#resolutions.get(address);
    this.#addresses[id] = address;
    this.#keys[id] = key;
    this.#sets[id] = 0;
    this.#uses[id] = 0;
    this.#reachable[id] = resolution?.reachable ?? false;
    this.#metrics[id] = resolution?.reachable ? resolution.metric : 0;
    this.#interfaces[id] = resolution?.interface;
    this.#changed[id] = false;
    this.#ids.set(key, id);
    if (this.#tracksUnused) this.#trackedChanged = true;
    return id;
  }
}

function keyOf(octets: Uint8Array, start: number, end: number): string {
  let key = "";
  for (let at = start; at < end; at++) key += String.fromCharCode(octets[at] as number);
  return key;
}
