import { addSeconds, type Instant } from "../types/instant.ts";
import type { NotificationMessage } from "../wire/message.ts";
import type { StepContext, Transition } from "./fsm.ts";
import type { EndCause, SessionAction } from "./session-action.ts";
import type { SessionConfig } from "./session-config.ts";
import { isConnected, type SessionState } from "./session-state.ts";

/** The hold timer of OpenSent, before anything is negotiated. RFC 4271 §8.2.2: "a value of 4 minutes is suggested". */
const LARGE_HOLD_SECONDS = 240;

/** Beyond this many doublings the idle hold has long reached its maximum. */
const MAX_DOUBLINGS = 16;

/** So often a connection that did not come about is tried again after so many seconds, if not even sooner. */
const QUICK_ATTEMPTS = 10;
const QUICK_SECONDS = 1;

/** A session that was up for so long and then lost its connection was not refused: the peer restarts, or the wire broke. */
const STEADY_SECONDS = 2;

/** How long such a session stays in Idle. */
const COMEBACK_SECONDS = 0.5;

/** What went wrong so far (session-state.ts). */
type Tries = { readonly failures: number; readonly attempts: number };

/** A period with jitter: a factor between 0.75 and 1. RFC 4271 §10. */
export function jittered(seconds: number, random: () => number): number {
  return seconds * (0.75 + 0.25 * random());
}

/** Dials: Connect with its retry timer. RFC 4271 §8.1.3. */
export function dial({ failures, attempts }: Tries, context: StepContext): Transition {
  const { config, now, random } = context;
  const connectRetryAt = addSeconds(now, jittered(config.connectRetrySeconds, random));
  return {
    state: {
      name: "Connect",
      failures,
      attempts,
      transport: { type: "dialling", connectRetryAt },
    },
    actions: [{ type: "connect" }],
  };
}

/** Listens: Active, with a retry timer unless the session is passive. */
export function listen(
  { failures, attempts }: Tries,
  retryAt: Instant | undefined,
  { config }: StepContext,
): Transition {
  return {
    state: {
      name: "Active",
      failures,
      attempts,
      transport: { type: "listening", connectRetryAt: config.passive ? undefined : retryAt },
    },
    actions: [],
  };
}

/** Event 18 before OpenConfirm: the connection, or the attempt at one, failed; listen, and dial again in a while. */
export function listenAgain(
  tries: Tries,
  { reason, ownLink }: { readonly reason: string; readonly ownLink?: true },
  context: StepContext,
): Transition {
  const cause = { type: "connectionLost", reason } as const;
  const attempts = tries.attempts + (ownLink ? 0 : 1);
  const retryAt = retryAfter(attempts, context);
  return {
    state: listen({ ...tries, attempts }, retryAt, context).state,
    actions: [
      { type: "disconnect", mode: "abort" },
      { type: "ended", wasEstablished: false, cause },
    ],
  };
}

/** When to dial again: quickly at first, because a peer that refuses is most often one that is starting. RFC 4271 §8.1.3. */
function retryAfter(attempts: number, { config, now, random }: StepContext): Instant {
  const { connectRetrySeconds } = config;
  const seconds =
    attempts > QUICK_ATTEMPTS ? connectRetrySeconds : Math.min(QUICK_SECONDS, connectRetrySeconds);
  return addSeconds(now, jittered(seconds, random));
}

/** Sends the OPEN and waits for the peer's. */
export function openSent({ failures, attempts }: Tries, { now }: StepContext): Transition {
  return {
    state: { name: "OpenSent", failures, attempts, holdAt: addSeconds(now, LARGE_HOLD_SECONDS) },
    actions: [{ type: "sendOpen" }],
  };
}

/** How a session falls back to Idle. `blame` decides on the back-off and on whether the peer may come back before it. */
export type Fall = {
  readonly cause: EndCause;
  /** `peer`: its crime, it waits outside. `none`: something failed, come back any time. `operator`: no start by itself. */
  readonly blame: "peer" | "none" | "operator";
  /** Version errors, collisions and lost connections of good sessions do not lengthen the back-off. */
  readonly counts: boolean;
};

/** Leaves for Idle: says why, sends a NOTIFICATION where the connection can carry it, ends the connection. */
export function fall(
  state: SessionState,
  { cause, blame, counts }: Fall,
  context: StepContext,
): Transition {
  const actions: SessionAction[] = [];
  if (cause.type === "notificationSent" && isConnected(state)) {
    actions.push({ type: "sendNotification", notification: cause.notification });
  }
  if (isConnected(state) || state.name === "Connect") {
    actions.push({
      type: "disconnect",
      mode: cause.type === "notificationSent" && isConnected(state) ? "flush" : "abort",
    });
  }
  actions.push({ type: "ended", wasEstablished: state.name === "Established", cause });
  if (blame === "operator") {
    return { state: { name: "Idle", failures: 0, idleHoldAt: undefined, accepts: false }, actions };
  }
  const { config, now, random } = context;
  const steady = cause.type === "connectionLost" && wasUpFor(state, STEADY_SECONDS, now);
  const failures = steady ? 0 : earlierFailures(state, context) + (counts ? 1 : 0);
  const seconds = steady
    ? Math.min(COMEBACK_SECONDS, config.idleHoldSeconds.initial)
    : idleHoldSeconds(failures, config);
  return {
    state: {
      name: "Idle",
      failures,
      idleHoldAt: addSeconds(now, jittered(seconds, random)),
      accepts: blame === "none",
    },
    actions,
  };
}

/** Falls because of an error that we raise, with its NOTIFICATION. */
export function refuse(
  state: SessionState,
  notification: NotificationMessage,
  reason: string,
  context: StepContext,
): Transition {
  const cause: EndCause = { type: "notificationSent", notification, reason };
  return fall(state, { cause, blame: "peer", counts: true }, context);
}

/** Exponential back-off, from `initial` to `max`: a peer that fails at once must not make us spin. RFC 4271 §8.1.1. */
export function idleHoldSeconds(
  failures: number,
  { idleHoldSeconds: { initial, max } }: Pick<SessionConfig, "idleHoldSeconds">,
): number {
  return Math.min(max, initial * 2 ** Math.min(Math.max(failures - 1, 0), MAX_DOUBLINGS));
}

/** A session that held longer than the longest back-off has proved itself: what failed before it is forgotten. */
function earlierFailures(state: SessionState, { config, now }: StepContext): number {
  return wasUpFor(state, config.idleHoldSeconds.max, now) ? 0 : state.failures;
}

function wasUpFor(state: SessionState, seconds: number, now: Instant): boolean {
  return state.name === "Established" && now >= addSeconds(state.establishedAt, seconds);
}
