import type { NotificationMessage, OpenMessage } from "../wire/message.ts";
import type { ProtocolError } from "../wire/protocol-error.ts";
import type { TimerName } from "./session-state.ts";

/** What can happen to a session. The numbers are those of RFC 4271 §8.1; 29 is of RFC 9687. */
export type SessionEvent =
  /** 1, 3 to 7. A damped start waits for the idle hold timer. */
  | {
      readonly type: "start";
      readonly by: "operator" | "automatic";
      readonly mode: "active" | "passive";
      readonly damped?: true;
    }
  /** 2, 8. Without a notification the connection just closes: a restart that keeps our routes alive in the peers. */
  | {
      readonly type: "stop";
      readonly by: "operator" | "automatic";
      readonly notification: NotificationMessage | undefined;
      readonly reason: string;
    }
  /** 9 to 13, 29. */
  | { readonly type: "timerExpired"; readonly timer: TimerName }
  /** 14, 15: seen by stacks that are told of a SYN; sockets never tell. */
  | { readonly type: "tcpConnectionRequested"; readonly valid: boolean }
  /** 16 outgoing, 17 incoming. */
  | { readonly type: "tcpConnected"; readonly direction: "outgoing" | "incoming" }
  /** 18. With `ownLink` our own interface lost its carrier: that says nothing about the peer, however often it happens. */
  | { readonly type: "tcpFailed"; readonly reason: string; readonly ownLink?: true }
  /** 19; 20 when the delay open timer runs, which the state knows. */
  | { readonly type: "openReceived"; readonly open: OpenMessage }
  /** 21, 22, 28. */
  | {
      readonly type: "messageError";
      readonly part: "header" | "open" | "update";
      readonly error: ProtocolError;
    }
  /** 23. */
  | { readonly type: "openCollisionDump" }
  /** 24 when it says "unsupported version", else 25. */
  | { readonly type: "notificationReceived"; readonly notification: NotificationMessage }
  /** 26. */
  | { readonly type: "keepaliveReceived" }
  /** 27; one event may stand for a batch of them. */
  | { readonly type: "updateReceived" }
  /** RFC 2918: like an UPDATE, it belongs into Established only. */
  | { readonly type: "routeRefreshReceived" }
  /** The connection was given bytes; it has taken them. Both feed the send hold timer. RFC 9687. */
  | { readonly type: "sendStarted" }
  | { readonly type: "sendProgressed" };
