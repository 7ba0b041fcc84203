import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { findKind } from "../resources/kinds.ts";
import { type LoadedResource, loadYaml, MAX_YAML_BYTES } from "../resources/load-yaml.ts";
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

/** A file's text; "-" is standard input. Of one that has no end, as much as it takes to be refused. */
export function readInput(file: string): string {
  try {
    return readText(file === "-" ? 0 : file);
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

function readText(file: string | 0): string {
  const descriptor = file === 0 ? 0 : openSync(file, "r");
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; total <= MAX_YAML_BYTES; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const length = readWaiting(descriptor, chunk);
      if (length === 0) break;
      chunks.push(chunk.subarray(0, length));
      total += length;
    }
    return Buffer.concat(chunks).toString("utf8");
  } finally {
    if (descriptor !== 0) closeSync(descriptor);
  }
}

const CHUNK_BYTES = 65_536;
const AGAIN_MILLISECONDS = 10;

/** A pipe that another program made non-blocking says EAGAIN where others wait. */
function readWaiting(descriptor: number, into: Buffer): number {
  for (;;) {
    try {
      return readSync(descriptor, into);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MILLISECONDS);
    }
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
