import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Test } from "tap";
import type { HistoriesDone } from "./histories-worker.ts";

/** SEED=17 looks at one history again. */
const { SEED } = process.env;
/** Seeds that once failed stay. */
const KEPT_SEEDS: readonly number[] = [73, 244, 255];

/** Runs histories of several allocators, those with our clients alone and those beside others in turn. */
export async function runHistories(
  t: Test,
  { histories, withCalico }: { readonly histories: number; readonly withCalico: boolean },
): Promise<void> {
  const seeds = SEED === undefined ? [...KEPT_SEEDS, ...Array(histories).keys()] : [Number(SEED)];
  const asked = { seeds, programs: 3, calls: 7, withCalico };
  const { failure, done, happened } = await inWorker(asked);
  t.equal(failure, undefined);
  t.equal(done, seeds.length);
  t.comment(JSON.stringify(happened));
  if (SEED !== undefined) return;
  for (const [kind, count] of Object.entries(happened)) t.ok(count > seeds.length / 50, kind);
}

/** tap follows every promise of its thread, which makes histories several times slower. */
async function inWorker(workerData: object): Promise<HistoriesDone> {
  const { promise, resolve, reject } = Promise.withResolvers<HistoriesDone>();
  const path = fileURLToPath(new URL("histories-worker.ts", import.meta.url));
  const worker = new Worker(path, { workerData, execArgv: [] });
  worker.once("message", resolve);
  worker.once("error", reject);
  return promise;
}
