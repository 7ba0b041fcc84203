import t from "tap";
import { step } from "../../../protocol/session/fsm.ts";
import { CeaseSubcode, cease } from "../../../protocol/session/notification.ts";
import type { SessionEvent } from "../../../protocol/session/session-event.ts";
import {
  deadlines,
  nextDeadline,
  type SessionState,
} from "../../../protocol/session/session-state.ts";
import { idleHoldSeconds } from "../../../protocol/session/transition.ts";
import { addSeconds } from "../../../protocol/types/instant.ts";
import { ProtocolError } from "../../../protocol/wire/protocol-error.ts";
import { BAD_OPEN, CONFIG, context, later, NOW, PEER_OPEN, STATES } from "./session-fixtures.ts";

const LOST = { type: "tcpFailed", reason: "reset" } as const;
const UPDATE_ERROR = new ProtocolError({ code: 3, subcode: 1, reason: "list" });
const shutdown = cease(CeaseSubcode.administrativeShutdown);
const stop = { type: "stop", reason: "test" } as const;

t.test("FSM: delay open waits with the OPEN, passive sessions never dial", (t) => {
  const delayed = step(
    STATES.connect,
    { type: "tcpConnected", direction: "outgoing" },
    { ...context, config: { ...CONFIG, delayOpenSeconds: 2 } },
  );
  t.same(delayed.actions, []);
  t.equal(nextDeadline(delayed.state), addSeconds(NOW, 2));
  const passive = { ...context, config: { ...CONFIG, passive: true } };
  const failed = step(STATES.openSent, { type: "tcpFailed", reason: "reset" }, passive);
  t.equal(failed.state.name, "Active");
  t.equal(nextDeadline(failed.state), undefined);
  const again = step(STATES.idleHeld, { type: "timerExpired", timer: "idleHold" }, passive);
  t.equal(again.state.name, "Active");
  t.end();
});

t.test("FSM: timers are those of the RFCs", (t) => {
  const opened = step(STATES.active, { type: "tcpConnected", direction: "incoming" }, context);
  t.equal(nextDeadline(opened.state), addSeconds(NOW, 240), "4 minutes for the OPEN");
  const { state } = step(STATES.openSent, { type: "openReceived", open: PEER_OPEN }, context);
  t.same(deadlines(state), [
    ["keepalive", addSeconds(NOW, 30)],
    ["hold", addSeconds(NOW, 90)],
  ]);
  const early = step(
    STATES.openSent,
    { type: "openReceived", open: PEER_OPEN },
    { ...context, random: () => 0 },
  );
  t.equal(deadlines(early.state)[0]?.[1], addSeconds(NOW, 22.5), "jitter takes a quarter at most");
  const forEver = step(
    STATES.openSent,
    { type: "openReceived", open: { ...PEER_OPEN, holdTimeSeconds: 0 } },
    context,
  );
  t.same(deadlines(forEver.state), [], "hold time 0 runs no timers");
  const sending = step(STATES.established, { type: "sendStarted" }, context).state;
  t.ok(
    deadlines(sending).some(([timer, at]) => timer === "sendHold" && at === addSeconds(NOW, 480)),
  );
  const again = step(sending, { type: "sendStarted" }, { ...context, now: later }).state;
  t.same(deadlines(again), deadlines(sending), "more octets do not restart the send hold timer");
  const taken = step(sending, { type: "sendProgressed" }, context).state;
  t.notOk(deadlines(taken).some(([timer]) => timer === "sendHold"));
  t.end();
});

t.test("FSM: the idle hold doubles with each failure, and a proven session starts anew", (t) => {
  const seconds = [1, 2, 3, 4, 5, 50].map((failures) => idleHoldSeconds(failures, CONFIG));
  t.same(seconds, [5, 10, 20, 30, 30, 30]);
  let state: SessionState = STATES.openSent;
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    state = step(state, { type: "openReceived", open: BAD_OPEN }, context).state;
    waits.push(((nextDeadline(state) ?? 0) - NOW) / 1000);
    state = { name: "OpenSent", failures: state.failures, attempts: 0, holdAt: later };
  }
  t.same(waits, [5, 10, 20, 30]);
  const proven: SessionState = { ...STATES.established, failures: 9 };
  const error = { type: "messageError", part: "update", error: UPDATE_ERROR } as const;
  t.equal(step(proven, error, { ...context, now: later }).state.failures, 1);
  t.equal(step(proven, error, context).state.failures, 10, "a young session has proved nothing");
  t.end();
});

t.test(
  "FSM: a steady session that loses its connection comes back at once, a flapping one backs off",
  (t) => {
    const up: SessionState = { ...STATES.established, failures: 2 };
    const after = (seconds: number) => {
      const now = addSeconds(NOW, seconds);
      const { state } = step(up, LOST, { ...context, now });
      return [state.failures, ((nextDeadline(state) ?? 0) - now) / 1000];
    };
    t.same(after(1), [3, 20]);
    t.same(after(2), [0, 0.5]);
    const collision = cease(CeaseSubcode.collisionResolution);
    const ended = step(
      STATES.openConfirm,
      { type: "notificationReceived", notification: collision },
      context,
    );
    t.equal(ended.state.failures, 0, "a collision is nobody's failure");
    t.end();
  },
);

t.test("FSM: a refused connection is tried again every second, later as configured", (t) => {
  let state: SessionState = STATES.connect;
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    state = step(state, LOST, context).state;
    t.equal(state.name, "Active");
    waits.push(((nextDeadline(state) ?? 0) - NOW) / 1000);
    state = step(state, { type: "timerExpired", timer: "connectRetry" }, context).state;
    t.equal(((nextDeadline(state) ?? 0) - NOW) / 1000, 5, "the attempt itself has its full time");
    // A peer that accepts and closes at once is not dialled every second for ever.
    if (i % 2 === 0)
      state = step(state, { type: "tcpConnected", direction: "outgoing" }, context).state;
  }
  t.same(waits, [...Array(10).fill(1), 5, 5]);
  t.end();
});

t.test("FSM: who may come back before the idle hold is over", (t) => {
  const crime = step(STATES.openSent, { type: "openReceived", open: BAD_OPEN }, context).state;
  t.match(crime, { name: "Idle", accepts: false });
  const lost = step(STATES.established, { type: "tcpFailed", reason: "reset" }, context).state;
  t.match(lost, { name: "Idle", accepts: true });
  const stopped = step(
    STATES.established,
    { ...stop, by: "operator", notification: shutdown },
    context,
  ).state;
  t.match(stopped, { name: "Idle", accepts: false, idleHoldAt: undefined });
  t.end();
});

t.test("FSM: ten losses of our own carrier in a row damp nothing", (t) => {
  const carrier = { ...LOST, reason: "interface eth0 lost its carrier", ownLink: true } as const;
  const waitAfterTen = (lost: SessionEvent) => {
    let failures = 0;
    let wait = 0;
    for (let i = 0; i < 10; i++) {
      const young = { ...STATES.established, failures, establishedAt: NOW };
      const { state } = step(young, lost, context);
      failures = state.failures;
      wait = ((nextDeadline(state) ?? 0) - NOW) / 1000;
    }
    return wait;
  };
  t.ok(waitAfterTen(carrier) <= context.config.idleHoldSeconds.initial, "as after the first");
  t.ok(waitAfterTen(LOST) > 2 * context.config.idleHoldSeconds.initial, "a peer's losses do");
  const dialling = step(STATES.connect, carrier, context).state;
  t.match(dialling, { name: "Active", attempts: 0 }, "nor do attempts count");
  t.end();
});
