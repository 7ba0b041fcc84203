import t from "tap";
import { step, type Transition } from "../../../protocol/session/fsm.ts";
import { CeaseSubcode, cease, notification } from "../../../protocol/session/notification.ts";
import type { SessionAction } from "../../../protocol/session/session-action.ts";
import type { SessionEvent } from "../../../protocol/session/session-event.ts";
import {
  deadlines,
  isConnected,
  type SessionState,
} from "../../../protocol/session/session-state.ts";
import { ProtocolError } from "../../../protocol/wire/protocol-error.ts";
import { BAD_OPEN, type Column, context, NOW, PEER_OPEN, STATES } from "./session-fixtures.ts";

const headerError = new ProtocolError({ code: 1, subcode: 1, reason: "marker" });
const openError = new ProtocolError({ code: 2, subcode: 4, reason: "parameter" });
const updateError = new ProtocolError({ code: 3, subcode: 1, reason: "list" });
const shutdown = cease(CeaseSubcode.administrativeShutdown);
const start = { type: "start" } as const;
const stop = { type: "stop", reason: "test" } as const;

/**
 * The rows: each event of RFC 4271 §8.1 by its number, RFC 9687's 29, and what RFC 2918 adds. The cells say the next state
 * and the actions in order; "=" is no change at all.
 */
