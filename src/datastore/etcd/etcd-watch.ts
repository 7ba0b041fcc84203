import { setTimeout as sleep } from "node:timers/promises";
import type { IEvent, IWatchResponse } from "etcd3";
import { DatastoreError, RevisionGone } from "../datastore.ts";
import { EtcdFailure } from "./etcd-failure.ts";
import type { EtcdTransport } from "./etcd-transport.ts";
import { ResponseQueue } from "./response-queue.ts";
import type { StoreRevision } from "./store-revision.ts";

/** Events of whole revisions, and the revision after them. */
export type EtcdBatch = { readonly events: readonly IEvent[]; readonly revision: StoreRevision };

export type EtcdWatchOptions = {
  readonly transport: EtcdTransport;
  readonly range: { readonly key: Buffer; readonly range_end: Buffer };
  readonly after: StoreRevision;
  readonly signal: AbortSignal;
};

/**
 * Every event of a range after a revision, over as many Watch calls as it takes, one call at a time. A call resumes after the
 * last revision that was delivered whole; only events move it on. (Progress answers do not: an etcd before 3.5 may give
 * one ahead of events that it has yet to send.) Throws RevisionGone when etcd has compacted what is asked for or is another
 * cluster, and DatastoreError when no member could be heard for some time.
 */
export async function* watchRange(options: EtcdWatchOptions): AsyncGenerator<EtcdBatch> {
  const { transport, signal } = options;
  const { watch, retryInitial, retryMax } = transport.timing;
  let delivered = options.after;
  let heardAt = performance.now();
  let wait = retryInitial;
  while (!signal.aborted) {
    try {
      for await (const said of watchOnce(options, delivered)) {
        heardAt = performance.now();
        wait = retryInitial;
        if (said === "heard") continue;
        delivered = said.revision;
        yield said;
      }
    } catch (error) {
      if (!(error instanceof EtcdFailure)) throw error;
      if (performance.now() - heardAt > watch) {
        throw new DatastoreError(`cannot watch: ${error.message}`, { cause: error });
      }
      await pause(wait, signal);
      wait = Math.min(wait * 2, retryMax);
    }
  }
}

/** One Watch call from its creation to its end. */
async function* watchOnce(
  { transport, range, signal }: EtcdWatchOptions,
  delivered: StoreRevision,
): AsyncGenerator<EtcdBatch | "heard"> {
  const watch = await transport.openWatch();
  const queue = new ResponseQueue(watch, transport.timing.progress);
  const stop = () => queue.stop();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    const start_revision = String(delivered.number + 1n);
    watch.call.write({ create_request: { ...range, start_revision, fragment: true } });
    const assembly = new Assembly(delivered);
    for (let response = await queue.next(); response; response = await queue.next()) {
      if (response.created) await checkHistory(transport, delivered, response);
      const batch = assembly.take(response);
      yield batch ?? "heard";
    }
  } catch (error) {
    if (error instanceof DatastoreError) throw error;
    watch.failed();
    throw new EtcdFailure(watch.endpoint, { cause: error });
  } finally {
    signal.removeEventListener("abort", stop);
    queue.stop();
  }
}

/** Puts responses together again that the server has cut into fragments, and refuses those that end the watch. */
class Assembly {
  #fragments: IEvent[] = [];
  #delivered: StoreRevision;

  constructor(delivered: StoreRevision) {
    this.#delivered = delivered;
  }

  take(response: IWatchResponse): EtcdBatch | undefined {
    if (response.canceled) throw reasonOf(response);
    // Answers to progress requests come between fragments, and have no events.
    if (response.events.length === 0) return undefined;
    this.#fragments.push(...response.events);
    if (response.fragment) return undefined;
    const { number } = this.#delivered;
    const events = this.#fragments.filter(({ kv }) => BigInt(kv.mod_revision) > number);
    this.#fragments = [];
    const last = events.at(-1);
    if (last === undefined) return undefined;
    this.#delivered = this.#delivered.at(last.kv.mod_revision);
    return { events, revision: this.#delivered };
  }
}

function reasonOf({ compact_revision, cancel_reason }: IWatchResponse): Error {
  if (compact_revision !== "0") {
    return new RevisionGone(`etcd has compacted its history up to ${compact_revision}`);
  }
  return new Error(`the watch was refused: ${cancel_reason || "no reason given"}`);
}

/**
 * A store whose history is shorter than what was seen of it has been restored or replaced, and would stay silent until it
 * has caught up. A member that only lags behind its cluster looks the same, so the quorum is asked.
 */
async function checkHistory(
  transport: EtcdTransport,
  delivered: StoreRevision,
  { header }: IWatchResponse,
): Promise<void> {
  delivered.assertSameStore(header.cluster_id);
  if (BigInt(header.revision) >= delivered.number) return;
  const { answer } = await transport.ask((kv, call) => kv.range({ key: PROBE, limit: 1 }, call));
  if (BigInt(answer.header.revision) >= delivered.number) return;
  throw new RevisionGone(`etcd is at revision ${answer.header.revision}, before ${delivered}`);
}

/** Any key will do: the answer's header holds the revision. It is one that whoever may watch may read. */
const PROBE = Buffer.from("/calico/resources/v3/projectcalico.org/");

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch {
    // Only the signal ends a sleep early, and the caller looks at it next.
  }
}
