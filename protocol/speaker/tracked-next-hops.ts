import type { IpAddress } from "../types/ip-address.ts";
import type { SpeakerContext } from "./speaker-context.ts";
import type { NextHopState } from "./speaker-io.ts";

/**
 * The addresses whose resolution we want to follow: next hops of routes, and the peers themselves, because whether a peer
 * is on a link of ours decides about single-hop sessions. What is known of an address is kept while it is followed: the
 * driver reports changes only, and a peer's address often becomes a next hop later.
 */
export class TrackedNextHops {
  readonly #context: SpeakerContext;
  readonly #states = new Map<IpAddress, NextHopState>();
  #ofRoutes: ReadonlySet<IpAddress> = new Set();
  #ofPeers: readonly IpAddress[] = [];
  #all: ReadonlySet<IpAddress> = new Set();

  constructor(context: SpeakerContext) {
    this.#context = context;
  }

  isOnLink(address: IpAddress): boolean {
    return this.#states.get(address)?.onLink ?? false;
  }

  /** The driver says what some of them resolve to now. */
  changed(states: readonly NextHopState[]): void {
    for (const state of states) this.#states.set(state.nextHop, state);
    this.#context.rib.nextHopChanged(states);
  }

  /** Of every next hop that routes use it is known whether it can be reached. */
  get isSettled(): boolean {
    for (const address of this.#ofRoutes) if (!this.#states.has(address)) return false;
    return true;
  }

  /**
   * Takes the next hops that routes use now, and the addresses of peers if they changed; tells the driver of a new whole.
   * True when the RIB learned something by it.
   */
  update(peers: readonly IpAddress[] | undefined): boolean {
    const ofRoutes = this.#context.rib.takeTrackedNextHops();
    if (ofRoutes === undefined && peers === undefined) return false;
    const learned = ofRoutes !== undefined && this.#adopt(ofRoutes);
    if (peers !== undefined) this.#ofPeers = peers;
    const all = new Set([...this.#ofRoutes, ...this.#ofPeers]);
    if (all.size === this.#all.size && [...all].every((each) => this.#all.has(each)))
      return learned;
    this.#all = all;
    for (const address of this.#states.keys()) if (!all.has(address)) this.#states.delete(address);
    this.#context.act({ type: "trackNextHops", nextHops: [...all] });
    return learned;
  }

  /** The RIB learns what we know already of its new next hops. */
  #adopt(ofRoutes: readonly IpAddress[]): boolean {
    const known = ofRoutes.flatMap((address) => {
      const state = this.#ofRoutes.has(address) ? undefined : this.#states.get(address);
      return state === undefined ? [] : [state];
    });
    this.#ofRoutes = new Set(ofRoutes);
    if (known.length > 0) this.#context.rib.nextHopChanged(known);
    return known.length > 0;
  }
}
