import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { findKind } from "../resources/kinds.ts";
import { type LoadedResource, loadYaml } from "../resources/load-yaml.ts";
import type { Resource } from "../resources/resource.ts";
import { formatValidationError, type ValidationError } from "../resources/validation-error.ts";
import type { CommandContext } from "./command.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";
import { namespaceOption } from "./resource-names.ts";

/** What `-f` named: every good object, and everything that is wrong. */
export type ResourceInput = {
  readonly files: readonly string[];
  readonly loaded: readonly LoadedResource[];
  readonly errors: readonly ValidationError[];
};

/** Reads files, folders and standard input ("-"). */
export function readResourceFiles(
  paths: readonly string[],
  { recursive }: { readonly recursive: boolean },
): ResourceInput {
  const files = paths.flatMap((path) => yamlFiles(path, { recursive }));
  const results = files.map((file) => loadYaml(readInput(file), { file, unknownFields: "error" }));
  return {
    files,
    loaded: results.flatMap(({ resources }) => resources),
    errors: results.flatMap(({ errors }) => errors),
  };
}

/** The objects of `-f FILE`; a failure when one of them is wrong: nothing is done unless all are good. */
export function requireResources(context: CommandContext): readonly Resource[] {
  const { options, stderr } = context;
  const path = options["filename"] ?? options["file"];
  if (typeof path !== "string") {
    throw new CommandFailure({
      what: "-f FILE is missing",
      fix: "name a file, a directory, or - for standard input",
      exitCode: ExitCode.usage,
    });
  }
  const { loaded, errors } = readResourceFiles([path], {
    recursive: options["recursive"] === true,
  });
  for (const error of errors) stderr.write(`${formatValidationError(error)}\n`);
  if (errors.some(({ severity }) => severity === "error")) {
    throw new CommandFailure({
      what: `${path} has errors; nothing was written`,
      exitCode: ExitCode.invalidInput,
    });
  }
  if (loaded.length === 0 && options["skipEmpty"] !== true) {
    throw new CommandFailure({
      what: `${path} holds no resources`,
      fix: "--skip-empty takes that for well",
      exitCode: ExitCode.invalidInput,
    });
  }
  return loaded.map(({ resource }) => inNamespace(resource, namespaceOption(context)));
}

/** A namespaced object that names no namespace is in that of `-n`. */
function inNamespace(resource: Resource, namespace: string): Resource {
  const { kind, metadata } = resource;
  if (metadata.namespace !== undefined || findKind(kind)?.scope !== "namespaced") return resource;
  return { ...resource, metadata: { ...metadata, namespace } };
}

/** A file's text; "-" is standard input. */
export function readInput(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (cause) {
    const why = (cause as Error).message;
    const details = {
      what: `cannot read ${file}`,
      why,
      fix: "name a file that is there, or - for standard input",
      exitCode: ExitCode.failed,
    };
    throw new CommandFailure(details, { cause });
  }
}

/** The files that the directory datastore would read. */
function yamlFiles(path: string, { recursive }: { readonly recursive: boolean }): string[] {
  if (path === "-") return [path];
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isDirectory) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith("."))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) return recursive ? yamlFiles(inner, { recursive }) : [];
      return /\.(ya?ml|json)$/.test(entry.name) ? [inner] : [];
    });
}
