/** No task of the driver should keep the event loop longer than this. */
const TASK_LIMIT_MILLISECONDS = 5;

/** Upper bounds of the histogram's buckets, in milliseconds; what is longer than the last one is in none. */
const TASK_BUCKETS_MILLISECONDS = [0.1, 0.5, 1, 2, 5, 10, 20, 50] as const;

/** How long one kind of task took so far. */
export type TaskReport = {
  readonly task: string;
  readonly count: number;
  readonly milliseconds: number;
  readonly maxMilliseconds: number;
  /** Tasks that took longer than TASK_LIMIT_MILLISECONDS. */
  readonly overLimit: number;
  /** How many took at most so long; each includes those before it. */
  readonly buckets: readonly { readonly milliseconds: number; readonly count: number }[];
};

/** Durations of what the driver does, by kind of task: a turn as a whole, and each of its parts. */
export class TaskTimes {
  readonly #tasks = new Map<string, Durations>();

  add(task: string, milliseconds: number): void {
    let durations = this.#tasks.get(task);
    if (durations === undefined) {
      durations = new Durations();
      this.#tasks.set(task, durations);
    }
    durations.add(milliseconds);
  }

  report(): readonly TaskReport[] {
    return [...this.#tasks].map(([task, durations]) => durations.report(task));
  }
}

class Durations {
  #count = 0;
  #sum = 0;
  #max = 0;
  #overLimit = 0;
  readonly #buckets = new Float64Array(TASK_BUCKETS_MILLISECONDS.length);

  add(milliseconds: number): void {
    this.#count++;
    this.#sum += milliseconds;
    if (milliseconds > this.#max) this.#max = milliseconds;
    if (milliseconds > TASK_LIMIT_MILLISECONDS) this.#overLimit++;
    for (let i = TASK_BUCKETS_MILLISECONDS.length - 1; i >= 0; i--) {
      if (milliseconds > (TASK_BUCKETS_MILLISECONDS[i] as number)) return;
      this.#buckets[i] = (this.#buckets[i] as number) + 1;
    }
  }

  report(task: string): TaskReport {
    return {
      task,
      count: this.#count,
      milliseconds: this.#sum,
      maxMilliseconds: this.#max,
      overLimit: this.#overLimit,
      buckets: TASK_BUCKETS_MILLISECONDS.map((bound, i) => ({
        milliseconds: bound,
        count: this.#buckets[i] as number,
      })),
    };
  }
}
