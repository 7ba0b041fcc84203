import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import t, { type Test } from "tap";
import type { HistoriesDone } from "./histories-worker.ts";

/** HISTORIES=20000 looks longer; SEED=17 looks at one history again. */
const { HISTORIES = "1000", SEED } = process.env;
/** Seeds that once failed stay. */
const KEPT_SEEDS: readonly number[] = [61];

t.test("several allocators, with crashes between any two calls", async (t) => {
  await runHistories(t, { programs: 4, calls: 8, withCalico: false });
});

t.test("the same beside clients that need several writes for one step, as Calico's", async (t) => {
  await runHistories(t, { programs: 4, calls: 8, withCalico: true });
});

async function runHistories(
  t: Test,
  options: { readonly programs: number; readonly calls: number; readonly withCalico: boolean },
): Promise<void> {
  const seeds =
    SEED === undefined ? [...KEPT_SEEDS, ...Array(Number(HISTORIES)).keys()] : [Number(SEED)];
  const { failure, done, happened } = await inWorker({ ...options, seeds });
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
