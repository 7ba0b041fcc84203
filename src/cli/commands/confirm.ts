import type { CommandContext } from "../command.ts";
import { withDatastoreOf } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { type PendingChange, pendingChanges, take, undo } from "../pending-change.ts";

const RETRY_MILLISECONDS = 2_000;
/** How long the process at the deadline goes on when the datastore cannot be reached. */
const LONGEST_RETRY_MILLISECONDS = 3_600_000;

/** `tortie confirm [ID]` */
export async function confirm(context: CommandContext): Promise<number> {
  const change = requirePending(context);
  if (!take(context.environment, change.id)) throw tooLate(change.id);
  context.stdout.write(`${change.id} stays\n`);
  return ExitCode.done;
}

/** `tortie rollback [ID]` */
export async function rollback(context: CommandContext): Promise<number> {
  const change = requirePending(context);
  if (context.options["wait"] === true) return rollbackAtDeadline(context, change);
  if (!take(context.environment, change.id)) throw tooLate(change.id);
  const lines = await withDatastoreOf(change.settings, (datastore) => undo(datastore, change));
  for (const line of lines) context.stdout.write(`${line}\n`);
  return ExitCode.done;
}

/** What the process does that --confirm-within leaves behind: nobody reads what it says. */
async function rollbackAtDeadline(context: CommandContext, change: PendingChange): Promise<number> {
  const deadline = Date.parse(change.deadline);
  await sleep(deadline - Date.now());
  if (!take(context.environment, change.id)) return ExitCode.done;
  while (Date.now() < deadline + LONGEST_RETRY_MILLISECONDS) {
    try {
      await withDatastoreOf(change.settings, (datastore) => undo(datastore, change));
      return ExitCode.done;
    } catch {
      await sleep(RETRY_MILLISECONDS);
    }
  }
  return ExitCode.unreachable;
}

/** The change that is named, or the only one that waits. */
function requirePending({ arguments: [id], environment }: CommandContext): PendingChange {
  const pending = pendingChanges(environment);
  const found = id === undefined ? pending.at(-1) : pending.find((each) => each.id === id);
  if (found !== undefined && (id !== undefined || pending.length === 1)) return found;
  if (pending.length === 0 || id !== undefined) throw tooLate(id);
  throw new CommandFailure({
    what: "several changes wait; which one?",
    fix: `${environment.program} confirm ${pending.map((each) => each.id).join(" | ")}`,
    exitCode: ExitCode.usage,
  });
}

function tooLate(id: string | undefined): CommandFailure {
  return new CommandFailure({
    what: id === undefined ? "no change waits to be confirmed" : `no change ${id} waits`,
    why: "it was confirmed or undone already",
    exitCode: ExitCode.failed,
  });
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, milliseconds));
  });
}
