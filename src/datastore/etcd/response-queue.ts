import type { IWatchResponse } from "etcd3";
import type { OpenWatch } from "./etcd-transport.ts";

/** Responses that wait for a reader before the server is told to wait. */
const MOST_WAITING = 64;
/** Questions in a row without any answer after which a stream counts as dead. */
const MOST_UNANSWERED = 2;

type ReadableCall = { readonly pause: () => void; readonly resume: () => void };

/**
 * The responses of one Watch call, for a reader that takes its time. A server that says nothing is asked whether it is
 * there: a frozen machine, a black hole and a forgotten connection all look like a store in which nothing happens.
 */
export class ResponseQueue {
  readonly #watch: OpenWatch;
  readonly #waiting: IWatchResponse[] = [];
  readonly #timer: NodeJS.Timeout;
  #unanswered = 0;
  #paused = false;
  #end: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(watch: OpenWatch, progressMilliseconds: number) {
    this.#watch = watch;
    watch.call.on("data", (response) => this.#take(response));
    watch.call.on("error", (error) => this.#finish(error));
    watch.call.on("end", () => this.#finish(new Error("the server ended the watch")));
    this.#timer = setInterval(() => this.#askWhetherThere(), progressMilliseconds);
  }

  /** The next response; undefined when `stop` was called. Throws why the stream ended, when all that came has been taken. */
  async next(): Promise<IWatchResponse | undefined> {
    for (;;) {
      const response = this.#waiting.shift();
      if (response !== undefined) {
        this.#resume();
        return response;
      }
      if (this.#end === STOPPED) return undefined;
      if (this.#end !== undefined) throw this.#end;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  /** Ends the call; what is waiting is forgotten. */
  stop(): void {
    this.#waiting.length = 0;
    this.#finish(STOPPED);
  }

  #take(response: IWatchResponse): void {
    this.#unanswered = 0;
    if (this.#end !== undefined) return;
    this.#waiting.push(response);
    if (this.#waiting.length >= MOST_WAITING && !this.#paused) {
      this.#paused = true;
      this.#readable.pause();
    }
    this.#wake?.();
  }

  #resume(): void {
    if (!this.#paused || this.#waiting.length > MOST_WAITING / 2) return;
    this.#paused = false;
    this.#unanswered = 0;
    this.#readable.resume();
  }

  #askWhetherThere(): void {
    // While it is paused, answers lie unread behind what waits.
    if (this.#paused) return;
    if (this.#unanswered >= MOST_UNANSWERED) {
      this.#finish(new Error("the server is silent"));
      return;
    }
    this.#unanswered++;
    this.#watch.call.write({ progress_request: {} });
  }

  #finish(end: Error): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    clearInterval(this.#timer);
    this.#watch.call.cancel();
    this.#watch.close();
    this.#wake?.();
  }

  /** gRPC's duplex calls are Node's streams; etcd3 declares only a part of that. */
  get #readable(): ReadableCall {
    return this.#watch.call as unknown as ReadableCall;
  }
}

const STOPPED = new Error("stopped");
