import { parentPort, workerData } from "node:worker_threads";
import { MemoryDatastore } from "../../../src/datastore/memory.ts";
import { type HistoryOptions, historyObjects, runHistory } from "./history.ts";
import { randomFrom } from "./ipam-support.ts";

/** What became of a number of histories; with a failure the rest was not run. */
export type HistoriesDone = {
  readonly done: number;
  readonly failure: string | undefined;
  readonly happened: Awaited<ReturnType<typeof runHistory>>;
};

type Asked = Omit<HistoryOptions, "datastore" | "seed"> & { readonly seeds: readonly number[] };

parentPort?.postMessage(await runHistories(workerData));

async function runHistories({ seeds, ...options }: Asked): Promise<HistoriesDone> {
  const happened = { crashed: 0, "crashed after": 0, failed: 0, "failed after": 0 };
  let done = 0;
  for (const seed of seeds) {
    try {
      const datastore = new MemoryDatastore(historyObjects(randomFrom(seed)));
      const counts = await runHistory({ ...options, datastore, seed });
      for (const kind of Object.keys(happened) as (keyof typeof happened)[]) {
        happened[kind] += counts[kind];
      }
      done++;
    } catch (error) {
      return { done, failure: `SEED=${seed}: ${(error as Error).stack}`, happened };
    }
  }
  return { done, failure: undefined, happened };
}
