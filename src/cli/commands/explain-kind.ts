import type { Kind } from "../../resources/kinds.ts";
import { findKind } from "../../resources/kinds.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { type JsonSchema, resourceSchema } from "../resource-schema.ts";

/** `tortie explain KIND[.field.path]`: what may be written there. */
export function explainKind(context: CommandContext, kind: Kind, path: readonly string[]): number {
  const { stdout, options } = context;
  const schema = fieldAt(resourceSchema(kind), kind, path);
  const names = findKind(kind)?.aliases.join(", ");
  const title = [kind, ...path].join(".");
  stdout.write(`${title}  ${typeText(schema)}\n`);
  if (path.length === 0 && names) stdout.write(`also called ${names}\n`);
  if (schema.description !== undefined) stdout.write(`\n${schema.description}\n`);
  const shown = path.length === 0 ? schema.properties?.["spec"] : schema;
  const lines = fieldLines(shown ?? {}, { recursive: options["recursive"] === true, indent: "  " });
  if (lines.length > 0)
    stdout.write(`\n${path.length === 0 ? "spec" : "Fields"}\n${lines.join("")}`);
  return ExitCode.done;
}

/** Follows names through objects and, without a word, through lists. "spec" may be left out. */
function fieldAt(schema: JsonSchema, kind: Kind, path: readonly string[]): JsonSchema {
  let found = schema;
  for (const [i, name] of path.entries()) {
    const spec = i === 0 ? found.properties?.["spec"] : undefined;
    const next = propertyOf(found, name) ?? (spec && propertyOf(spec, name));
    if (next === undefined) {
      const known = Object.keys(inner(i === 0 ? (spec ?? found) : found).properties ?? {});
      throw new CommandFailure({
        what: `${[kind, ...path.slice(0, i)].join(".")} has no field ${name}`,
        fix: `use one of ${known.join(", ")}`,
        exitCode: ExitCode.failed,
      });
    }
    found = next;
  }
  return found;
}

function propertyOf(schema: JsonSchema, name: string): JsonSchema | undefined {
  const { properties } = inner(schema);
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** The object behind lists. */
function inner(schema: JsonSchema): JsonSchema {
  return schema.items === undefined ? schema : inner(schema.items);
}

type Style = { readonly recursive: boolean; readonly indent: string };

function fieldLines(schema: JsonSchema, { recursive, indent }: Style): readonly string[] {
  const { properties = {}, required = [] } = inner(schema);
  const width = Math.max(0, ...Object.keys(properties).map((name) => name.length));
  return Object.entries(properties).flatMap(([name, field]) => {
    const needed = required.includes(name) ? "  (required)" : "";
    const text = field.description === undefined ? "" : `\n${indent}    ${field.description}`;
    const line = `${indent}${name.padEnd(width)}  ${typeText(field)}${needed}${text}\n`;
    return recursive
      ? [line, ...fieldLines(field, { recursive, indent: `${indent}    ` })]
      : [line];
  });
}

function typeText(schema: JsonSchema): string {
  const { type, items, enum: values, const: only, anyOf, default: standard } = schema;
  const fallback = standard === undefined ? "" : ` (default ${JSON.stringify(standard)})`;
  return `${bare()}${fallback}`;

  function bare(): string {
    if (only !== undefined) return JSON.stringify(only);
    if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(" | ");
    if (items !== undefined) return `list of ${typeText(items)}`;
    if (anyOf !== undefined) return anyOf.map(typeText).join(" or ");
    return Array.isArray(type) ? type.join(" or ") : `${type ?? "any"}`;
  }
}
