import { formatExactJson } from "../lib/exact-json.ts";
import type { ColumnChoice, TableView } from "./text-table.ts";

/** How a command's answer is written: tables are for eyes, everything else is an interface that only ever grows. */
export type OutputFormat =
  | "table"
  | "wide"
  | "json"
  | "yaml"
  | "name"
  | "jsonl"
  | `custom-columns=${string}`
  | `jsonpath=${string}`;

/** The formats that stand alone. */
const PLAIN_FORMATS = ["table", "wide", "json", "yaml", "name", "jsonl"] as const;

/** As help and completion show them. */
export const OUTPUT_FORMATS: readonly string[] = [...PLAIN_FORMATS, "custom-columns=", "jsonpath="];

/** calicoctl's word for a table. */
const ALIASES: { readonly [word: string]: OutputFormat } = { ps: "table" };

/** The format that a word names; undefined for none. `custom-columns` and `jsonpath` carry their argument. */
export function parseOutputFormat(word: string): OutputFormat | undefined {
  const plain = ALIASES[word] ?? PLAIN_FORMATS.find((each) => each === word);
  if (plain !== undefined) return plain;
  return /^(custom-columns|jsonpath)=./s.test(word) ? (word as OutputFormat) : undefined;
}

/**
 * The value in the wanted format, or whatever `table` makes of it. A value with `items` is a list: `jsonl`, `name` and
 * `custom-columns` write a line for each.
 */
export async function formatOutput(
  format: OutputFormat,
  value: unknown,
  table: (view: TableView) => string,
): Promise<string> {
  switch (format) {
    case "json":
      return `${prettyJson(value)}\n`;
    case "yaml":
      return toYaml(value);
    case "table":
    case "wide":
      return table({ wide: format === "wide" });
    case "jsonl":
      return itemsOf(value)
        .map((item) => `${formatExactJson(item)}\n`)
        .join("");
    case "name":
      return itemsOf(value)
        .map((item) => `${nameOf(item)}\n`)
        .join("");
    default:
      return formatByArgument(format, value, table);
  }
}

/** The library is loaded only when it is needed: it costs a third of the program's start. */
export async function toYaml(value: unknown): Promise<string> {
  const { yamlText } = await import("./yaml-text.ts");
  return yamlText(value);
}

async function formatByArgument(
  format: `${string}=${string}`,
  value: unknown,
  table: (view: TableView) => string,
): Promise<string> {
  const argument = format.slice(format.indexOf("=") + 1);
  const { customColumns, evaluateJsonPath } = await import("./json-path.ts");
  if (format.startsWith("jsonpath=")) return evaluateJsonPath(argument, value);
  if (argument.includes(":")) return customColumns(argument, itemsOf(value));
  const only: ColumnChoice = argument.split(",");
  return table({ wide: true, only });
}

/** The objects of a list, or the one object. */
function itemsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const items = (value as { readonly items?: unknown } | undefined)?.items;
  return Array.isArray(items) ? items : [value];
}

/** "bgppeer/tor-1" for a resource; the name, prefix or address for anything else. */
function nameOf(item: unknown): string {
  const { kind, metadata, name, prefix, node, at } = (item ?? {}) as Record<string, unknown>;
  const { name: own, namespace } = (metadata ?? {}) as Record<string, unknown>;
  if (typeof kind === "string" && typeof own === "string") {
    return [kind.toLowerCase(), namespace, own].filter(Boolean).join("/");
  }
  return String(name ?? prefix ?? node ?? at ?? "");
}

/** JSON over several lines, every digit kept. */
export function prettyJson(value: unknown): string {
  try {
    return JSON.stringify(value, undefined, 2);
  } catch {
    // An integer beyond 2^53: rare, and only formatExactJson writes it. Its text has the digits; spaces are added here.
    return spaced(value, "");
  }
}

function spaced(value: unknown, indent: string): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[\n${value.map((item) => `${inner}${spaced(item, inner)}`).join(",\n")}\n${indent}]`;
  }
  if (typeof value !== "object" || value === null) return formatExactJson(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  if (fields.length === 0) return "{}";
  const lines = fields.map(
    ([name, field]) => `${inner}${JSON.stringify(name)}: ${spaced(field, inner)}`,
  );
  return `{\n${lines.join(",\n")}\n${indent}}`;
}
