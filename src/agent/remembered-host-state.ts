import { HostCalculation } from "../calc/calc.ts";
import type { HostState } from "../calc/host-state.ts";

/**
 * A host state that an earlier process wrote down, perhaps one of an older version: fields that were not there yet get the
 * value that they have on a host of which nothing is known. Undefined for another node's state, and for what is none.
 */
export function readRememberedHostState(value: unknown, nodeName: string): HostState | undefined {
  if (!isRecord(value) || value["nodeName"] !== nodeName) return undefined;
  const unknown = new HostCalculation({ nodeName }).update([]);
  return completed(value, unknown) as HostState;
}

/** What is there stays, lists and all; what is missing is taken from the model. */
function completed(value: unknown, model: unknown): unknown {
  if (!isRecord(model)) return value === undefined ? model : value;
  const given = isRecord(value) ? value : {};
  const fields = Object.entries(model).map(([key, each]) => [key, completed(given[key], each)]);
  return { ...given, ...Object.fromEntries(fields) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
