import { formatPath } from "../../../resources/explain-issue.ts";
import { API_VERSION, type Resource } from "../../../resources/resource.ts";
import { validateResource } from "../../../resources/validate.ts";
import type { CommandContext } from "../../command.ts";
import { withDatastore } from "../../datastore.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";
import { changeResource, nodeName, wrongUsage } from "./legacy-usage.ts";

/** `config felix|bgp NAME [VALUE|--remove] [--force]` and `config node bgp NAME …`. */
export async function config(context: CommandContext): Promise<number> {
  const isNode = context.rest[0] === "node";
  const [component, name, value, ...more] = isNode ? context.rest.slice(1) : context.rest;
  const kind = component === undefined ? undefined : KINDS[component];
  if (kind === undefined || name === undefined || more.length > 0) {
    throw wrongUsage(context, "config needs other words", USAGE);
  }
  const field = fieldOf(component ?? "", name);
  const key = { kind, name: isNode ? `node.${nodeName(undefined)}` : "default" };
  const remove = context.options["remove"] === true;
  return withDatastore(context, async (datastore) => {
    if (value === undefined && !remove) {
      const stored = await datastore.get(key);
      const found = stored?.spec[field];
      context.stdout.write(found === undefined ? "Value is not set\n" : `${String(found)}\n`);
      return ExitCode.done;
    }
    await changeResource(datastore, key, (before) => {
      const { [field]: _before, ...others } = before?.spec ?? {};
      const after: Resource = {
        ...(before ?? { apiVersion: API_VERSION, kind, metadata: { name: key.name } }),
        spec: remove ? others : { ...others, [field]: typed(value ?? "") },
      };
      check(after, context);
      return after;
    });
    return ExitCode.done;
  });
}

const USAGE = [
  "config felix NAME [VALUE|--remove] [--force]",
  "config bgp NAME [VALUE|--remove] [--force]",
  "config node bgp NAME [VALUE|--remove] [--force]",
] as const;

const KINDS: { readonly [component: string]: string | undefined } = {
  felix: "FelixConfiguration",
  bgp: "BGPConfiguration",
};

/** Names that have changed since; all others only begin with a small letter today. */
function fieldOf(component: string, name: string): string {
  if (component === "bgp" && name.toLowerCase() === "loglevel") return "logSeverityScreen";
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}

function typed(value: string): unknown {
  if (value === "true" || value === "false") return value === "true";
  return /^-?\d{1,15}$/.test(value) ? Number(value) : value;
}

/** A value that would not be in force is refused, unless a person insists. */
function check(resource: Resource, context: CommandContext): void {
  if (context.options["force"] === true) return;
  const validated = validateResource(resource, { unknownFields: "error" });
  if (validated.ok) return;
  const [first] = validated.complaints;
  throw new CommandFailure({
    what: `the value is not written: ${first === undefined ? "" : `${formatPath(first.path)} ${first.message}`}`,
    fix: "give another one, or add --force",
    exitCode: ExitCode.invalidInput,
  });
}
