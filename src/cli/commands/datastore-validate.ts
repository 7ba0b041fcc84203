import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { loadYaml } from "../../resources/load-yaml.ts";
import {
  formatValidationError,
  summarizeValidation,
  type ValidationError,
} from "../../resources/validation-error.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";

/** `tortie datastore validate FILE…` */
export async function datastoreValidate(context: CommandContext): Promise<number> {
  const files = context.rest.flatMap(yamlFiles);
  const errors: ValidationError[] = [];
  let objects = 0;
  for (const file of files) {
    const loaded = loadYaml(readInput(file), { file, unknownFields: "error" });
    errors.push(...loaded.errors);
    objects += loaded.resources.length;
  }
  for (const error of errors) context.stdout.write(`${formatValidationError(error)}\n`);
  const wrong = errors.some(({ severity }) => severity === "error");
  const summary =
    errors.length === 0
      ? `${objects} objects in ${files.length} ${files.length === 1 ? "file" : "files"}: all well`
      : summarizeValidation(errors, { files: files.length });
  context.stdout.write(`${summary}\n`);
  return wrong ? ExitCode.invalidInput : ExitCode.done;
}

/** A file's text; "-" is standard input. */
export function readInput(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (cause) {
    const why = (cause as Error).message;
    const details = { what: `cannot read ${file}`, why, exitCode: ExitCode.failed };
    throw new CommandFailure(details, { cause });
  }
}

/** The files that the directory datastore would read. */
function yamlFiles(path: string): string[] {
  if (path === "-") return [path];
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isDirectory) return [path];
  return readdirSync(path)
    .filter((name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith("."))
    .sort()
    .map((name) => join(path, name));
}
