import type { Datastore } from "../datastore/datastore.ts";
import type { CrossIssue } from "../resources/cross-check/cross-check.ts";
import { formatKey, keyOf, type Resource } from "../resources/resource.ts";
import { formatValidationError } from "../resources/validation-error.ts";
import type { CommandContext } from "./command.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";
import { isChange, type ResourceChange } from "./resource-change.ts";

/**
 * Refuses changes after which the resources would contradict each other, or cut somebody off: what was wrong before is not this
 * change's fault. `--force` only warns.
 */
export async function checkChanges(
  { options, stderr }: CommandContext,
  datastore: Datastore,
  changes: readonly ResourceChange[],
): Promise<void> {
  const real = changes.filter(isChange);
  if (real.length === 0) return;
  const issues = await newIssues(datastore, real);
  for (const issue of issues) stderr.write(`${formatValidationError(issue)}\n`);
  const wrong = issues.some(({ severity }) => severity === "error");
  if (!wrong || options["force"] === true) return;
  throw new CommandFailure({
    what: "the resources would contradict each other; nothing was written",
    fix: "mend what is named above, or write it all the same with --force",
    exitCode: ExitCode.invalidInput,
  });
}

async function newIssues(
  datastore: Datastore,
  changes: readonly ResourceChange[],
): Promise<readonly CrossIssue[]> {
  const { crossCheck } = await import("../resources/cross-check/cross-check.ts");
  const { resources: before } = await datastore.list({ without: WRITTEN_BY_PROGRAMS });
  const after = new Map<string, Resource>(
    before.map((resource) => [formatKey(keyOf(resource)), resource]),
  );
  for (const { key, after: wanted } of changes) {
    if (wanted === undefined) after.delete(formatKey(key));
    else after.set(formatKey(key), wanted);
  }
  const known = new Set(crossCheck({ before, after: before }).map(textOf));
  return crossCheck({ before, after: after.values() }).filter((issue) => !known.has(textOf(issue)));
}

/** Nothing is checked in them, and there are many. */
const WRITTEN_BY_PROGRAMS = ["IPAMBlock", "IPAMHandle", "BlockAffinity"];

function textOf({ code, resource, path, message }: CrossIssue): string {
  return `${code} ${resource} ${path} ${message}`;
}
