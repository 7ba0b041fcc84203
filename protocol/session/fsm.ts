/*
 * The BGP finite state machine, as a function of state, event, configuration and time. RFC 4271 §8.2.2.
 *
 * It owns no connection and no clock: a connection is something that an action asks for and an event speaks of, a timer
 * is a deadline in the state. Connections and collisions belong to the Peer, which runs at most two of these.
 * Readings that docs/rfc-notes.md lists: a failed attempt to connect leads from Connect to Active (as it did before
 * RFC 4271 and does everywhere), a passive session never dials, and a NOTIFICATION is never answered by another.
 */
import type { Instant } from "../types/instant.ts";
import { unreachable } from "../types/never.ts";
import { stepConnecting } from "./fsm-connecting.ts";
import { stepNegotiated } from "./fsm-negotiated.ts";
import { stepOpenSent } from "./fsm-open-sent.ts";
import type { SessionAction } from "./session-action.ts";
import type { SessionConfig } from "./session-config.ts";
import type { SessionEvent } from "./session-event.ts";
import type { Idle, SessionState } from "./session-state.ts";
import { dial, listen } from "./transition.ts";

/** Everything besides state and event that a step may look at. */
export type StepContext = {
  readonly config: SessionConfig;
  readonly now: Instant;
  /** Uniform in [0, 1); for the jitter of timers, RFC 4271 §10. */
  readonly random: () => number;
};

export type Transition = {
  readonly state: SessionState;
  readonly actions: readonly SessionAction[];
};

/** One step of the state machine. The same arguments always give the same answer. RFC 4271 §8.2.2. */
export function step(state: SessionState, event: SessionEvent, context: StepContext): Transition {
  switch (state.name) {
    case "Idle":
      return stepIdle(state, event, context);
    case "Connect":
    case "Active":
      return stepConnecting(state, event, context);
    case "OpenSent":
      return stepOpenSent(state, event, context);
    case "OpenConfirm":
    case "Established":
      return stepNegotiated(state, event, context);
    default:
      return unreachable(state);
  }
}

/** Idle refuses everything but a start; the idle hold timer is a start that waits. RFC 4271 §8.2.2, events 1, 3 to 7, 13. */
function stepIdle(state: Idle, event: SessionEvent, context: StepContext): Transition {
  switch (event.type) {
    case "start":
      // Events 6 and 7: a damped start waits for the idle hold timer.
      if (event.damped && state.idleHoldAt !== undefined) return { state, actions: [] };
      return begin(event.mode, event.by === "operator" ? 0 : state.failures, context);
    case "timerExpired":
      if (event.timer !== "idleHold") return { state, actions: [] };
      return begin(context.config.passive ? "passive" : "active", state.failures, context);
    case "stop":
      return { state: { ...state, idleHoldAt: undefined, accepts: false }, actions: [] };
    case "tcpConnectionRequested":
    case "tcpConnected":
    case "tcpFailed":
    case "openReceived":
    case "messageError":
    case "openCollisionDump":
    case "notificationReceived":
    case "keepaliveReceived":
    case "updateReceived":
    case "routeRefreshReceived":
    case "sendStarted":
    case "sendProgressed":
      return { state, actions: [] };
    default:
      return unreachable(event);
  }
}

function begin(mode: "active" | "passive", failures: number, context: StepContext): Transition {
  const fresh = { failures, attempts: 0 };
  return mode === "passive" ? listen(fresh, undefined, context) : dial(fresh, context);
}
