import { DatastoreError } from "../datastore/datastore.ts";
import { WorkloadError } from "./workload-request.ts";

/** What the surroundings did wrong, in the words of workloads. A bug stays what it is. */
export function workloadErrorOf(error: unknown): unknown {
  if (error instanceof DatastoreError) {
    return new WorkloadError("unavailable", error.message, { cause: error });
  }
  return error;
}

/** Runs a step whose failures are told in the words of workloads. */
export async function asWorkloadError<Result>(step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    throw workloadErrorOf(error);
  }
}
