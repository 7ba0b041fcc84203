import { connect, type Socket } from "node:net";
import t from "tap";
import type { BestRouteBatch } from "../../../protocol/rib/best-route-batch.ts";
import type {
  SpeakerAction,
  SpeakerEvent,
  SpeakerInput,
} from "../../../protocol/speaker/speaker-io.ts";
import { IPV4_UNICAST } from "../../../protocol/types/family.ts";
import { Instant } from "../../../protocol/types/instant.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import {
  BgpDriver,
  type BgpDriverOutputs,
  type DrivenSpeaker,
} from "../../../src/bgp/bgp-driver.ts";
import { type Clock, processClock } from "../../../src/bgp/clock.ts";
import { nativeBgpSockets } from "../../../src/bgp/native-bgp-sockets.ts";

import { PORT, peerConfig, speakerConfig, type Teardown, until } from "./driver-support.ts";

/** A speaker that answers each input with what the script says, and remembers the order of things. */
class ScriptedSpeaker implements DrivenSpeaker {
  readonly handled: SpeakerInput[] = [];
  readonly #script: (input: SpeakerInput) => readonly SpeakerAction[];
  readonly #supply: (connection: number) => readonly Uint8Array[];
  deadline: Instant | undefined;

  constructor(
    script: (input: SpeakerInput) => readonly SpeakerAction[],
    supply: (connection: number) => readonly Uint8Array[] = () => [],
  ) {
    this.#script = script;
    this.#supply = supply;
  }

  handle(input: SpeakerInput): readonly SpeakerAction[] {
    this.handled.push(input);
    return this.#script(input);
  }

  transmit(connection: number): readonly Uint8Array[] {
    return this.#supply(connection);
  }

  nextDeadline(): Instant | undefined {
    const { deadline } = this;
    this.deadline = undefined;
    return deadline;
  }

  bestRoutes(): ReturnType<DrivenSpeaker["bestRoutes"]> {
    return { read: () => undefined, restart: () => {} };
  }

  types(): string[] {
    return this.handled.map(({ type }) => type);
  }
}

const NO_ROUTES = { family: IPV4_UNICAST, count: 0 } as unknown as BestRouteBatch;

const SILENT: BgpDriverOutputs = {
  event: () => {},
  bestRoutes: () => {},
  acceptsBestRoutes: () => true,
  trackNextHops: () => {},
  familyConverged: () => {},
  failed: () => {},
};

/** Time that passes only by work that is pretended: what else runs on the machine makes no slice long. */
type PretendedWork = { milliseconds: number };

function driverOf(
  test: Teardown,
  speaker: DrivenSpeaker,
  outputs: Partial<BgpDriverOutputs> = {},
  work?: PretendedWork,
  clock: Clock = processClock,
): BgpDriver {
  const driver = new BgpDriver({
    speaker,
    clock,
    sockets: nativeBgpSockets(),
    outputs: { ...SILENT, ...outputs },
    ...(work !== undefined && { stopwatch: () => work.milliseconds }),
  });
  test.teardown(() => driver.close());
  return driver;
}

t.test("actions are performed before the next input, and inputs keep their order", async (t) => {
  const order: string[] = [];
  const speaker = new ScriptedSpeaker((input) => {
    order.push(`input ${input.type}`);
    return [{ type: "event", event: { name: input.type, level: "info", fields: {} } }];
  });
  const driver = driverOf(t, speaker, { event: ({ name }) => order.push(`action ${name}`) });
  driver.feed({ type: "originated", routes: [], complete: true });
  driver.feed({ type: "nextHopChanged", nextHops: [] });
  await until("both handled", () => order.length === 4);
  t.strictSame(order, [
    "input originated",
    "action originated",
    "input nextHopChanged",
    "action nextHopChanged",
  ]);
});

t.test(
  "long work comes in slices, tuned towards half a millisecond, and other inputs come between",
  async (t) => {
    let rest = 400;
    const work: PretendedWork = { milliseconds: 0 };
    const budgets: number[] = [];
    const speaker = new ScriptedSpeaker((input) => {
      if (input.type === "workResumed") {
        budgets.push(input.budget);
        rest--;
        // A microsecond for each prefix of the budget.
        work.milliseconds += input.budget / 1000;
        if (budgets.length === 20)
          driver.feed({ type: "interfaceDown", interface: "eth0", addresses: [] });
      }
      return rest > 0 ? [{ type: "workPending" }] : [];
    });
    const clock = { now: () => Instant(work.milliseconds) };
    const driver: BgpDriver = driverOf(t, speaker, {}, work, clock);
    driver.feed({ type: "originated", routes: [], complete: true });
    await until("the end", () => rest === 0);
    const slicesBefore = speaker.types().indexOf("interfaceDown");
    t.ok(slicesBefore > 0 && slicesBefore < 30, "it did not wait for the end of the work");
    const late = budgets.slice(50);
    const mean = late.reduce((sum, budget) => sum + budget, 0) / late.length;
    t.ok(mean > 250 && mean < 1000, `0.5 ms is 500 prefixes here; the mean was ${mean}`);
  },
);

