import type { BestRouteReader } from "../rib/best-route-reader.ts";
import type { Family } from "../types/family.ts";
import type { Instant } from "../types/instant.ts";
import type { SpeakerOptions } from "./speaker-context.ts";
import { SpeakerCore } from "./speaker-core.ts";
import type { ConnectionId, SpeakerAction, SpeakerInput } from "./speaker-io.ts";
import type { PeerSnapshot, RoutePage, RouteQuery, SpeakerSnapshot } from "./speaker-snapshot.ts";

/**
 * A BGP speaker without I/O: sessions, RIB and policy behind one function of inputs and time. RFC 4271.
 *
 * It begins with its first `configure`; what is fed before that is remembered (originations) or refused (connections).
 */
export class Speaker {
  readonly #options: SpeakerOptions;
  #core: SpeakerCore | undefined;
  #originated: Extract<SpeakerInput, { type: "originated" }> | undefined;

  constructor(options: SpeakerOptions) {
    this.#options = options;
  }

  /** Takes one input and returns everything that the driver must do, in order, before it feeds the next one. */
  handle(input: SpeakerInput, now: Instant): readonly SpeakerAction[] {
    return this.#core?.handle(input, now) ?? this.#begin(input, now);
  }

  /**
   * Takes what a connection has to send: some buffers, about `maxBytes` in all, none when there is nothing. Call it after
   * `transmitReady`, as long as the socket takes bytes, until it answers none; each time the socket has taken what it was
   * given, feed `transmitted` (it stops the send hold timer) and go on. Buffers are shared: never change them.
   */
  transmit(connection: ConnectionId, maxBytes: number): readonly Uint8Array[] {
    return this.#core?.transmit(connection, maxBytes) ?? [];
  }

  /** When `deadlineReached` should be fed, at the latest; undefined while no timer runs. */
  nextDeadline(): Instant | undefined {
    return this.#core?.nextDeadline();
  }

  /** All configured peers, in the order of the configuration. */
  peers(): readonly PeerSnapshot[] {
    return this.#core === undefined ? [] : [...this.#core.peers].map(({ wire }) => wire.snapshot());
  }

  /** One page of routes of the Loc-RIB (all candidates), or of a peer's Adj-RIB-In or Adj-RIB-Out. */
  routes(query: RouteQuery): RoutePage {
    return this.#core?.routes.list(query) ?? { routes: [] };
  }

  /** A new reader of best routes; it begins with the whole table. Throws before the first `configure`. */
  bestRoutes(family: Family): BestRouteReader {
    if (this.#core === undefined)
      throw new Error("a speaker has no routes before it is configured");
    return this.#core.context.rib.family(family).bestRoutes();
  }

  /** The speaker as a whole. */
  status(): SpeakerSnapshot {
    return (
      this.#core?.status() ?? {
        asn: undefined,
        routerId: undefined,
        state: "waitingForOriginations",
        restarting: false,
        originated: 0,
        peers: { total: 0, established: 0 },
        families: [],
      }
    );
  }

  #begin(input: SpeakerInput, now: Instant): readonly SpeakerAction[] {
    switch (input.type) {
      case "configure": {
        this.#core = new SpeakerCore(input.config, this.#options, now);
        const originated = this.#originated ?? { type: "originated", routes: [], complete: false };
        return this.#core.handle(originated, now);
      }
      case "originated":
        this.#originated = input;
        return [];
      case "connectionOpened":
        return [{ type: "close", connection: input.connection, mode: "abort" }];
      case "operator":
        return input.command.type === "stop" ? [{ type: "stopped" }] : [];
      default:
        return [];
    }
  }
}
