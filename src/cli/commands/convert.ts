import { loadYaml } from "../../resources/load-yaml.ts";
import type { Resource } from "../../resources/resource.ts";
import { formatValidationError } from "../../resources/validation-error.ts";
import type { CommandContext } from "../command.ts";
import { convertV1 } from "../convert-v1.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { prettyJson, toYaml } from "../output.ts";
import { readInput } from "../resource-input.ts";
import { parseYamlDocuments } from "../yaml-text.ts";

/** `tortie convert -f FILE`: old resources come out as today's, today's as they are. */
export async function convert(context: CommandContext): Promise<number> {
  const { options, output, stdout, stderr } = context;
  const file = options["filename"];
  if (typeof file !== "string") {
    throw new CommandFailure({ what: "-f FILE is missing", exitCode: ExitCode.usage });
  }
  const converted = documentsOf(readInput(file), file).flatMap(convertV1);
  const text =
    output === "json" ? `${prettyJson(listOf(converted))}\n` : await yamlDocuments(converted);
  // What comes out is checked as what a person writes is: nothing wrong leaves quietly.
  const { errors } = loadYaml(await yamlDocuments(converted), {
    file: "converted",
    unknownFields: "error",
  });
  for (const error of errors) stderr.write(`${formatValidationError(error)}\n`);
  stdout.write(text);
  return errors.some(({ severity }) => severity === "error")
    ? ExitCode.invalidInput
    : ExitCode.done;
}

function documentsOf(text: string, file: string): readonly unknown[] {
  try {
    return parseYamlDocuments(text).flatMap((value) => (Array.isArray(value) ? value : [value]));
  } catch (cause) {
    const details = { what: `${file} is not YAML or JSON`, exitCode: ExitCode.invalidInput };
    throw new CommandFailure(details, { cause });
  }
}

function listOf(resources: readonly Resource[]): unknown {
  const [only] = resources;
  return resources.length === 1
    ? only
    : { apiVersion: "projectcalico.org/v3", kind: "List", items: resources };
}

async function yamlDocuments(resources: readonly Resource[]): Promise<string> {
  const texts: string[] = [];
  for (const resource of resources) texts.push(await toYaml(resource));
  return texts.join("---\n");
}
