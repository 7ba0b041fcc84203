import { type PlanRequest, type PlanStep, planReflectors } from "../../analyse/plan-rr.ts";
import type { Datastore } from "../../datastore/datastore.ts";
import { formatKey, keyOf } from "../../resources/resource.ts";
import type { AnyResource } from "../../resources/schemas.ts";
import { validateResource } from "../../resources/validate.ts";
import { changeResources } from "../change-resources.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { isChange, type ResourceChange, replacement } from "../resource-change.ts";

/**
 * `tortie bgp plan-rr`: the steps that are left, from what is in the datastore now; `--apply` takes the first of them. The plan
 * is made anew each time, so the way can be left and taken up again at any step.
 */
export async function bgpPlanRr(context: CommandContext): Promise<number> {
  const request = requestOf(context);
  const steps = await withDatastore(context, (datastore) => planOf(context, datastore, request));
  const [next] = steps;
  if (next === undefined) {
    context.stdout.write("Nothing is left to do.\n");
    return ExitCode.done;
  }
  if (context.options["apply"] !== true) {
    for (const [i, step] of steps.entries()) context.stdout.write(stepText(step, i + 1));
    return ExitCode.done;
  }
  const code = await changeResources(context, {
    verb: "applied",
    plan: (datastore) => changesOf(datastore, next),
  });
  if (code === ExitCode.done) context.stderr.write(waitText(next, steps.length - 1));
  return code;
}

function requestOf({ options }: CommandContext): PlanRequest {
  const { reflectors, clusterId, toMesh } = options;
  if (toMesh === true) return { to: "mesh" };
  if (typeof reflectors !== "string") {
    throw new CommandFailure({
      what: "which nodes shall reflect?",
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

async function planOf(
  { stderr }: CommandContext,
  datastore: Datastore,
  request: PlanRequest,
): Promise<readonly PlanStep[]> {
  const plan = planReflectors(await readCluster(datastore), request);
  if (!plan.ok) {
    throw new CommandFailure({
      what: "this cannot be done without a break",
      why: plan.problems.join("; "),
      exitCode: ExitCode.failed,
    });
  }
  for (const warning of plan.warnings) stderr.write(`warning: ${warning}\n`);
  const left: PlanStep[] = [];
  // A step that was taken stays in the plan, and has nothing to change any more.
  for (const step of plan.steps) {
    if ((await changesOf(datastore, step)).some(isChange)) left.push(step);
  }
  return left;
}

/** Bad objects are in force nowhere, so no plan counts on them. */
async function readCluster(datastore: Datastore): Promise<readonly AnyResource[]> {
  const { resources } = await datastore.list();
  return resources.flatMap((resource) => {
    const validated = validateResource(resource, { unknownFields: "warning" });
    return validated.ok ? [validated.resource] : [];
  });
}

async function changesOf(
  datastore: Datastore,
  { apply, remove }: PlanStep,
): Promise<readonly ResourceChange[]> {
  const changes: ResourceChange[] = [];
  for (const wanted of apply) changes.push(replacement(await datastore.get(keyOf(wanted)), wanted));
  for (const gone of remove) {
    const key = keyOf(gone);
    changes.push({ key, before: await datastore.get(key) });
  }
  return changes;
}

function stepText({ title, apply, remove, waitFor }: PlanStep, number: number): string {
  const lines = [
    ...apply.map((resource) => `apply ${formatKey(keyOf(resource))}`),
    ...remove.map((resource) => `delete ${formatKey(keyOf(resource))}`),
    ...(waitFor.length === 0 ? [] : [`wait for ${waitFor.length} sessions`]),
  ];
  return `${number}. ${title}\n${lines.map((line) => `   ${line}\n`).join("")}`;
}

function waitText({ waitFor }: PlanStep, left: number): string {
  const sessions = waitFor.map(({ node, peer }) => `  ${node}: ${peer}\n`).join("");
  const wait =
    waitFor.length === 0
      ? ""
      : `Before the next step these must be Established, with all routes told (tortie bgp neighbor):\n${sessions}`;
  return `${wait}${left === 0 ? "This was the last step.\n" : `${left} steps are left: the same command again.\n`}`;
}
