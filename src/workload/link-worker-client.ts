import { Worker } from "node:worker_threads";
import type { LinkAnswer, LinkRequest } from "./link-requests.ts";
import type { FromLinkWorker, ToLinkWorker } from "./link-worker.ts";

/** Where the worker's entry stands: beside this file, as source or as bundle. */
const LINK_WORKER_URL = new URL(
  import.meta.url.endsWith(".ts") ? "./link-worker.ts" : "./link-worker.js",
  import.meta.url,
);

/** Whoever makes, removes and looks at links: the worker, or a fake in tests. */
export type LinkPort = { readonly ask: (request: LinkRequest) => Promise<LinkAnswer> };

/**
 * The main thread's end of the link worker, which is started at the first request: a host without workloads of its own
 * does not pay for it. Should it die of a bug, its requests are refused, and the next one starts another.
 */
export class LinkWorkerClient implements LinkPort {
  readonly #networkNamespace: string | undefined;
  readonly #waiting = new Map<number, (answer: LinkAnswer) => void>();
  #worker: Worker | undefined;
  #lastId = 0;

  constructor(options: { readonly networkNamespace?: string }) {
    this.#networkNamespace = options.networkNamespace;
  }

  ask(request: LinkRequest): Promise<LinkAnswer> {
    this.#worker ??= this.#start();
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<LinkAnswer>();
    this.#waiting.set(id, resolve);
    this.#worker.ref();
    this.#post({ type: "request", id, request });
    return promise;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(LINK_WORKER_URL, { name: "link-worker" });
    this.#worker = worker;
    let cause = "it ended";
    worker.on("message", ({ id, answer }: FromLinkWorker) => {
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
      // Nothing but a request under way keeps the process alive.
      if (this.#waiting.size === 0) worker.unref();
    });
    worker.on("error", (error: Error) => {
      cause = error.stack ?? error.message;
    });
    worker.on("exit", () => {
      this.#worker = undefined;
      const message = `the link worker failed: ${cause}`;
      for (const resolve of this.#waiting.values()) {
        resolve({ type: "refused", reason: "kernel", message });
      }
      this.#waiting.clear();
    });
    const networkNamespace = this.#networkNamespace;
    this.#post({ type: "start", ...(networkNamespace !== undefined && { networkNamespace }) });
    return worker;
  }

  #post(message: ToLinkWorker): void {
    this.#worker?.postMessage(message);
  }
}