const ROWS: readonly (readonly [string, SessionEvent, { readonly [column in Column]: string }])[] =
  [
    ["1 ManualStart", { ...start, by: "operator", mode: "active" }, started("Connect dial")],
    ["3 AutomaticStart", { ...start, by: "automatic", mode: "active" }, started("Connect dial")],
    ["4 ManualStart passive", { ...start, by: "operator", mode: "passive" }, started("Active")],
    ["5 AutomaticStart passive", { ...start, by: "automatic", mode: "passive" }, started("Active")],
    [
      "6 AutomaticStart damped",
      { ...start, by: "automatic", mode: "active", damped: true },
      { ...started("Connect dial"), idleHeld: "=" },
    ],
    [
      "7 AutomaticStart damped passive",
      { ...start, by: "automatic", mode: "passive", damped: true },
      { ...started("Active"), idleHeld: "=" },
    ],
    [
      "2 ManualStop",
      { ...stop, by: "operator", notification: shutdown },
      {
        ...ended("6/2"),
        connect: "Idle drop end",
        active: "Idle end",
        idle: "Idle",
        idleHeld: "Idle",
      },
    ],
    [
      "2 ManualStop without a word",
      { ...stop, by: "operator", notification: undefined },
      {
        ...dropped("Idle drop end"),
        idle: "Idle",
        idleHeld: "Idle",
        openSent: "Idle drop end",
        openConfirm: "Idle drop end",
        established: "Idle drop down",
      },
    ],
    [
      "8 AutomaticStop",
      { ...stop, by: "automatic", notification: cease(CeaseSubcode.otherConfigurationChange) },
      {
        ...ended("6/6"),
        connect: "Idle drop end",
        active: "Idle end",
        idle: "Idle",
        idleHeld: "Idle",
      },
    ],
    [
      "9 ConnectRetryTimer_Expires",
      { type: "timerExpired", timer: "connectRetry" },
      {
        ...ended("5/0"),
        connect: "Connect drop dial",
        connectDelay: "Connect drop dial",
        active: "Connect dial",
        activeDelay: "Connect drop dial",
      },
    ],
    [
      "10 HoldTimer_Expires",
      { type: "timerExpired", timer: "hold" },
      { ...ended("4/0"), ...dropped("Idle drop end") },
    ],
    [
      "11 KeepaliveTimer_Expires",
      { type: "timerExpired", timer: "keepalive" },
      {
        ...ended("5/0"),
        ...dropped("Idle drop end"),
        openConfirm: "OpenConfirm KEEPALIVE",
        established: "Established KEEPALIVE",
      },
    ],
    [
      "12 DelayOpenTimer_Expires",
      { type: "timerExpired", timer: "delayOpen" },
      {
        ...ended("5/0"),
        connect: "=",
        connectDelay: "OpenSent OPEN",
        active: "=",
        activeDelay: "OpenSent OPEN",
      },
    ],
    [
      "13 IdleHoldTimer_Expires",
      { type: "timerExpired", timer: "idleHold" },
      {
        ...ended("5/0"),
        ...dropped("Idle drop end"),
        idle: "Connect dial",
        idleHeld: "Connect dial",
      },
    ],
    ["14 TcpConnection_Valid", { type: "tcpConnectionRequested", valid: true }, unchanged()],
    ["15 Tcp_CR_Invalid", { type: "tcpConnectionRequested", valid: false }, unchanged()],
    ["16 Tcp_CR_Acked", { type: "tcpConnected", direction: "outgoing" }, connected()],
    ["17 TcpConnectionConfirmed", { type: "tcpConnected", direction: "incoming" }, connected()],
    [
      "18 TcpConnectionFails",
      { type: "tcpFailed", reason: "reset" },
      {
        ...unchanged(),
        connect: "Active drop end",
        connectDelay: "Active drop end",
        active: "Active drop end",
        activeDelay: "Active drop end",
        openSent: "Active drop end",
        openConfirm: "Idle drop end",
        established: "Idle drop down",
      },
    ],
    [
      "19, 20 BGPOpen",
      { type: "openReceived", open: PEER_OPEN },
      {
        ...unexpected("01"),
        openSent: "OpenConfirm KEEPALIVE",
        connectDelay: "OpenConfirm OPEN KEEPALIVE",
        activeDelay: "OpenConfirm OPEN KEEPALIVE",
      },
    ],
    [
      "19, 20 BGPOpen of another AS",
      { type: "openReceived", open: BAD_OPEN },
      {
        ...unexpected("01"),
        openSent: "Idle 2/2 close end",
        connectDelay: "Idle 2/2 close end",
        activeDelay: "Idle 2/2 close end",
      },
    ],
    [
      "21 BGPHeaderErr",
      { type: "messageError", part: "header", error: headerError },
      { ...ended("1/1"), connect: "Idle drop end", active: "Idle end" },
    ],
    [
      "22 BGPOpenMsgErr",
      { type: "messageError", part: "open", error: openError },
      { ...ended("2/4"), connect: "Idle drop end", active: "Idle end" },
    ],
    [
      "23 OpenCollisionDump",
      { type: "openCollisionDump" },
      { ...ended("6/7"), connect: "Idle drop end", active: "Idle end" },
    ],
    [
      "24 NotifMsgVerErr",
      { type: "notificationReceived", notification: notification(2, 1, Uint8Array.of(0, 4)) },
      notified(),
    ],
    ["25 NotifMsg", { type: "notificationReceived", notification: notification(6, 4) }, notified()],
    [
      "26 KeepAliveMsg",
      { type: "keepaliveReceived" },
      { ...unexpected("04"), openConfirm: "Established up", established: "Established" },
    ],
    [
      "27 UpdateMsg",
      { type: "updateReceived" },
      { ...unexpected("02"), established: "Established" },
    ],
    [
      "28 UpdateMsgErr",
      { type: "messageError", part: "update", error: updateError },
      {
        ...ended("3/1"),
        connect: "Idle drop end",
        active: "Idle end",
        openSent: "Idle 5/1[02] close end",
        openConfirm: "Idle 5/2[02] close end",
      },
    ],
    [
      "29 SendHoldTimer_Expires",
      { type: "timerExpired", timer: "sendHold" },
      {
        ...ended("5/0"),
        ...dropped("Idle drop end"),
        openConfirm: "Idle 8/0 drop end",
        established: "Idle 8/0 drop down",
      },
    ],
    [
      "ROUTE-REFRESH",
      { type: "routeRefreshReceived" },
      { ...unexpected("05"), established: "Established" },
    ],
    [
      "octets given to TCP",
      { type: "sendStarted" },
      { ...unchanged(), openConfirm: "OpenConfirm", established: "Established" },
    ],
    [
      "octets taken by TCP",
      { type: "sendProgressed" },
      { ...unchanged(), openConfirm: "OpenConfirm", established: "Established" },
    ],
  ];

