/*
 * Runs a Speaker. Everything that happens (bytes, connections, timers, desired state) goes into one inbox, and one turn
 * of the event loop empties it: first every readable socket is read (Node's poll phase), then the inputs are processed,
 * then long work gets one slice, then every connection writes once what the turn gave it, shared buffers for shared
 * updates, and best routes go to the kernel. Reading all before writing any is what makes fan-out fast.
 *
 * The actions of an input are performed in order before the next input is fed. A turn that has used its time leaves the
 * rest of the inbox for the next one, and sockets whose bytes wait too long are not read meanwhile.
 */
import type { BestRouteBatch } from "../../protocol/rib/best-route-batch.ts";
import type { BestRouteReader } from "../../protocol/rib/best-route-reader.ts";
import type { Speaker } from "../../protocol/speaker/speaker.ts";
import type { PeerConfig, SpeakerConfig } from "../../protocol/speaker/speaker-config.ts";
import type {
  SpeakerAction,
  SpeakerEvent,
  SpeakerInput,
} from "../../protocol/speaker/speaker-io.ts";
import type { Family } from "../../protocol/types/family.ts";
import { type IpAddress, ipVersion } from "../../protocol/types/ip-address.ts";
import { unreachable } from "../../protocol/types/never.ts";
import type { ListenerKey } from "../kernel/native/tcp-options.ts";
import { BgpListeners, type ListenConfig, type ListenProblem } from "./bgp-listeners.ts";
import type { BgpSockets } from "./bgp-sockets.ts";
import type { Clock } from "./clock.ts";
import { ConnectionTable } from "./connection-table.ts";
import { DeadlineTimer } from "./deadline-timer.ts";
import { Inbox } from "./inbox.ts";
import { InputJournal, type JournalLine } from "./input-journal.ts";
import type { TaskReport } from "./task-times.ts";
import { type Stopwatch, TaskWatch } from "./task-watch.ts";
import { WorkBudget } from "./work-budget.ts";

/** What the driver tells the rest of the host. */
export type BgpDriverOutputs = {
  readonly event: (event: SpeakerEvent) => void;
  readonly bestRoutes: (batch: BestRouteBatch) => void;
  /** False while the receiver is busy: news waits, the latest of each prefix, until `resume`. */
  readonly acceptsBestRoutes: () => boolean;
  readonly trackNextHops: (nextHops: readonly IpAddress[]) => void;
  readonly familyConverged: (family: Family, reason: string) => void;
  /** The Speaker has a bug: nothing is fed any more. */
  readonly failed: (error: Error) => void;
};

/** The part of a Speaker that is driven; the rest is for those who look at it. */
export type DrivenSpeaker = Pick<Speaker, "handle" | "transmit" | "nextDeadline" | "bestRoutes">;

export type BgpDriverOptions = {
  readonly speaker: DrivenSpeaker;
  readonly clock: Clock;
  readonly sockets: BgpSockets;
  readonly outputs: BgpDriverOutputs;
  /** By which the driver's tasks are timed; the process's clock unless a benchmark says otherwise. */
  readonly stopwatch?: Stopwatch;
};

export type BgpDriverStatistics = {
  readonly connections: number;
  readonly inboxLength: number;
  readonly workBudget: number;
  readonly longSlices: number;
  readonly tasks: readonly TaskReport[];
  readonly listenProblems: readonly ListenProblem[];
};

/** Prefixes of one batch of best routes, and batches of a family that one turn hands on. */
const BATCH_PREFIXES = 2048;
const BATCHES_PER_TURN = 2;
/** When no further piece of a turn begins: a piece may take a millisecond, and no turn should take five. */
const TURN_MILLISECONDS = 3.5;
/** How long one turn processes inputs, does long work, and writes what came of them. */
const INPUTS_MILLISECONDS = 1.5;
const WORK_MILLISECONDS = 1;
const WRITING_MILLISECONDS = 1.5;
/** After a stop, sessions and connections may take this long to deliver their last words. */
const STOP_MILLISECONDS = 2_500;

/** Runs one Speaker over real sockets and one timer. */
export class BgpDriver {
  readonly #speaker: DrivenSpeaker;
  readonly #clock: Clock;
  readonly #outputs: BgpDriverOutputs;
  readonly #listeners: BgpListeners;
  readonly #connections: ConnectionTable;
  readonly #timer: DeadlineTimer;
  readonly #journal = new InputJournal();
  readonly #budget = new WorkBudget();
  readonly #watch: TaskWatch;
  readonly #readers = new Map<Family, BestRouteReader>();
  readonly #familiesWithNews = new Set<Family>();
  /** Families whose convergence is told when their best routes have been handed on, with its reason. */
  readonly #converged = new Map<Family, string>();
  readonly #inbox = new Inbox();
  #workPending = false;
  #deadlineDue = false;
  #turnScheduled = false;
  #turnEnd = 0;
  #owesTelling = false;
  #turns = 0;
  #current: SpeakerInput | undefined;
  #closed = false;
  #onStopped: (() => void) | undefined;

