/*
 * V8 interprets code first and compiles what has proved hot, on threads that take the machine from the daemon. A young
 * daemon would do that while the first full feed comes in, and a calm one would tell each lone change with cold code: the
 * first costs a third of the whole convergence, the second ten times the latency (docs/bench). But a Speaker has no I/O.
 * So a second one, with peers that exist only here, goes through sessions, feeds, changes and withdrawals while the
 * daemon has nothing else to do. It knows no socket and no kernel, and what it learned is thrown away.
 */
import type { BestRouteReader } from "../../protocol/rib/best-route-reader.ts";
import { Speaker } from "../../protocol/speaker/speaker.ts";
import type {
  ConnectionId,
  SpeakerAction,
  SpeakerInput,
} from "../../protocol/speaker/speaker-io.ts";
import type { Family } from "../../protocol/types/family.ts";
import { Instant } from "../../protocol/types/instant.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { UpdateMessage } from "../../protocol/wire/message.ts";
import {
  addressOf,
  announcement,
  encode,
  greeting,
  rehearsalConfig,
  resolvedNextHops,
  SELF,
  UPDATES,
  withdrawal,
} from "./rehearsal-script.ts";

/** How often all prefixes are announced, each time with other attributes. */
const FEEDS = 3;
/** UPDATEs in one input: what interpreted code reads in a few milliseconds. */
const CHUNK_UPDATES = 20;
const LONE_CHANGES = 60;
const WORK_BUDGET = 512;
const BATCH_PREFIXES = 4096;

const SENDERS = [2, 3];
const RECEIVERS = [4, 5];

/** A speaker that nobody hears, and its peers. */
export class Rehearsal {
  readonly #speaker = new Speaker({ random: () => 0.5 });
  readonly #steps: Iterator<undefined>;
  readonly #readers = new Map<Family, BestRouteReader>();
  readonly #inputs: SpeakerInput[] = [];
  #workPending = false;
  #nextConnection: ConnectionId = 2;
  #clock = 0;
  #octetsTold = 0;

  constructor() {
    this.#steps = this.#play();
  }

  /** Plays on for some milliseconds at most; false when the play is over. */
  step(): boolean {
    return this.#steps.next().done !== true;
  }

  /** What the peers of the play were told so far. */
  get octetsTold(): number {
    return this.#octetsTold;
  }

  *#play(): Generator<undefined> {
    const feeds = [yield* chunks(announcement(0)), yield* chunks(announcement(1))];
    const withdrawals = yield* chunks(withdrawal);
    this.#feed({ type: "configure", config: rehearsalConfig([...SENDERS, ...RECEIVERS]) });
    this.#feed({ type: "originated", routes: [], complete: true });
    const senders = SENDERS.map((host) => this.#open(host));
    const receivers = RECEIVERS.map((host) => this.#open(host));
    yield undefined;
    for (let feed = 0; feed < FEEDS; feed++) {
      // The second sender's routes lose to the first one's, until those are withdrawn.
      const sender = senders[feed === 1 ? 1 : 0] as ConnectionId;
      yield* this.#deliver(sender, feeds[feed % 2] as readonly Uint8Array[]);
    }
    const lone = Array.from({ length: LONE_CHANGES }, (_, i) => encode(announcement(2)(i)));
    yield* this.#deliver(senders[0] as ConnectionId, lone);
    yield* this.#deliver(senders[0] as ConnectionId, withdrawals);
    for (const connection of [...senders, ...receivers]) {
      this.#feed({ type: "connectionClosed", connection, reason: "the play is over" });
      yield undefined;
    }
    this.#clock += 60_000;
    this.#feed({ type: "deadlineReached" });
  }

  *#deliver(connection: ConnectionId, chunks: readonly Uint8Array[]): Generator<undefined> {
    for (const bytes of chunks) {
      this.#feed({ type: "bytesReceived", connection, bytes });
      yield undefined;
    }
  }

  /** A connection from a peer, up to Established. */
  #open(host: number): ConnectionId {
    const connection = this.#nextConnection;
    this.#nextConnection += 2;
    const local = { address: SELF, port: 179 };
    const remote = { address: addressOf(host), port: 40_000 };
    this.#feed({ type: "connectionOpened", connection, direction: "incoming", local, remote });
    this.#feed({ type: "bytesReceived", connection, bytes: greeting(host) });
    return connection;
  }

  /** Does what a driver does: all that an input asks for, and the work that follows. */
  #feed(input: SpeakerInput): void {
    this.#clock++;
    this.#inputs.push(input);
    for (;;) {
      const next = this.#inputs.shift() ?? this.#followUp();
      if (next === undefined) return;
      this.#perform(this.#speaker.handle(next, Instant(this.#clock)));
    }
  }

  /** Work that waits, or output that was put off and is due at once. */
  #followUp(): SpeakerInput | undefined {
    if (this.#workPending) {
      this.#workPending = false;
      return { type: "workResumed", budget: WORK_BUDGET };
    }
    const deadline = this.#speaker.nextDeadline();
    const isDue = deadline !== undefined && deadline <= this.#clock;
    return isDue ? { type: "deadlineReached" } : undefined;
  }

  #perform(actions: readonly SpeakerAction[]): void {
    for (const action of actions) {
      if (action.type === "workPending") this.#workPending = true;
      else if (action.type === "transmitReady") this.#transmit(action.connection);
      else if (action.type === "bestRoutesChanged") this.#readBestRoutes(action.family);
      else if (action.type === "trackNextHops") this.#resolve(action.nextHops);
    }
  }

  #transmit(connection: ConnectionId): void {
    for (;;) {
      const buffers = this.#speaker.transmit(connection, 65_536);
      if (buffers.length === 0) return;
      for (const { length } of buffers) this.#octetsTold += length;
      this.#inputs.push({ type: "transmitted", connection });
    }
  }

  #readBestRoutes(family: Family): void {
    let reader = this.#readers.get(family);
    if (reader === undefined) {
      reader = this.#speaker.bestRoutes(family);
      this.#readers.set(family, reader);
    }
    while (reader.read(BATCH_PREFIXES) !== undefined);
  }

  #resolve(addresses: readonly IpAddress[]): void {
    this.#inputs.push({ type: "nextHopChanged", nextHops: resolvedNextHops(addresses) });
  }
}

/** What a connection delivers: all UPDATEs of a kind, in inputs of a few. */
function* chunks(updateOf: (number: number) => UpdateMessage): Generator<undefined, Uint8Array[]> {
  const inputs: Uint8Array[] = [];
  for (let first = 0; first < UPDATES; first += CHUNK_UPDATES) {
    const numbers = Array.from({ length: CHUNK_UPDATES }, (_, i) => first + i);
    inputs.push(Buffer.concat(numbers.map((number) => encode(updateOf(number)))));
    yield undefined;
  }
  return inputs;
}
