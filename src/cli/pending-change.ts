/*
 * A change that undoes itself unless somebody confirms it: for the change that cuts off the person who makes it. What was
 * there before is kept in a file; a process of its own, which outlives terminal and connection, waits for the deadline. Whoever
 * renames the file first decides: `confirm`, `rollback`, or the process at the deadline. A machine that loses power meanwhile
 * keeps the file, and `tortie rollback` still works.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Datastore } from "../datastore/datastore.ts";
import { equalJson, formatExactJson, parseExactJson } from "../lib/exact-json.ts";
import { parseDuration } from "../resources/duration.ts";
import { formatKey } from "../resources/resource.ts";
import type { CommandContext } from "./command.ts";
import type { DatastoreSettings } from "./datastore-settings.ts";
import type { Environment } from "./environment.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";
import {
  type ChangeOutcome,
  carryOut,
  comparable,
  type ResourceChange,
} from "./resource-change.ts";

export type PendingChange = {
  readonly id: string;
  readonly deadline: string;
  readonly settings: DatastoreSettings;
  readonly changes: readonly ResourceChange[];
};

const SHORTEST_SECONDS = 1;
const LONGEST_SECONDS = 24 * 3600;

/** Checks the time before anything is written; what is returned starts the clock when everything is. */
export function beginConfirmation(
  context: CommandContext,
  {
    within,
    settings,
    changes,
  }: {
    readonly within: string;
    readonly settings: DatastoreSettings;
    readonly changes: readonly ResourceChange[];
  },
): (outcomes: readonly ChangeOutcome[]) => Promise<void> {
  const seconds = parseDuration(within);
  if (seconds === undefined || seconds < SHORTEST_SECONDS || seconds > LONGEST_SECONDS) {
    throw new CommandFailure({
      what: `--confirm-within ${within} is no time between 1s and 24h`,
      fix: "--confirm-within 5m",
      exitCode: ExitCode.usage,
    });
  }
  const { environment, stderr } = context;
  const id = randomBytes(3).toString("hex");
  const deadline = new Date(Date.now() + seconds * 1000).toISOString();
  // Kept before the first write: what cannot be kept is not done.
  keep(environment, { id, deadline, settings, changes });
  return async (outcomes) => {
    const done = outcomes.filter(({ did }) => did !== "refused" && did !== "unchanged");
    if (done.length === 0) {
      take(environment, id);
      return;
    }
    keep(environment, { id, deadline, settings, changes: done.map(({ change }) => change) });
    watchDeadline(id);
    const program = environment.program;
    stderr.write(
      `This is undone at ${deadline} unless you confirm.\n  keep it: ${program} confirm ${id}\n  undo it now: ${program} rollback ${id}\n`,
    );
  };
}

/** The changes that wait, the latest last. */
export function pendingChanges(environment: Environment): readonly PendingChange[] {
  const folder = folderOf(environment);
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    return [];
  }
  return names
    .map((name) => parseExactJson(readFileSync(join(folder, name), "utf8")) as PendingChange)
    .sort((a, b) => (a.deadline < b.deadline ? -1 : 1));
}

/** Takes a change out of those that wait; false when somebody else has. */
export function take(environment: Environment, id: string): boolean {
  const file = fileOf(environment, id);
  const taken = `${file}.taken`;
  try {
    renameSync(file, taken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  rmSync(taken);
  return true;
}

/** Puts back what was there, the last write first; an object that was changed since stays as it is. */
export async function undo(
  datastore: Datastore,
  { changes }: Pick<PendingChange, "changes">,
): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { key, before, after } of changes.toReversed()) {
    const current = await datastore.get(key);
    const untouched = equalJson(current && comparable(current), after && comparable(after));
    if (!untouched) {
      lines.push(`${formatKey(key)} was changed since, and is left as it is`);
      continue;
    }
    const { resourceVersion: _, ...metadata } = before?.metadata ?? { name: key.name };
    const wanted = before && { ...before, metadata };
    const outcome = await carryOut(datastore, { key, before: current, after: wanted });
    lines.push(`${formatKey(key)} ${outcome.did === "refused" ? outcome.why : "is as it was"}`);
  }
  return lines;
}

/** A process of its own session: it lives on when the terminal hangs up. */
function watchDeadline(id: string): void {
  const [, script = ""] = process.argv;
  const child = spawn(process.execPath, [...process.execArgv, script, "rollback", id, "--wait"], {
    detached: true,
    stdio: "ignore",
  });
  child.unref();
}

function keep(environment: Environment, change: PendingChange): void {
  const folder = folderOf(environment);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // The objects may hold keys.
    writeFileSync(fileOf(environment, change.id), formatExactJson(change), { mode: 0o600 });
  } catch (cause) {
    throw new CommandFailure(
      {
        what: "what is there now cannot be kept, so nothing was written",
        why: (cause as Error).message,
        fix: "set XDG_STATE_HOME to a folder that you may write to",
        exitCode: ExitCode.failed,
      },
      { cause },
    );
  }
}

function fileOf(environment: Environment, id: string): string {
  if (!/^[0-9a-f]+$/.test(id)) {
    throw new CommandFailure({ what: `no change is called ${id}`, exitCode: ExitCode.usage });
  }
  return join(folderOf(environment), `${id}.json`);
}

function folderOf({ stateHome }: Environment): string {
  return join(stateHome, "tortie/pending");
}
