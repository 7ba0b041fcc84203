import { Instant } from "../types/instant.ts";
import { unreachable } from "../types/never.ts";
import type { SessionParameters } from "./session-parameters.ts";

/**
 * The state of one session. Each variant carries only what is valid in it: Idle has nowhere to put a connection, and only
 * OpenConfirm and Established know what was negotiated. Timers are deadlines. RFC 4271 §8.2.2.
 *
 * `failures` counts what went wrong in a row and drives the idle-hold back-off (DampPeerOscillations, RFC 4271 §8.1.1);
 * `attempts` counts connections that did not come about since Idle: the first are tried again quickly.
 */
export type SessionState = Idle | Connect | Active | OpenSent | OpenConfirm | Established;

export type Idle = {
  readonly name: "Idle";
  readonly failures: number;
  /** The next start by itself; absent after a stop. */
  readonly idleHoldAt: Instant | undefined;
  /** Whether the peer may open a connection before that: not after a crime of its own. */
  readonly accepts: boolean;
};

/** We are dialling, or the connection is up and we wait a moment for the peer's OPEN. */
export type Connect = {
  readonly name: "Connect";
  readonly failures: number;
  readonly attempts: number;
  readonly transport:
    | { readonly type: "dialling"; readonly connectRetryAt: Instant }
    | DelayingOpen;
};

/** We listen, or the connection is up and we wait a moment for the peer's OPEN. */
export type Active = {
  readonly name: "Active";
  readonly failures: number;
  readonly attempts: number;
  readonly transport:
    | { readonly type: "listening"; readonly connectRetryAt: Instant | undefined }
    | DelayingOpen;
};

export type DelayingOpen = { readonly type: "delayingOpen"; readonly delayOpenAt: Instant };

export type OpenSent = {
  readonly name: "OpenSent";
  readonly failures: number;
  readonly attempts: number;
  readonly holdAt: Instant;
};

export type OpenConfirm = Negotiated & { readonly name: "OpenConfirm" };

export type Established = Negotiated & {
  readonly name: "Established";
  readonly establishedAt: Instant;
};

export type Negotiated = {
  readonly failures: number;
  readonly parameters: SessionParameters;
  readonly holdAt: Instant | undefined;
  readonly keepaliveAt: Instant | undefined;
  /** Runs while the connection has not taken what we gave it. RFC 9687. */
  readonly sendHoldAt: Instant | undefined;
};

export type TimerName =
  | "connectRetry"
  | "hold"
  | "keepalive"
  | "delayOpen"
  | "idleHold"
  | "sendHold";

/** A session that nobody has started. */
export const STOPPED: Idle = {
  name: "Idle",
  failures: 0,
  idleHoldAt: undefined,
  accepts: false,
};

/** True when a TCP connection belongs to this state. */
export function isConnected(state: SessionState): boolean {
  switch (state.name) {
    case "Idle":
      return false;
    case "Connect":
    case "Active":
      return state.transport.type === "delayingOpen";
    case "OpenSent":
    case "OpenConfirm":
    case "Established":
      return true;
    default:
      return unreachable(state);
  }
}

/** The timers that run, most urgent first where two are due at once: liveness before everything else. */
export function deadlines(state: SessionState): readonly (readonly [TimerName, Instant])[] {
  return named(state).filter((timer): timer is readonly [TimerName, Instant] => {
    return timer[1] !== undefined;
  });
}

function named(state: SessionState): readonly (readonly [TimerName, Instant | undefined])[] {
  switch (state.name) {
    case "Idle":
      return [["idleHold", state.idleHoldAt]];
    case "Connect":
    case "Active":
      return state.transport.type === "delayingOpen"
        ? [["delayOpen", state.transport.delayOpenAt]]
        : [["connectRetry", state.transport.connectRetryAt]];
    case "OpenSent":
      return [["hold", state.holdAt]];
    case "OpenConfirm":
    case "Established":
      return [
        ["keepalive", state.keepaliveAt],
        ["hold", state.holdAt],
        ["sendHold", state.sendHoldAt],
      ];
    default:
      return unreachable(state);
  }
}

/** The earliest deadline, or undefined when no timer runs. */
export function nextDeadline(state: SessionState): Instant | undefined {
  let earliest: number = Number.POSITIVE_INFINITY;
  switch (state.name) {
    case "Idle":
      return state.idleHoldAt;
    case "Connect":
    case "Active":
      return state.transport.type === "delayingOpen"
        ? state.transport.delayOpenAt
        : state.transport.connectRetryAt;
    case "OpenSent":
      return state.holdAt;
    case "OpenConfirm":
    case "Established":
      if (state.keepaliveAt !== undefined) earliest = state.keepaliveAt;
      if (state.holdAt !== undefined && state.holdAt < earliest) earliest = state.holdAt;
      if (state.sendHoldAt !== undefined && state.sendHoldAt < earliest)
        earliest = state.sendHoldAt;
      return earliest === Number.POSITIVE_INFINITY ? undefined : Instant(earliest);
    default:
      return unreachable(state);
  }
}
