import type { SpeakerEvent } from "../../protocol/speaker/speaker-io.ts";

/** An event with the time of day at which it happened. */
export type RecordedEvent = Omit<SpeakerEvent, "notification"> & { readonly at: Date };

/** The last events of the daemon, for `tortie` and for crash files. Bounded: the oldest goes first. */
export class EventRing {
  readonly #capacity: number;
  readonly #events: RecordedEvent[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  record(event: RecordedEvent): void {
    this.#events[this.#next] = event;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** The newest `limit` events, oldest first; of one peer, if it is named. */
  recent({ limit, peer }: { readonly limit: number; readonly peer?: string }): RecordedEvent[] {
    const ordered = [...this.#events.slice(this.#next), ...this.#events.slice(0, this.#next)];
    const wanted = peer === undefined ? ordered : ordered.filter((event) => event.peer === peer);
    return wanted.slice(Math.max(0, wanted.length - limit));
  }
}
