import { type PlanRequest, type PlanStep, planReflectors } from "../analyse/plan-rr.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { keyOf } from "../resources/resource.ts";
import type { AnyResource } from "../resources/schemas.ts";
import { validateResource } from "../resources/validate.ts";
import { changeResources } from "./change-resources.ts";
import type { CommandContext } from "./command.ts";
import { withDatastore } from "./datastore.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";
import { isChange, type ResourceChange, replacement } from "./resource-change.ts";
import { type MissingSession, SessionWait } from "./session-wait.ts";

export type MoveOptions = {
  readonly request: PlanRequest;
  /** Takes the next step, waits for its sessions, and stops. */
  readonly oneStep: boolean;
  /** For the sessions of each step. */
  readonly timeoutSeconds: number;
};

/** All steps of a move, and which of them is the first that still has something to change. */
export type Move = { readonly steps: readonly PlanStep[]; readonly next: number };

/** Sessions that are named one by one; more are only counted. */
const NAMED = 10;

/**
 * Makes the whole move. The plan is made anew before each step, so what others change meanwhile counts, and the way can be left and
 * taken up again anywhere; no step is taken before the sessions of the one before are up.
 */
export function makeMove(context: CommandContext, options: MoveOptions): Promise<number> {
  const aborter = new AbortController();
  const abort = () => aborter.abort();
  process.once("SIGINT", abort);
  process.once("SIGTERM", abort);
  const { signal } = aborter;
  const onProgress = (up: number, of: number) =>
    context.stdout.write(`  ${up} of ${of} sessions are up, with all routes told\n`);
  const deadlineMilliseconds = options.timeoutSeconds * 1000;
  return withDatastore(context, (datastore) => {
    const wait = new SessionWait({ datastore, deadlineMilliseconds, signal, onProgress });
    return takeSteps(context, { ...options, datastore, wait, signal });
  }).finally(() => {
    process.removeListener("SIGINT", abort);
    process.removeListener("SIGTERM", abort);
  });
}

type MoveInStore = MoveOptions & {
  readonly datastore: Datastore;
  readonly wait: SessionWait;
  readonly signal: AbortSignal;
};

async function takeSteps(context: CommandContext, move: MoveInStore): Promise<number> {
  const { datastore, request, oneStep } = move;
  for (let taken = -1; ; ) {
    const quietly = taken >= 0;
    const { steps, next } = await planMove(context, datastore, request, { quietly });
    if (next <= taken) throw changedBack(taken);
    const waited = await waitFor(context, steps[next - 1], move);
    if (waited !== ExitCode.done) return waited;
    const step = steps[next];
    if (step === undefined || (oneStep && taken >= 0)) {
      return tellEnd(context, steps.length - next);
    }
    context.stdout.write(`Step ${next + 1} of ${steps.length}: ${step.title}\n`);
    const plan = (store: Datastore) => changesOf(store, step);
    const code = await changeResources(context, { verb: "applied", plan });
    if (code !== ExitCode.done) return code;
    taken = next;
  }
}

function tellEnd({ stdout }: CommandContext, left: number): number {
  const steps = left === 1 ? "1 step is left" : `${left} steps are left`;
  stdout.write(
    left === 0 ? "Done: nothing is left to do.\n" : `${steps}: the same command again.\n`,
  );
  return ExitCode.done;
}

/** Bad objects are in force nowhere, so no plan counts on them. */
export async function planMove(
  { stderr }: CommandContext,
  datastore: Datastore,
  request: PlanRequest,
  { quietly = false }: { readonly quietly?: boolean } = {},
): Promise<Move> {
  const { resources } = await datastore.list();
  const good = resources.flatMap((resource): readonly AnyResource[] => {
    const validated = validateResource(resource, { unknownFields: "warning" });
    return validated.ok ? [validated.resource] : [];
  });
  const plan = planReflectors(good, request);
  if (!plan.ok) {
    throw new CommandFailure({
      what: "this cannot be done without a break",
      why: plan.problems.join("; "),
      exitCode: ExitCode.failed,
    });
  }
  if (!quietly) for (const warning of plan.warnings) stderr.write(`warning: ${warning}\n`);
  for (const [i, step] of plan.steps.entries()) {
    // A step that was taken stays in the plan, and has nothing to change any more.
    if ((await changesOf(datastore, step)).some(isChange)) return { steps: plan.steps, next: i };
  }
  return { steps: plan.steps, next: plan.steps.length };
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

async function waitFor(
  { stderr }: CommandContext,
  step: PlanStep | undefined,
  { wait, timeoutSeconds, signal }: MoveInStore,
): Promise<number> {
  if (step === undefined) return ExitCode.done;
  const missing = await wait.until(step.waitFor);
  if (signal.aborted) {
    stderr.write(`interrupted; ${SAFE}\n`);
    return ExitCode.interrupted;
  }
  if (missing.length === 0) return ExitCode.done;
  stderr.write(missingText(missing, timeoutSeconds));
  return ExitCode.timedOut;
}

const SAFE =
  "no step is half taken, and whatever carried traffic before still does: the same command goes on from here";

function missingText(missing: readonly MissingSession[], timeoutSeconds: number): string {
  const named = missing
    .slice(0, NAMED)
    .map(({ node, peer, why }) => `  ${node} with ${peer}: ${why}`);
  const more = missing.length - named.length;
  return [
    `error: ${missing.length} sessions are not up after ${timeoutSeconds} s`,
    ...named,
    ...(more > 0 ? [`  and ${more} more`] : []),
    `  ${SAFE}`,
    "  fix: bring them up (tortie bgp neighbor PEER, on these nodes), or wait longer with --timeout",
    "",
  ].join("\n");
}

function changedBack(step: number): CommandFailure {
  return new CommandFailure({
    what: `step ${step + 1} was taken, and somebody took it back`,
    fix: "find out who else writes these objects, then the same command again",
    exitCode: ExitCode.conflict,
  });
}
