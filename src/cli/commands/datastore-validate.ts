import { crossCheck } from "../../resources/cross-check/cross-check.ts";
import type { LoadedResource } from "../../resources/load-yaml.ts";
import { formatKey, keyOf } from "../../resources/resource.ts";
import {
  formatValidationError,
  summarizeValidation,
  type ValidationError,
} from "../../resources/validation-error.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { readResourceFiles } from "../resource-input.ts";

/** What is wrong with the objects taken together, each at the line where its object begins. */
function together(loaded: readonly LoadedResource[]): readonly ValidationError[] {
  const places = new Map(
    loaded.map(({ resource, place }) => [formatKey(keyOf(resource)), { ...place, column: 1 }]),
  );
  return crossCheck({ after: loaded.map(({ resource }) => resource) }).map((issue) => {
    const place = places.get(issue.resource);
    return place === undefined ? issue : { ...issue, place };
  });
}

/** `tortie validate -f FILE` and `tortie datastore validate FILE…`: needs neither daemon nor datastore. */
export async function validate(context: CommandContext): Promise<number> {
  const { options, rest, stdout } = context;
  const named = options["filename"] ?? options["file"];
  const paths = [...(typeof named === "string" ? [named] : []), ...rest];
  if (paths.length === 0) {
    throw new CommandFailure({
      what: "which files?",
      fix: "name files or directories; - is standard input",
      exitCode: ExitCode.usage,
    });
  }
  const recursive = options["recursive"] === true;
  const { files, loaded, errors: single } = readResourceFiles(paths, { recursive });
  const errors = [...single, ...together(loaded)];
  for (const error of errors) stdout.write(`${formatValidationError(error)}\n`);
  const wrong = errors.some(({ severity }) => severity === "error");
  const summary =
    errors.length === 0
      ? `${loaded.length} objects in ${files.length} ${files.length === 1 ? "file" : "files"}: all well`
      : summarizeValidation(errors, { files: files.length });
  stdout.write(`${summary}\n`);
  return wrong ? ExitCode.invalidInput : ExitCode.done;
}
