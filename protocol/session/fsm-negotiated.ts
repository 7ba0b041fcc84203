import { addSeconds, type Instant } from "../types/instant.ts";
import { unreachable } from "../types/never.ts";
import { MessageType } from "../wire/header.ts";
import type { StepContext, Transition } from "./fsm.ts";
import { notified, stopConnected } from "./fsm-open-sent.ts";
import {
  CeaseSubcode,
  cease,
  NotificationCode,
  notification,
  notificationOf,
  unexpectedMessage,
} from "./notification.ts";
import type { SessionEvent } from "./session-event.ts";
import type { Established, OpenConfirm, TimerName } from "./session-state.ts";
import { fall, jittered, refuse } from "./transition.ts";

type Confirmed = OpenConfirm | Established;

/** OpenConfirm and Established: both OPENs are good, the negotiated timers run. RFC 4271 §8.2.2. */
export function stepNegotiated(
  state: Confirmed,
  event: SessionEvent,
  context: StepContext,
): Transition {
  switch (event.type) {
    case "start":
    case "tcpConnectionRequested":
    case "tcpConnected":
      return { state, actions: [] };
    case "stop":
      return stopConnected(state, event, context);
    case "timerExpired":
      return timerExpired(state, event.timer, context);
    case "tcpFailed": {
      const cause = { type: "connectionLost", reason: event.reason } as const;
      // Damping is for peers that oscillate, RFC 4271 §8.1.1; a cable of ours that does is not the peer's doing.
      return fall(state, { cause, blame: "none", counts: event.ownLink !== true }, context);
    }
    case "openReceived":
      return unexpected(state, MessageType.open, context);
    case "messageError":
      return messageError(state, event, context);
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
      return keepaliveReceived(state, context);
    case "updateReceived":
    case "routeRefreshReceived":
      if (state.name === "Established") {
        return { state: { ...state, holdAt: holdAt(state, context) }, actions: [] };
      }
      return unexpected(
        state,
        event.type === "updateReceived" ? MessageType.update : MessageType.routeRefresh,
        context,
      );
    case "sendStarted":
      return state.sendHoldAt === undefined ? armSendHold(state, context) : { state, actions: [] };
    case "sendProgressed":
      return { state: { ...state, sendHoldAt: undefined }, actions: [] };
    default:
      return unreachable(event);
  }
}

/** Event 26: it completes OpenConfirm, and keeps Established alive. */
function keepaliveReceived(state: Confirmed, context: StepContext): Transition {
  const alive = holdAt(state, context);
  if (state.name === "Established") return { state: { ...state, holdAt: alive }, actions: [] };
  return {
    state: { ...state, name: "Established", establishedAt: context.now, holdAt: alive },
    actions: [{ type: "established", parameters: state.parameters }],
  };
}

function timerExpired(state: Confirmed, timer: TimerName, context: StepContext): Transition {
  switch (timer) {
    case "keepalive": {
      const { parameters } = state;
      const seconds = jittered(parameters.keepaliveSeconds, context.random);
      return {
        state: { ...state, keepaliveAt: addSeconds(context.now, seconds) },
        actions: [{ type: "sendKeepalive" }],
      };
    }
    case "hold": {
      const expired = notification(NotificationCode.holdTimerExpired, 0);
      return refuse(state, expired, "hold timer expired", context);
    }
    case "sendHold": {
      // RFC 9687 §3.1: the peer does not read; waiting for it to read the NOTIFICATION too would be vain.
      const expired = notification(NotificationCode.sendHoldTimerExpired, 0);
      const { state: idle, actions } = refuse(state, expired, "send hold timer expired", context);
      const abort = { type: "disconnect", mode: "abort" } as const;
      return {
        state: idle,
        actions: actions.map((action) => (action.type === "disconnect" ? abort : action)),
      };
    }
    case "connectRetry":
    case "delayOpen":
    case "idleHold": {
      const error = notification(NotificationCode.finiteStateMachine, 0);
      return refuse(state, error, `${timer} timer in ${state.name}`, context);
    }
    default:
      return unreachable(timer);
  }
}

function messageError(
  state: Confirmed,
  { part, error }: Extract<SessionEvent, { type: "messageError" }>,
  context: StepContext,
): Transition {
  if (part === "update" && state.name === "OpenConfirm") {
    return unexpected(state, MessageType.update, context);
  }
  return refuse(state, notificationOf(error), error.message, context);
}

function unexpected(state: Confirmed, messageType: number, context: StepContext): Transition {
  const message = unexpectedMessage(state.name, messageType);
  return refuse(state, message, `message of type ${messageType} in ${state.name}`, context);
}

function armSendHold(state: Confirmed, { now }: StepContext): Transition {
  const sendHoldAt = addSeconds(now, state.parameters.sendHoldSeconds);
  return { state: { ...state, sendHoldAt }, actions: [] };
}

function holdAt({ parameters }: Confirmed, { now }: StepContext): Instant | undefined {
  const { holdTimeSeconds } = parameters;
  return holdTimeSeconds > 0 ? addSeconds(now, holdTimeSeconds) : undefined;
}
