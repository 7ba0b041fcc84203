import type { Datastore } from "../datastore/datastore.ts";
import { checkChanges } from "./check-changes.ts";
import type { CommandContext } from "./command.ts";
import { withDatastore } from "./datastore.ts";
import type { DatastoreSettings } from "./datastore-settings.ts";
import { ExitCode } from "./exit-code.ts";
import { previewOf, previewText } from "./preview-text.ts";
import {
  type ChangeOutcome,
  carryOut,
  differenceLines,
  isChange,
  outcomeText,
  type ResourceChange,
} from "./resource-change.ts";

/** What a writing command wants; `verb` is for calicoctl's sentence: "Successfully applied 1 'BGPPeer' resource(s)". */
export type WantedChanges = {
  readonly verb: string;
  readonly plan: (datastore: Datastore) => Promise<readonly ResourceChange[]>;
};

/** Someone else may write between the plan and the act; then the plan is made again, a few times. */
const MOST_ATTEMPTS = 5;

/**
 * The way of every command that writes: plan, say what the network would feel, stop there if that was all that was wanted
 * (`--dry-run`), otherwise act and say what was done. With `--confirm-within` the change is undone unless somebody confirms.
 */
export function changeResources(context: CommandContext, wanted: WantedChanges): Promise<number> {
  return withDatastore(context, async (datastore, settings) => {
    const changes = await wanted.plan(datastore);
    await checkChanges(context, datastore, changes);
    await announce(context, datastore, changes);
    if (context.options["dryRun"] === true) return tellPlan(context, changes);
    const pending = await keepForRollback(context, settings, changes);
    const outcomes: ChangeOutcome[] = [];
    for (const change of changes) outcomes.push(await carryOut(datastore, change));
    const code = tellOutcomes(context, wanted.verb, outcomes);
    await pending?.(outcomes);
    return code;
  });
}

/** Plans one object's change and writes it; again where someone else was quicker, so that no write is lost. */
export async function changeOne(
  context: CommandContext,
  {
    verb,
    plan,
  }: { readonly verb: string; readonly plan: (datastore: Datastore) => Promise<ResourceChange> },
): Promise<number> {
  return withDatastore(context, async (datastore) => {
    for (let attempt = 1; ; attempt++) {
      const change = await plan(datastore);
      if (attempt === 1) await checkChanges(context, datastore, [change]);
      if (attempt === 1) await announce(context, datastore, [change]);
      if (context.options["dryRun"] === true) return tellPlan(context, [change]);
      const outcome = await carryOut(datastore, change);
      if (outcome.did !== "refused" || attempt === MOST_ATTEMPTS) {
        return tellOutcomes(context, verb, [outcome]);
      }
    }
  });
}

async function announce(
  { stderr, options }: CommandContext,
  datastore: Datastore,
  changes: readonly ResourceChange[],
): Promise<void> {
  if (options["preview"] === false) return;
  stderr.write(previewText(await previewOf(datastore, changes)));
}

function tellPlan({ stdout }: CommandContext, changes: readonly ResourceChange[]): number {
  for (const change of changes) {
    stdout.write(`${outcomeText({ change, did: plannedVerb(change) })} (dry run)\n`);
    if (change.before === undefined || change.after === undefined) continue;
    for (const line of differenceLines(change)) stdout.write(`  ${hideKeys(line)}\n`);
  }
  return ExitCode.done;
}

function plannedVerb(change: ResourceChange): ChangeOutcome["did"] {
  if (!isChange(change)) return "unchanged";
  if (change.after === undefined) return "deleted";
  return change.before === undefined ? "created" : "updated";
}

/** A key that differs is said to differ, not shown. */
export function hideKeys(line: string): string {
  return line.replace(/^([-+] .*password: ).*/i, "$1<hidden>");
}

function tellOutcomes(
  { stdout, stderr, environment }: CommandContext,
  verb: string,
  outcomes: readonly ChangeOutcome[],
): number {
  const refused = outcomes.filter(({ did }) => did === "refused");
  const done = outcomes.filter(({ did }) => did !== "refused");
  if (environment.program === "calicoctl") stdout.write(calicoctlText(verb, done));
  else for (const outcome of done) stdout.write(`${outcomeText(outcome)}\n`);
  for (const outcome of refused) stderr.write(`error: ${outcomeText(outcome)}\n`);
  if (refused.length === 0) return ExitCode.done;
  return done.length === 0 ? ExitCode.conflict : ExitCode.partial;
}

/** The words that scripts around calicoctl look for. */
function calicoctlText(verb: string, done: readonly ChangeOutcome[]): string {
  if (done.length === 0) return "";
  const kinds = new Set(done.map(({ change }) => change.key.kind));
  const [kind] = kinds;
  const what =
    kinds.size === 1 ? `${done.length} '${kind}' resource(s)` : `${done.length} resource(s)`;
  return `Successfully ${verb} ${what}\n`;
}

type AfterWriting = (outcomes: readonly ChangeOutcome[]) => Promise<void>;

/** With `--confirm-within`: keeps what was there, and starts the clock once everything is written. */
async function keepForRollback(
  context: CommandContext,
  settings: DatastoreSettings,
  changes: readonly ResourceChange[],
): Promise<AfterWriting | undefined> {
  const within = context.options["confirmWithin"];
  if (typeof within !== "string") return undefined;
  const { beginConfirmation } = await import("./pending-change.ts");
  return beginConfirmation(context, { within, settings, changes });
}
