import { addSeconds } from "../types/instant.ts";
import { unreachable } from "../types/never.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import type { StepContext, Transition } from "./fsm.ts";
import { confirm } from "./fsm-open-sent.ts";
import { negotiate } from "./negotiate.ts";
import { CeaseSubcode, cease, isVersionError, notificationOf } from "./notification.ts";
import type { SessionEvent } from "./session-event.ts";
import { type Active, type Connect, isConnected, type TimerName } from "./session-state.ts";
import { dial, fall, listenAgain, openSent, refuse } from "./transition.ts";

type Connecting = Connect | Active;

/** Connect and Active: everything before our OPEN is sent. RFC 4271 §8.2.2. */
export function stepConnecting(
  state: Connecting,
  event: SessionEvent,
  context: StepContext,
): Transition {
  switch (event.type) {
    case "start":
    case "tcpConnectionRequested":
    case "sendStarted":
    case "sendProgressed":
      return { state, actions: [] };
    case "stop":
      return stop(state, event, context);
    case "timerExpired":
      return timerExpired(state, event.timer, context);
    case "tcpConnected":
      return tcpConnected(state, context);
    case "tcpFailed":
      return listenAgain(state, event, context);
    case "openReceived":
      return openReceived(state, event, context);
    case "messageError":
      // SendNOTIFICATIONwithoutOPEN: the peer should learn what was wrong. RFC 4271 §8.2.1.5.
      return refuse(state, notificationOf(event.error), event.error.message, context);
    case "openCollisionDump":
      return refuse(
        state,
        cease(CeaseSubcode.collisionResolution),
        "connection collision",
        context,
      );
    case "notificationReceived":
      return fall(
        state,
        {
          cause: { type: "notificationReceived", notification: event.notification },
          blame: "none",
          // Event 24 while the open is delayed is no failure. RFC 4271 §8.2.2.
          counts: !(isVersionError(event.notification) && isConnected(state)),
        },
        context,
      );
    case "keepaliveReceived":
    case "updateReceived":
    case "routeRefreshReceived":
      return unexpected(state, event.type, context);
    default:
      return unreachable(event);
  }
}

function stop(
  state: Connecting,
  event: Extract<SessionEvent, { type: "stop" }>,
  context: StepContext,
): Transition {
  const cause =
    event.notification !== undefined && isConnected(state)
      ? ({
          type: "notificationSent",
          notification: event.notification,
          reason: event.reason,
        } as const)
      : ({ type: "stopped", reason: event.reason } as const);
  const blame = event.by === "operator" ? "operator" : "none";
  return fall(state, { cause, blame, counts: event.by === "automatic" }, context);
}

function timerExpired(state: Connecting, timer: TimerName, context: StepContext): Transition {
  switch (timer) {
    case "connectRetry": {
      // Event 9: whatever was tried is dropped, and tried anew.
      const next = dial(state, context);
      const pending = state.name === "Connect" || isConnected(state);
      return pending
        ? { state: next.state, actions: [{ type: "disconnect", mode: "abort" }, ...next.actions] }
        : next;
    }
    case "delayOpen":
      // Event 12 of a timer that does not run is an echo of one that was stopped.
      return isConnected(state) ? openSent(state, context) : { state, actions: [] };
    case "hold":
    case "keepalive":
    case "idleHold":
    case "sendHold":
      return unexpected(state, `${timer} timer`, context);
    default:
      return unreachable(timer);
  }
}

/** Events 16 and 17: the connection is there; the OPEN goes at once, or waits for the delay open timer. */
function tcpConnected(state: Connecting, context: StepContext): Transition {
  const { config, now } = context;
  if (isConnected(state)) return { state, actions: [] };
  if (config.delayOpenSeconds === 0) return openSent(state, context);
  const delayOpenAt = addSeconds(now, config.delayOpenSeconds);
  return {
    state: { ...state, transport: { type: "delayingOpen", delayOpenAt } },
    actions: [],
  };
}

/** Event 20: the peer's OPEN ends the delay; ours follows at once. Without a connection it is event 19, unexpected here. */
function openReceived(
  state: Connecting,
  { open }: Extract<SessionEvent, { type: "openReceived" }>,
  context: StepContext,
): Transition {
  if (!isConnected(state)) return unexpected(state, "OPEN", context);
  const parameters = negotiate(open, context.config);
  if (parameters instanceof ProtocolError) {
    return refuse(state, notificationOf(parameters), parameters.message, context);
  }
  const { state: confirmed, actions } = confirm(state.failures, parameters, context);
  return { state: confirmed, actions: [{ type: "sendOpen" }, ...actions] };
}

/** "Any other event": the connection is dropped without a word. RFC 4271 §8.2.2. */
function unexpected(state: Connecting, what: string, context: StepContext): Transition {
  const cause = { type: "connectionLost", reason: `${what} in ${state.name}` } as const;
  return fall(state, { cause, blame: "none", counts: true }, context);
}
