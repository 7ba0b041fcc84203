import type { Family } from "../types/family.ts";
import type { IpAddress } from "../types/ip-address.ts";
import type { NotificationMessage } from "../wire/message.ts";
import type { Origination, SpeakerConfig } from "./speaker-config.ts";

/** Names one TCP connection. Incoming ones are numbered by the driver (even), outgoing ones by the Speaker (odd). */
export type ConnectionId = number;

/** Everything that a Speaker can be told. It is deterministic: same inputs in the same order, same bytes. */
export type SpeakerInput =
  /** The whole desired configuration; the difference is found inside. */
  | { readonly type: "configure"; readonly config: SpeakerConfig }
  /** The whole desired set. No OPEN is sent before the first one with `complete`. */
  | {
      readonly type: "originated";
      readonly routes: readonly Origination[];
      readonly complete: boolean;
    }
  | {
      readonly type: "connectionOpened";
      readonly connection: ConnectionId;
      readonly direction: "incoming" | "outgoing";
      readonly local: TransportAddress;
      readonly remote: TransportAddress;
    }
  | {
      readonly type: "connectionFailed";
      readonly connection: ConnectionId;
      readonly reason: string;
    }
  /** Reset, end of stream or time-out of an opened connection. */
  | {
      readonly type: "connectionClosed";
      readonly connection: ConnectionId;
      readonly reason: string;
    }
  | {
      readonly type: "bytesReceived";
      readonly connection: ConnectionId;
      readonly bytes: Uint8Array;
    }
  /** The socket took what transmit() gave it and wants more; feeds the send hold timer. RFC 9687. */
  | { readonly type: "transmitted"; readonly connection: ConnectionId }
  | { readonly type: "deadlineReached" }
  /** What next hops resolve to now: all that changed, in one input. */
  | { readonly type: "nextHopChanged"; readonly nextHops: readonly NextHopState[] }
  /** An interface lost its carrier: single-hop sessions over it end at once. */
  | {
      readonly type: "interfaceDown";
      readonly interface: string;
      readonly addresses: readonly IpAddress[];
    }
  /** Continue long work; `budget` counts prefixes. */
  | { readonly type: "workResumed"; readonly budget: number }
  | { readonly type: "operator"; readonly command: OperatorCommand };

export type TransportAddress = { readonly address: IpAddress; readonly port: number };

export type NextHopState = {
  readonly nextHop: IpAddress;
  readonly reachable: boolean;
  /** Metric of the route that resolves it, for the IGP cost step. */
  readonly metric: number;
  /** On a directly connected network; decides on next hop "auto" and on single-hop sessions. */
  readonly onLink: boolean;
  /** The one interface over which it is reached, for filters that ask; absent where there are several. */
  readonly interface?: string;
};

/** Acts of an operator. `stop` is the end of all sessions: "restart" closes TCP without a Cease, "shutdown" withdraws, sends Cease 6/2, then closes. */
export type OperatorCommand =
  | { readonly type: "resetPeer"; readonly peer: string; readonly message?: string }
  | {
      readonly type: "refreshPeer";
      readonly peer: string;
      readonly direction: "in" | "out" | "both";
    }
  | { readonly type: "stop"; readonly mode: "restart" | "shutdown"; readonly message?: string };

/** What the driver must do, in order, before it feeds the next input. */
export type SpeakerAction =
  | {
      readonly type: "connect";
      readonly connection: ConnectionId;
      readonly peer: string;
      readonly remote: TransportAddress;
      readonly local: IpAddress | undefined;
    }
  /** `flush`: write what transmit() still gives first (a NOTIFICATION). `abort`: reset at once. */
  | {
      readonly type: "close";
      readonly connection: ConnectionId;
      readonly mode: "flush" | "abort";
    }
  /** transmit(connection) has bytes now. */
  | { readonly type: "transmitReady"; readonly connection: ConnectionId }
  /**
   * Decisions or other long work are waiting: feed `workResumed` soon, after the inputs that have arrived already. What
   * was read together is then decided together, and told in one go.
   */
  | { readonly type: "workPending" }
  /** The change log has news: readers of best routes should read. */
  | { readonly type: "bestRoutesChanged"; readonly family: Family }
  /** The whole set of next hops that the resolver should follow, when it changed. */
  | { readonly type: "trackNextHops"; readonly nextHops: readonly IpAddress[] }
  /** Selection may begin and stale kernel routes of the family may be swept. RFC 4724 §4.1. */
  | { readonly type: "familyConverged"; readonly family: Family; readonly reason: string }
  | { readonly type: "stopped" }
  | { readonly type: "event"; readonly event: SpeakerEvent };

/** For logs, journal and status. `name` is stable: "peer.up", "peer.down", "update.fault", "prefix.limit", … */
export type SpeakerEvent = {
  readonly name: string;
  readonly peer?: string;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: { readonly [field: string]: unknown };
  readonly notification?: {
    readonly direction: "sent" | "received";
    readonly message: NotificationMessage;
  };
};
