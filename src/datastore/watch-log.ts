import { type Revision, RevisionGone, type WatchBatch, type WatchEvent } from "./datastore.ts";

/** Events that are kept for watchers which come back; older ones are gone. */
const MAX_EVENTS = 10_000;

/**
 * The recent history of a store that lives in this process: numbered events, and watchers that wait for more. A revision
 * carries the name of its log, so that one of another process is recognised and refused.
 */
export class WatchLog {
  readonly #name: string;
  readonly #events: WatchEvent[] = [];
  /** Number of the first event that is still in #events. */
  #first = 1;
  /** Raised by whatever watchers must hear of, also without an event. */
  #problems = 0;
  readonly #waiting = new Set<() => void>();

  constructor(name: string) {
    this.#name = name;
  }

  get revision(): Revision {
    return `${this.#name}${this.#first + this.#events.length - 1}`;
  }

  append(events: readonly WatchEvent[]): void {
    if (events.length === 0) return;
    this.#events.push(...events);
    const excess = this.#events.length - MAX_EVENTS;
    if (excess > 0) {
      this.#events.splice(0, excess);
      this.#first += excess;
    }
    this.#wake();
  }

  /** Tells watchers that the store's problems have changed. */
  problemsChanged(): void {
    this.#problems++;
    this.#wake();
  }

  async *watch(after: Revision, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    let next = this.#numberOf(after) + 1;
    let problems = this.#problems;
    while (!signal.aborted) {
      if (next < this.#first) throw new RevisionGone(`changes after ${after} are no longer known`);
      const events = this.#events.slice(next - this.#first);
      const problemsChanged = problems !== this.#problems;
      if (events.length === 0 && !problemsChanged) {
        await this.#more(signal);
        continue;
      }
      next += events.length;
      problems = this.#problems;
      yield { events, revision: `${this.#name}${next - 1}`, problemsChanged };
    }
  }

  #numberOf(revision: Revision): number {
    const digits = revision.startsWith(this.#name) ? revision.slice(this.#name.length) : "";
    const number = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
    const last = this.#first + this.#events.length - 1;
    if (!(number <= last)) throw new RevisionGone(`revision ${revision} is not of this store`);
    return number;
  }

  async #more(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = () => resolve();
    this.#waiting.add(stop);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    await promise;
    this.#waiting.delete(stop);
    signal.removeEventListener("abort", stop);
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