  constructor({ speaker, clock, sockets, outputs, stopwatch = clock.now }: BgpDriverOptions) {
    this.#watch = new TaskWatch(outputs.event, stopwatch);
    this.#speaker = speaker;
    this.#clock = clock;
    this.#outputs = outputs;
    this.#timer = new DeadlineTimer(clock, () => {
      this.#deadlineDue = true;
      this.#scheduleTurn();
    });
    this.#connections = new ConnectionTable({
      clock,
      sockets,
      feed: (input) => this.feed(input),
      transmit: (connection, maxBytes) => speaker.transmit(connection, maxBytes),
    });
    this.#listeners = new BgpListeners({
      sockets,
      onConnection: (socket) => this.#connections.accept(socket),
      onProblem: ({ address, reason }) =>
        outputs.event({ name: "listen.failed", level: "error", fields: { address, reason } }),
    });
  }

  /** The whole desired configuration. Resolves when each listener was tried once. */
  async configure(config: SpeakerConfig, listen: ListenConfig): Promise<void> {
    this.#connections.configure(config.peers);
    this.feed({ type: "configure", config });
    await this.#listeners.configure(listen, listenerKeys(config.peers));
  }

  /** Queues an input; it is processed in one of the next turns of the event loop, after all that came before it. */
  feed(input: SpeakerInput): void {
    this.#inbox.add(input);
    this.#scheduleTurn();
  }

  /** The receiver of best routes takes them again. */
  resume(): void {
    if (this.#familiesWithNews.size > 0) this.#scheduleTurn();
  }

  /** Lists the whole table of best routes again, for a reader that lost its memory. */
  restartBestRoutes(): void {
    for (const [family, reader] of this.#readers) {
      reader.restart();
      this.#familiesWithNews.add(family);
    }
    this.#scheduleTurn();
  }

  /**
   * Ends every session: "restart" closes without a Cease, so that peers keep our routes; "shutdown" withdraws and says
   * goodbye. Resolves when the last connection is closed, or has had its time.
   */
  async stop(mode: "restart" | "shutdown", message?: string): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#onStopped = resolve;
    });
    const timeout = setTimeout(() => this.close(), STOP_MILLISECONDS);
    this.feed({
      type: "operator",
      command: { type: "stop", mode, ...(message !== undefined && { message }) },
    });
    await stopped;
    await this.#connections.empty();
    clearTimeout(timeout);
    this.close();
  }

  /** Drops everything at once. */
  close(): void {
    this.#closed = true;
    this.#timer.stop();
    this.#listeners.close();
    this.#connections.abort();
    this.#onStopped?.();
  }

  /** Turns so far: where the number stands still, nothing happens. */
  get turns(): number {
    return this.#turns;
  }

  statistics(): BgpDriverStatistics {
    return {
      connections: this.#connections.size,
      inboxLength: this.#inbox.length,
      workBudget: this.#budget.prefixes,
      longSlices: this.#watch.longSlices,
      tasks: this.#watch.times.report(),
      listenProblems: this.#listeners.problems(),
    };
  }

  listeningPorts(): number[] {
    return this.#listeners.ports();
  }

  /** For benchmarks, which time one situation after another. */
  clearTaskTimes(): void {
    this.#watch.clear();
  }

  /** The last inputs, for a crash file. */
  journal(): JournalLine[] {
    return this.#journal.lines();
  }

  /** The address of the peer whose input is being processed, for a crash file. */
  currentPeer(): IpAddress | undefined {
    const input = this.#current;
    return input !== undefined && "connection" in input
      ? this.#connections.remoteAddressOf(input.connection)
      : undefined;
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled || this.#closed) return;
    this.#turnScheduled = true;
    // The check phase comes right after poll, when every readable socket has been read.
    setImmediate(() => {
      this.#turnScheduled = false;
      if (this.#closed) return;
      try {
        this.#turn();
      } catch (error) {
        this.#outputs.failed(error instanceof Error ? error : new Error(String(error)));
        this.close();
      }
    });
  }

  /** Each part has its share of the turn, and none goes on when the turn as a whole has had its time: the next one begins with it. */
  #turn(): void {
    const begun = this.#watch.start();
    this.#turns++;
    this.#turnEnd = this.#clock.now() + TURN_MILLISECONDS;
    this.#drainInbox();
    if (this.#deadlineDue) {
      this.#deadlineDue = false;
      this.#handle({ type: "deadlineReached" });
    }
    // A turn that is over before it could tell anything leaves that to the next one, which then does no other work.
    const owed = this.#owesTelling;
    if (this.#workPending && !owed && !this.#isOver()) this.#resumeWork();
    this.#owesTelling = !owed && this.#isOver();
    if (!this.#owesTelling) this.#tell();
    this.#awaitDeadline();
    const inputsWait = this.#inbox.length > 0;
    const newsWait = this.#familiesWithNews.size > 0 && this.#outputs.acceptsBestRoutes();
    if (inputsWait || newsWait || this.#workPending || this.#connections.hasReady) {
      this.#scheduleTurn();
    }
    this.#watch.end("turn", begun);
  }

  #isOver(): boolean {
    return this.#clock.now() >= this.#turnEnd;
  }

  /** When a part that begins now must end. */
  #endOf(share: number): number {
    return Math.min(this.#clock.now() + share, this.#turnEnd);
  }

  #tell(): void {
    const start = this.#watch.start();
    this.#connections.transmit(this.#endOf(WRITING_MILLISECONDS));
    const written = this.#watch.end("transmit", start);
    this.#readBestRoutes();
    this.#watch.end("bestRoutes", written);
  }

  /** What is due already comes in the next turn: the shortest timer is a millisecond long. */
  #awaitDeadline(): void {
    const deadline = this.#speaker.nextDeadline();
    if (deadline === undefined || deadline > this.#clock.now()) this.#timer.set(deadline);
    else {
      this.#deadlineDue = true;
      this.#scheduleTurn();
    }
  }

  #drainInbox(): void {
    const end = this.#endOf(INPUTS_MILLISECONDS);
    while (this.#inbox.length > 0 && this.#clock.now() < end) {
      const input = this.#inbox.take();
      if (input === undefined || !this.#connections.knows(input)) continue;
      this.#handle(input);
      this.#connections.handled(input);
    }
  }

  /** Slices follow one another until the turn's share is used; each is so small that the last one goes little beyond it. */
  #resumeWork(): void {
    const end = this.#endOf(WORK_MILLISECONDS);
    do {
      this.#workPending = false;
      const start = this.#watch.start();
      this.#handle({ type: "workResumed", budget: this.#budget.prefixes });
      // Work that ends before its budget does says nothing about the budget.
      if (this.#workPending) this.#budget.learn(this.#watch.start() - start);
    } while (this.#workPending && this.#clock.now() < end);
  }

  #handle(input: SpeakerInput): void {
    const now = this.#clock.now();
    this.#journal.record(now, input);
    this.#current = input;
    const start = this.#watch.start();
    const actions = this.#speaker.handle(input, now);
    this.#watch.end(input.type, start);
    for (const action of actions) this.#perform(action);
    this.#current = undefined;
  }

  #perform(action: SpeakerAction): void {
    switch (action.type) {
      case "connect":
        this.#connections.connect(action);
        break;
      case "close":
        this.#connections.close(action.connection, action.mode);
        break;
      case "transmitReady":
        this.#connections.markReady(action.connection);
        break;
      case "workPending":
        this.#workPending = true;
        break;
      case "bestRoutesChanged":
        this.#familiesWithNews.add(action.family);
        break;
      case "trackNextHops":
        this.#outputs.trackNextHops(action.nextHops);
        break;
      case "familyConverged":
        this.#converged.set(action.family, action.reason);
        this.#familiesWithNews.add(action.family);
        break;
      case "stopped":
        this.#onStopped?.();
        break;
      case "event":
        this.#outputs.event(action.event);
        break;
      default:
        unreachable(action);
    }
  }

  #readBestRoutes(): void {
    for (const family of this.#familiesWithNews) {
      if (!this.#outputs.acceptsBestRoutes()) break;
      if (this.#readBatches(family)) continue;
      this.#familiesWithNews.delete(family);
      this.#tellConverged(family);
    }
  }

  /** A sweep may follow: what is wanted must have been handed on before. */
  #tellConverged(family: Family): void {
    const reason = this.#converged.get(family);
    if (reason === undefined || !this.#converged.delete(family)) return;
    this.#outputs.familyConverged(family, reason);
  }

  /** False when the reader has no more news. */
  #readBatches(family: Family): boolean {
    const reader = this.#readerOf(family);
    for (let i = 0; i < BATCHES_PER_TURN && (i === 0 || !this.#isOver()); i++) {
      const batch = reader.read(BATCH_PREFIXES);
      if (batch === undefined) return false;
      this.#outputs.bestRoutes(batch);
    }
    return true;
  }

  /** A speaker has no routes before it is configured, so readers are made when there is news. */
  #readerOf(family: Family): BestRouteReader {
    const known = this.#readers.get(family);
    if (known !== undefined) return known;
    const reader = this.#speaker.bestRoutes(family);
    this.#readers.set(family, reader);
    return reader;
  }
}

function listenerKeys(peers: readonly PeerConfig[]): ListenerKey[] {
  return peers.flatMap(({ address, password }) =>
    password === undefined
      ? []
      : [{ address, prefixLength: ipVersion(address) === 4 ? 32 : 128, md5Key: password }],
  );
}