const reached = new Set<string>();
for (const [name, event, expected] of ROWS) {
  t.test(`FSM: event ${name}`, (t) => {
    for (const column of Object.keys(STATES) as Column[]) {
      const state = STATES[column];
      const transition = step(state, event, context);
      t.equal(summary(state, transition), expected[column], `in ${column}`);
      t.same(step(state, event, context), transition, "the same arguments, the same answer");
      reached.add(`${name}/${column}`);
    }
    t.end();
  });
}

t.test("FSM: every cell of states and events was reached", (t) => {
  t.equal(reached.size, ROWS.length * Object.keys(STATES).length);
  const names = new Set(Object.values(STATES).map(({ name }) => name));
  t.equal(names.size, 6, "all six states");
  const numbers = new Set(ROWS.flatMap(([name]) => name.match(/\d+/g) ?? []).map(Number));
  for (let number = 1; number <= 29; number++) t.ok(numbers.has(number), `event ${number}`);
  t.end();
});

t.test("FSM: laws that hold in every cell", (t) => {
  for (const [name, event] of ROWS) {
    for (const state of Object.values(STATES)) {
      const { state: after, actions } = step(state, event, context);
      const types = actions.map(({ type }) => type);
      const [was, is] = [state.name === "Established", after.name === "Established"];
      t.equal(types.includes("established"), !was && is, `${name}: up is entering Established`);
      const down = actions.some((action) => action.type === "ended" && action.wasEstablished);
      t.equal(down, was && !is, `${name}: down is leaving Established`);
      const notifications = types.filter((type) => type === "sendNotification").length;
      t.ok(notifications <= 1, "one NOTIFICATION at most");
      if (notifications > 0) t.ok(types.includes("disconnect"), "and it ends the connection");
      if (isConnected(state) && !isConnected(after)) t.ok(types.includes("disconnect"), name);
      for (const [timer, at] of deadlines(after)) t.ok(at >= NOW, `${timer} is not in the past`);
    }
  }
  t.end();
});

function unchanged() {
  return fill("=");
}

/** Only Idle listens to a start. */
function started(cell: string) {
  return { ...unchanged(), idle: cell, idleHeld: cell };
}

function connected() {
  return { ...unchanged(), connect: "OpenSent OPEN", active: "OpenSent OPEN" };
}

/** Ends with this NOTIFICATION wherever a connection can carry one. */
function ended(codes: string) {
  return {
    ...fill(`Idle ${codes} close end`),
    idle: "=",
    idleHeld: "=",
    established: `Idle ${codes} close down`,
  };
}

/** Before our OPEN: gone without a word. */
function dropped(cell: string) {
  return { connect: cell, connectDelay: cell, active: "Idle end", activeDelay: cell };
}

/** A message in the wrong state: RFC 6608, with its type as data. */
function unexpected(type: string) {
  return {
    ...unchanged(),
    ...dropped("Idle drop end"),
    openSent: `Idle 5/1[${type}] close end`,
    openConfirm: `Idle 5/2[${type}] close end`,
    established: `Idle 5/3[${type}] close down`,
  };
}

function notified() {
  return {
    ...unchanged(),
    ...dropped("Idle drop end"),
    openSent: "Idle drop end",
    openConfirm: "Idle drop end",
    established: "Idle drop down",
  };
}

function fill(cell: string): { readonly [column in Column]: string } {
  return Object.fromEntries(Object.keys(STATES).map((column) => [column, cell])) as {
    readonly [column in Column]: string;
  };
}

function summary(before: SessionState, { state, actions }: Transition): string {
  if (state === before && actions.length === 0) return "=";
  return [state.name, ...actions.map(word)].join(" ");
}

function word(action: SessionAction): string {
  switch (action.type) {
    case "connect":
      return "dial";
    case "disconnect":
      return action.mode === "flush" ? "close" : "drop";
    case "sendOpen":
      return "OPEN";
    case "sendKeepalive":
      return "KEEPALIVE";
    case "sendNotification": {
      const { code, subcode, data } = action.notification;
      return `${code}/${subcode}${data.length > 0 ? `[${Buffer.from(data).toString("hex")}]` : ""}`;
    }
    case "established":
      return "up";
    case "ended":
      return action.wasEstablished ? "down" : "end";
  }
}
