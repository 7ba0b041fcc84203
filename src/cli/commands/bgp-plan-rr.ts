import type { PlanRequest, PlanStep } from "../../analyse/plan-rr.ts";
import { parseDuration } from "../../resources/duration.ts";
import { formatKey, keyOf } from "../../resources/resource.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { planMove } from "../reflector-move.ts";

const STANDARD_TIMEOUT = "2m";

/** `tortie bgp plan-rr`: the steps that are left, from what is in the datastore now; `--apply` takes them. */
export async function bgpPlanRr(context: CommandContext): Promise<number> {
  const request = requestOf(context);
  const { apply, step, dryRun } = context.options;
  if (apply === true && dryRun !== true) {
    const { makeMove } = await import("../reflector-move.ts");
    return makeMove(context, {
      request,
      oneStep: step === true,
      timeoutSeconds: timeoutOf(context),
    });
  }
  const { steps, next } = await withDatastore(context, (datastore) =>
    planMove(context, datastore, request),
  );
  const left = steps.slice(next);
  if (left.length === 0) context.stdout.write("Nothing is left to do.\n");
  for (const [i, each] of left.entries()) context.stdout.write(stepText(each, i + 1));
  return ExitCode.done;
}

function requestOf({ options }: CommandContext): PlanRequest {
  const { reflectors, clusterId, toMesh } = options;
  if (toMesh === true && reflectors === undefined) return { to: "mesh" };
  if (typeof reflectors !== "string" || toMesh === true) {
    throw new CommandFailure({
      what: toMesh === true ? "both ways at once?" : "which nodes shall reflect?",
      fix: "--reflectors host-1,host-2, or --to-mesh for the way back",
      exitCode: ExitCode.usage,
    });
  }
  return {
    to: "reflectors",
    reflectors: reflectors.split(",").map((name) => name.trim()),
    ...(typeof clusterId === "string" && { clusterId }),
  };
}

function timeoutOf({ options }: CommandContext): number {
  const { timeout = STANDARD_TIMEOUT } = options;
  const seconds = parseDuration(String(timeout));
  if (seconds !== undefined && seconds > 0) return seconds;
  throw new CommandFailure({
    what: `--timeout ${timeout} is no time`,
    fix: "--timeout 2m",
    exitCode: ExitCode.usage,
  });
}

function stepText({ title, apply, remove, waitFor }: PlanStep, number: number): string {
  const lines = [
    ...apply.map((resource) => `apply ${formatKey(keyOf(resource))}`),
    ...remove.map((resource) => `delete ${formatKey(keyOf(resource))}`),
    ...(waitFor.length === 0 ? [] : [`wait for ${waitFor.length} sessions`]),
  ];
  return `${number}. ${title}\n${lines.map((line) => `   ${line}\n`).join("")}`;
}
