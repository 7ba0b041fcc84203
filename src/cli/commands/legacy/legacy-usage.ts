import { hostname } from "node:os";
import type { Datastore } from "../../../datastore/datastore.ts";
import { DatastoreError } from "../../../datastore/datastore.ts";
import type { Resource, ResourceKey } from "../../../resources/resource.ts";
import type { CommandContext } from "../../command.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";

/** The words do not make a command; `usage` lists those that do. */
export function wrongUsage(
  context: CommandContext,
  why: string,
  usage: readonly string[],
): CommandFailure {
  const { program } = context.environment;
  return new CommandFailure({
    what: why,
    fix: usage.map((line) => `${program} ${line}`).join("\n       "),
    exitCode: ExitCode.usage,
  });
}

/** An object that a command needs is not there. */
export function notFound(what: string, fix?: string): CommandFailure {
  return new CommandFailure({ what, fix, exitCode: ExitCode.failed });
}

/** The name of this host's Node, unless `--hostname` or the like says another. */
export function nodeName(given: string | boolean | undefined): string {
  return (typeof given === "string" ? given : hostname()).toLowerCase();
}

/** Somebody else may write in between; so often it is tried again. */
const TRIES = 10;

/** Changes one object: reads it, writes what `change` makes of it, and begins anew when somebody else was quicker. */
export async function changeResource(
  datastore: Datastore,
  key: ResourceKey,
  change: (before: Resource | undefined) => Resource | undefined,
): Promise<void> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const before = await datastore.get(key);
    const after = change(before);
    if (after === undefined) return;
    const result =
      before === undefined ? await datastore.create(after) : await datastore.update(after);
    if (result.type === "written") return;
  }
  throw new DatastoreError(`${key.kind} ${key.name} keeps being changed by somebody else`);
}
