import type { SpeakerEvent } from "../../protocol/speaker/speaker-io.ts";
import { TaskTimes } from "./task-times.ts";
import { LONG_SLICE_MILLISECONDS } from "./work-budget.ts";

/** A busy machine makes every slice long: one line is enough, the counter has the rest. */
const MILLISECONDS_BETWEEN_EVENTS = 10_000;

/** Milliseconds of some clock; benchmarks count CPU time, so that other programs do not matter. */
export type Stopwatch = () => number;

/** Takes the time of the driver's tasks, and reports, not too often, one that took far too long. */
export class TaskWatch {
  readonly #stopwatch: Stopwatch;
  readonly #event: (event: SpeakerEvent) => void;
  #times = new TaskTimes();
  #longSlices = 0;
  #nextEvent = Number.NEGATIVE_INFINITY;

  constructor(event: (event: SpeakerEvent) => void, stopwatch: Stopwatch) {
    this.#event = event;
    this.#stopwatch = stopwatch;
  }

  /** When a task begins. */
  start(): number {
    return this.#stopwatch();
  }

  /** A part of a turn is done; answers when, which is the beginning of the next part. */
  end(task: string, start: number): number {
    const now = this.#stopwatch();
    this.#times.add(task, now - start);
    if (now - start > LONG_SLICE_MILLISECONDS) this.#tooLong(task, now - start);
    return now;
  }

  get times(): TaskTimes {
    return this.#times;
  }

  /** Begins to count anew, for benchmarks. */
  clear(): void {
    this.#times = new TaskTimes();
  }

  get longSlices(): number {
    return this.#longSlices;
  }

  #tooLong(task: string, milliseconds: number): void {
    this.#longSlices++;
    const now = performance.now();
    if (now < this.#nextEvent) return;
    this.#nextEvent = now + MILLISECONDS_BETWEEN_EVENTS;
    this.#event({
      name: "slice.long",
      level: "warn",
      fields: { slice: task, milliseconds: Math.round(milliseconds), total: this.#longSlices },
    });
  }
}
