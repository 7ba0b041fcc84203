import type { NotificationMessage } from "../wire/message.ts";
import type { SessionParameters } from "./session-parameters.ts";

/** What a session asks its owner to do, in order. */
export type SessionAction =
  | { readonly type: "connect" }
  /** Ends the TCP connection, or the attempt at one; `flush` lets what was queued (a NOTIFICATION) go out first. */
  | { readonly type: "disconnect"; readonly mode: "flush" | "abort" }
  | { readonly type: "sendOpen" }
  | { readonly type: "sendKeepalive" }
  | { readonly type: "sendNotification"; readonly notification: NotificationMessage }
  | { readonly type: "established"; readonly parameters: SessionParameters }
  /** The session left whatever state it had reached; `wasEstablished` says that routes are concerned. */
  | { readonly type: "ended"; readonly wasEstablished: boolean; readonly cause: EndCause };

/** Why a session ended, in the words that status shows. */
export type EndCause =
  | {
      readonly type: "notificationSent";
      readonly notification: NotificationMessage;
      readonly reason: string;
    }
  | { readonly type: "notificationReceived"; readonly notification: NotificationMessage }
  | { readonly type: "connectionLost"; readonly reason: string }
  | { readonly type: "stopped"; readonly reason: string };