/** Milliseconds that each piece of work pretends to take. */
const PIECE = 0.9;
const SENDERS = ["127.0.0.52", "127.0.0.53", "127.0.0.54"];
const EACH_SENDS = 400_000;

t.test("no part of a turn goes on when its share, or the turn's time, is over", async (t) => {
  // The clock stands still between pieces, so a turn takes just what its pieces pretend to.
  const work: PretendedWork = { milliseconds: 0 };
  const pieces = { bytesReceived: 0, workResumed: 0, transmit: 0, read: 0 };
  const connections: number[] = [];
  let received = 0;
  const ready = () =>
    connections.map((connection) => ({ type: "transmitReady", connection }) as const);
  const speaker = new ScriptedSpeaker(
    (input) => {
      if (input.type === "connectionOpened") connections.push(input.connection);
      if (input.type !== "bytesReceived" && input.type !== "workResumed") return [];
      pieces[input.type]++;
      work.milliseconds += PIECE;
      received += input.type === "bytesReceived" ? input.bytes.length : 0;
      const busy = received < SENDERS.length * EACH_SENDS;
      const news = { type: "bestRoutesChanged", family: IPV4_UNICAST } as const;
      return [...(busy ? [{ type: "workPending" } as const] : []), news, ...ready()];
    },
    () => {
      pieces.transmit++;
      work.milliseconds += PIECE;
      return pieces.transmit % 5 === 0 ? [] : [new Uint8Array(8000)];
    },
  );
  speaker.bestRoutes = () => ({
    read: () => {
      pieces.read++;
      work.milliseconds += PIECE;
      return pieces.read % 3 === 0 ? undefined : NO_ROUTES;
    },
    restart: () => {},
  });
  const driver = driverOf(t, speaker, {}, work, { now: () => Instant(work.milliseconds) });
  await driver.configure(
    speakerConfig(
      "127.0.0.51",
      SENDERS.map((sender) => peerConfig(sender, "127.0.0.51")),
    ),
    { port: PORT, addresses: [IpAddress("127.0.0.51")] },
  );
  for (const localAddress of SENDERS) {
    const sender = connect({ port: PORT, host: "127.0.0.51", localAddress });
    sender.on("error", () => {});
    sender.resume();
    sender.write(new Uint8Array(EACH_SENDS));
    t.teardown(() => sender.destroy());
  }
  await until("all is heard", () => received === SENDERS.length * EACH_SENDS);
  for (const [piece, count] of Object.entries(pieces)) t.ok(count > 10, `${piece}: ${count}`);
  const most = new Map(
    driver.statistics().tasks.map(({ task, maxMilliseconds }) => [task, maxMilliseconds]),
  );
  t.ok(received / pieces.bytesReceived <= 4096, "octets come in small pieces");
  t.ok((most.get("turn") ?? 99) < 5, `the longest turn: ${most.get("turn")}`);
  t.ok((most.get("transmit") ?? 99) < 1.5 + PIECE + 0.01, `writing: ${most.get("transmit")}`);
  t.ok((most.get("turn") ?? 0) > 3, "turns were full");
});

t.test("a slice over 10 ms is counted and named", async (t) => {
  const events: SpeakerEvent[] = [];
  const work: PretendedWork = { milliseconds: 0 };
  const speaker = new ScriptedSpeaker((input) => {
    work.milliseconds += input.type === "originated" ? 15 : 0;
    return [];
  });
  const driver = driverOf(t, speaker, { event: (event) => events.push(event) }, work);
  driver.feed({ type: "originated", routes: [], complete: true });
  await until("counted", () => driver.statistics().longSlices > 0);
  t.match(events[0], { name: "slice.long", fields: { slice: "originated" } });
});

t.test("deadlines: fed when due, not before, and after what was read", async (t) => {
  const speaker = new ScriptedSpeaker(() => []);
  const driver = driverOf(t, speaker);
  const start = processClock.now();
  speaker.deadline = (start + 60) as Instant;
  driver.feed({ type: "nextHopChanged", nextHops: [] });
  await until("due", () => speaker.types().includes("deadlineReached"));
  t.ok(processClock.now() - start >= 60, "not before");
  t.equal(speaker.types().filter((type) => type === "deadlineReached").length, 1);
});

