import type { HostState } from "../calc/host-state.ts";

/** A state of thousands of peers takes a while to write: at most one in this time, the latest. */
const SECONDS_BETWEEN_WRITES = 2;

/** Keeps the last good state of something on disk without writing the same one twice, or each of many in a row. */
export class HostMemory<State = HostState> {
  readonly #write: (state: State) => void;
  #written: State | undefined;
  #waiting: State | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (state: State) => void) {
    this.#write = write;
  }

  /** The first is written at once, those that follow it closely when the time has passed. */
  remember(state: State): void {
    this.#waiting = state;
    if (this.#timer !== undefined) return;
    this.flush();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, SECONDS_BETWEEN_WRITES * 1000).unref();
  }

  /** Writes what waits. */
  flush(): void {
    const state = this.#waiting;
    if (state === undefined || state === this.#written) return;
    this.#written = state;
    this.#write(state);
  }
}
