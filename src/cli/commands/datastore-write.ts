import type { Datastore, WriteResult } from "../../datastore/datastore.ts";
import { loadYaml } from "../../resources/load-yaml.ts";
import { formatKey, keyOf, type Resource, type ResourceKey } from "../../resources/resource.ts";
import { formatValidationError } from "../../resources/validation-error.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { readInput } from "./datastore-validate.ts";
import { requireKind } from "./get.ts";

/** `tortie apply -f FILE`: creates what is new, updates what is there. */
export function apply(context: CommandContext): Promise<number> {
  return writeAll(context, async (datastore, resource) => {
    const updated = await datastore.update(resource);
    if (updated.type !== "notFound") return { did: "applied", result: updated };
    return { did: "created", result: await datastore.create(resource) };
  });
}

/** `tortie create -f FILE` */
export function create(context: CommandContext): Promise<number> {
  return writeAll(context, async (datastore, resource) => ({
    did: "created",
    result: await datastore.create(resource),
  }));
}

/** `tortie delete KIND NAME` */
export async function remove(context: CommandContext): Promise<number> {
  const [word = "", name = ""] = context.arguments;
  const key = keyFrom(word, name);
  return withDatastore(context, async (datastore) => {
    const result = await datastore.delete(key);
    if (result.type === "deleted") {
      context.stdout.write(`${formatKey(key)} deleted\n`);
      return ExitCode.done;
    }
    throw new CommandFailure({
      what: `there is no ${formatKey(key)}`,
      fix: `tortie get ${word}`,
      exitCode: ExitCode.failed,
    });
  });
}

type Write = (
  datastore: Datastore,
  resource: Resource,
) => Promise<{ readonly did: string; readonly result: WriteResult }>;

/** Nothing is written unless the whole file is good. */
async function writeAll(context: CommandContext, write: Write): Promise<number> {
  const resources = readResources(context);
  return withDatastore(context, async (datastore) => {
    let failures = 0;
    for (const resource of resources) {
      const { did, result } = await write(datastore, resource);
      const name = formatKey(keyOf(resource));
      if (result.type === "written") context.stdout.write(`${name} ${did}\n`);
      else {
        failures++;
        context.stderr.write(`error: ${name} ${REFUSED[result.type]}\n`);
      }
    }
    if (failures === 0) return ExitCode.done;
    return failures === resources.length ? ExitCode.conflict : ExitCode.partial;
  });
}

const REFUSED = {
  alreadyExists: "exists already\n  fix: tortie apply",
  notFound: "is not there any more",
  conflict:
    "was changed by someone else meanwhile\n  fix: read it again, and apply your change to that",
} as const;

function readResources({ options, stderr }: CommandContext): readonly Resource[] {
  const file = options["file"];
  if (typeof file !== "string") {
    throw new CommandFailure({ what: "-f FILE is missing", exitCode: ExitCode.usage });
  }
  const { resources, errors } = loadYaml(readInput(file), { file, unknownFields: "error" });
  for (const error of errors) stderr.write(`${formatValidationError(error)}\n`);
  if (errors.some(({ severity }) => severity === "error")) {
    throw new CommandFailure({
      what: `${file} has errors; nothing was written`,
      exitCode: ExitCode.invalidInput,
    });
  }
  return resources.map(({ resource }) => resource);
}

function keyFrom(word: string, name: string): ResourceKey {
  const { kind, scope } = requireKind(word);
  if (scope === "cluster") return { kind, name };
  const [namespace = "", rest] = name.split("/");
  return rest === undefined
    ? { kind, namespace: "default", name }
    : { kind, namespace, name: rest };
}