t.test(
  "a bug in the speaker is told once, with the last inputs, and nothing is fed any more",
  async (t) => {
    const failures: Error[] = [];
    const speaker = new ScriptedSpeaker((input) => {
      if (input.type === "nextHopChanged") throw new Error("a bug");
      return [];
    });
    const driver = driverOf(t, speaker, { failed: (error) => failures.push(error) });
    driver.feed({ type: "originated", routes: [], complete: true });
    driver.feed({ type: "nextHopChanged", nextHops: [] });
    driver.feed({ type: "originated", routes: [], complete: true });
    await until("failed", () => failures.length === 1);
    driver.feed({ type: "originated", routes: [], complete: true });
    await new Promise((resolve) => setImmediate(resolve));
    t.strictSame(speaker.types(), ["originated", "nextHopChanged"]);
    t.strictSame(
      driver.journal().map(({ input }) => input),
      [
        { type: "originated", routes: 0, complete: true },
        { type: "nextHopChanged", nextHops: [] },
      ],
    );
  },
);

t.test(
  "a peer that does not read is not written to beyond the watermark, and goes on when it reads",
  async (t) => {
    const chunk = new Uint8Array(64 * 1024);
    let supplied = 0;
    const TOTAL = 64 * 1024 * 1024;
    const speaker = new ScriptedSpeaker(
      (input) =>
        input.type === "connectionOpened"
          ? [{ type: "transmitReady", connection: input.connection }]
          : [],
      () => {
        if (supplied >= TOTAL) return [];
        supplied += chunk.length;
        return [chunk];
      },
    );
    const driver = driverOf(t, speaker);
    await driver.configure(speakerConfig("127.0.0.31", [peerConfig("127.0.0.32", "127.0.0.31")]), {
      port: PORT,
      addresses: [IpAddress("127.0.0.31")],
    });
    const reader: Socket = connect({ port: PORT, host: "127.0.0.31", localAddress: "127.0.0.32" });
    reader.on("error", () => {});
    t.teardown(() => reader.destroy());
    reader.pause();
    let last = -1;
    await until("it stops to pull", () => {
      const stopped = supplied === last && supplied > 0;
      last = supplied;
      return stopped;
    });
    t.ok(supplied < TOTAL / 2, `${supplied} octets were pulled for a peer that reads nothing`);
    let received = 0;
    reader.on("data", (bytes) => {
      received += bytes.length;
    });
    reader.resume();
    await until("everything arrives", () => received === TOTAL);
    t.ok(speaker.types().includes("transmitted"), "the send hold timer hears of it");
  },
);

t.test("a peer that sends faster than it is heard is not read beyond the watermark", async (t) => {
  let received = 0;
  let opened = 0;
  const speaker = new ScriptedSpeaker((input) => {
    if (input.type === "connectionOpened") opened = input.connection;
    if (input.type === "bytesReceived") {
      received += input.bytes.length;
      const end = performance.now() + 0.2;
      while (performance.now() < end);
    }
    return [];
  });
  const driver = driverOf(t, speaker);
  await driver.configure(speakerConfig("127.0.0.41", [peerConfig("127.0.0.42", "127.0.0.41")]), {
    port: PORT,
    addresses: [IpAddress("127.0.0.41")],
  });
  const writer = connect({ port: PORT, host: "127.0.0.41", localAddress: "127.0.0.42" });
  writer.on("error", () => {});
  t.teardown(() => writer.destroy());
  const TOTAL = 16 * 1024 * 1024;
  writer.end(new Uint8Array(TOTAL));
  let longest = 0;
  await until("all is heard", () => {
    longest = Math.max(longest, driver.statistics().inboxLength);
    return received === TOTAL;
  });
  t.ok(longest * 4096 < TOTAL / 8, `at most ${longest} pieces waited`);
  await until("its end is told", () => speaker.types().includes("connectionClosed"));
  t.equal(opened % 2, 0, "incoming connections have even numbers");
});

t.test(
  "news of best routes waits while the kernel's worker is busy, and goes on when it is not",
  async (t) => {
    let left = 100;
    let accepts = true;
    let handedOn = 0;
    const speaker = new ScriptedSpeaker((input) =>
      input.type === "originated" ? [{ type: "bestRoutesChanged", family: IPV4_UNICAST }] : [],
    );
    const batch = { family: IPV4_UNICAST } as BestRouteBatch;
    speaker.bestRoutes = () => ({
      read: () => (left-- > 0 ? batch : undefined),
      restart: () => {},
    });
    const driver = driverOf(t, speaker, {
      acceptsBestRoutes: () => accepts,
      bestRoutes: () => {
        handedOn++;
        if (handedOn === 10) accepts = false;
      },
    });
    driver.feed({ type: "originated", routes: [], complete: true });
    await until("some were handed on", () => handedOn >= 10);
    driver.feed({ type: "nextHopChanged", nextHops: [] });
    await until("other work goes on", () => speaker.types().includes("nextHopChanged"));
    t.ok(handedOn < 20, `${handedOn} batches, then no more`);
    accepts = true;
    driver.resume();
    await until("all are handed on", () => handedOn === 100);
  },
);
