import { addSeconds } from "../types/instant.ts";
import { unreachable } from "../types/never.ts";
import { MessageType } from "../wire/header.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import type { StepContext, Transition } from "./fsm.ts";
import { negotiate } from "./negotiate.ts";
import {
  CeaseSubcode,
  cease,
  isVersionError,
  NotificationCode,
  notification,
  notificationOf,
  unexpectedMessage,
} from "./notification.ts";
import type { SessionEvent } from "./session-event.ts";
import type { SessionParameters } from "./session-parameters.ts";
import type { OpenSent, SessionState, TimerName } from "./session-state.ts";
import { fall, jittered, listenAgain, refuse } from "./transition.ts";

/** OpenSent: our OPEN is out, the peer's is awaited. RFC 4271 §8.2.2. */
export function stepOpenSent(
  state: OpenSent,
  event: SessionEvent,
  context: StepContext,
): Transition {
  switch (event.type) {
    case "start":
    case "tcpConnectionRequested":
    // A second connection to the same peer is the Peer's affair (RFC 4271 §6.8).
    case "tcpConnected":
    case "sendStarted":
    case "sendProgressed":
      return { state, actions: [] };
    case "stop":
      return stopConnected(state, event, context);
    case "timerExpired":
      return timerExpired(state, event.timer, context);
    case "tcpFailed":
      return listenAgain(state, event, context);
    case "openReceived": {
      const parameters = negotiate(event.open, context.config);
      return parameters instanceof ProtocolError
        ? refuse(state, notificationOf(parameters), parameters.message, context)
        : confirm(state.failures, parameters, context);
    }
    case "messageError":
      // An UPDATE cannot be looked at before the OPEN: event 28 is an unexpected message here. RFC 6608 §4.
      return event.part === "update"
        ? unexpected(state, MessageType.update, context)
        : refuse(state, notificationOf(event.error), event.error.message, context);
    case "openCollisionDump":
      return refuse(
        state,
        cease(CeaseSubcode.collisionResolution),
        "connection collision",
        context,
      );
    case "notificationReceived":
      return notified(state, event, context);
    case "keepaliveReceived":
      return unexpected(state, MessageType.keepalive, context);
    case "updateReceived":
      return unexpected(state, MessageType.update, context);
    case "routeRefreshReceived":
      return unexpected(state, MessageType.routeRefresh, context);
    default:
      return unreachable(event);
  }
}

/** The OPEN was good: KEEPALIVE, the negotiated timers, OpenConfirm. */
export function confirm(
  failures: number,
  parameters: SessionParameters,
  { now, random }: StepContext,
): Transition {
  const runs = parameters.holdTimeSeconds > 0;
  return {
    state: {
      name: "OpenConfirm",
      failures,
      parameters,
      holdAt: runs ? addSeconds(now, parameters.holdTimeSeconds) : undefined,
      keepaliveAt: runs
        ? addSeconds(now, jittered(parameters.keepaliveSeconds, random))
        : undefined,
      sendHoldAt: undefined,
    },
    actions: [{ type: "sendKeepalive" }],
  };
}

/** Events 2 and 8 while a connection is up: Cease if the owner wants one, else a silent close. */
export function stopConnected(
  state: SessionState,
  event: Extract<SessionEvent, { type: "stop" }>,
  context: StepContext,
): Transition {
  const { notification: message, reason } = event;
  const cause =
    message === undefined
      ? ({ type: "stopped", reason } as const)
      : ({ type: "notificationSent", notification: message, reason } as const);
  const blame = event.by === "operator" ? "operator" : "none";
  return fall(state, { cause, blame, counts: event.by === "automatic" }, context);
}

/** Events 24 and 25: the peer has spoken its last word; a NOTIFICATION is never answered. RFC 4271 §6.4. */
export function notified(
  state: SessionState,
  event: Extract<SessionEvent, { type: "notificationReceived" }>,
  context: StepContext,
): Transition {
  const cause = { type: "notificationReceived", notification: event.notification } as const;
  const { code, subcode } = event.notification;
  const collided = code === NotificationCode.cease && subcode === CeaseSubcode.collisionResolution;
  const counts = !isVersionError(event.notification) && !collided;
  return fall(state, { cause, blame: "none", counts }, context);
}

function timerExpired(state: OpenSent, timer: TimerName, context: StepContext): Transition {
  switch (timer) {
    case "hold": {
      const expired = notification(NotificationCode.holdTimerExpired, 0);
      return refuse(state, expired, "no OPEN came in time", context);
    }
    case "connectRetry":
    case "keepalive":
    case "delayOpen":
    case "idleHold":
    case "sendHold": {
      const error = notification(NotificationCode.finiteStateMachine, 0);
      return refuse(state, error, `${timer} timer in OpenSent`, context);
    }
    default:
      return unreachable(timer);
  }
}

function unexpected(state: OpenSent, messageType: number, context: StepContext): Transition {
  const message = unexpectedMessage("OpenSent", messageType);
  return refuse(state, message, `message of type ${messageType} in OpenSent`, context);
}
