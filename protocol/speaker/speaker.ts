import type { BestRouteReader } from "../rib/best-route-reader.ts";
import type { Family } from "../types/family.ts";
import type { Instant } from "../types/instant.ts";
import type { ConnectionId, SpeakerAction, SpeakerInput } from "./speaker-io.ts";
import type { PeerSnapshot, RoutePage, RouteQuery, SpeakerSnapshot } from "./speaker-snapshot.ts";

/** A BGP speaker without I/O: sessions, RIB and policy behind one function of inputs and time. RFC 4271. */
export class Speaker {
  constructor(_options: { readonly random: () => number }) {}

  /** Takes one input and returns everything that the driver must do, in order, before it feeds the next one. */
  handle(_input: SpeakerInput, _now: Instant): readonly SpeakerAction[] {
    throw new Error("the speaker is being written");
  }

  /**
   * Takes what a connection has to send: some buffers, about `maxBytes` in all, none when there is nothing. Call it after
   * `transmitReady` and after `transmitted`, as long as the socket takes bytes. Buffers are shared: never change them.
   */
  transmit(_connection: ConnectionId, _maxBytes: number): readonly Uint8Array[] {
    return [];
  }

  /** When `deadlineReached` should be fed, at the latest; undefined while no timer runs. */
  nextDeadline(): Instant | undefined {
    return undefined;
  }

  /** All configured peers, in the order of the configuration. */
  peers(): readonly PeerSnapshot[] {
    return [];
  }

  /** One page of routes of the Loc-RIB (all candidates), or of a peer's Adj-RIB-In or Adj-RIB-Out. */
  routes(_query: RouteQuery): RoutePage {
    return { routes: [] };
  }

  /** A new reader of best routes; it begins with the whole table. */
  bestRoutes(_family: Family): BestRouteReader {
    return { read: () => undefined, restart: () => {} };
  }

  /** The speaker as a whole. */
  status(): SpeakerSnapshot {
    return {
      asn: undefined,
      routerId: undefined,
      state: "waitingForOriginations",
      restarting: false,
      originated: 0,
      peers: { total: 0, established: 0 },
      families: [],
    };
  }
}
