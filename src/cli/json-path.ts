import { unreachable } from "../../protocol/types/never.ts";
import { formatExactJson } from "../lib/exact-json.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";

/**
 * kubectl's JSONPath templates, as far as people use them: text, `{.a.b}`, `{['a']}`, `{.items[0]}`, `{.items[*].metadata.name}`,
 * `{range .items[*]}…{end}`, and strings such as `{"\n"}`. Filters and slices are refused, not ignored.
 */
export function evaluateJsonPath(template: string, value: unknown): string {
  const text = evaluateParts(parseTemplate(template), value);
  return text.endsWith("\n") ? text : `${text}\n`;
}

/** `NAME:.metadata.name,AS:.spec.asNumber`: a table with a column for each path; absent values are `<none>`. */
export function customColumns(argument: string, items: readonly unknown[]): string {
  const columns = argument.split(",").map((column) => {
    const at = column.indexOf(":");
    const path = column.slice(at + 1);
    return {
      header: column.slice(0, at),
      steps: parsePath(path.startsWith(".") ? path : `.${path}`),
    };
  });
  const rows = [
    columns.map(({ header }) => header),
    ...items.map((item) =>
      columns.map(({ steps }) => select(steps, item).map(plainText).join(",") || "<none>"),
    ),
  ];
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "path"; readonly steps: readonly Step[] }
  | { readonly type: "range"; readonly steps: readonly Step[]; readonly body: readonly Part[] };

type Step =
  | { readonly type: "field"; readonly name: string }
  | { readonly type: "index"; readonly index: number }
  | { readonly type: "all" };

function evaluateParts(parts: readonly Part[], value: unknown): string {
  return parts.map((part) => evaluatePart(part, value)).join("");
}

function evaluatePart(part: Part, value: unknown): string {
  switch (part.type) {
    case "text":
      return part.text;
    case "path":
      return select(part.steps, value).map(plainText).join(" ");
    case "range":
      return select(part.steps, value)
        .map((each) => evaluateParts(part.body, each))
        .join("");
    default:
      return unreachable(part);
  }
}

/** Every value that the steps lead to; none where a field is absent. */
function select(steps: readonly Step[], value: unknown): readonly unknown[] {
  let found: readonly unknown[] = [value];
  for (const step of steps) found = found.flatMap((each) => take(step, each));
  return found;
}

function take(step: Step, value: unknown): readonly unknown[] {
  if (typeof value !== "object" || value === null) return [];
  if (step.type === "all") return Object.values(value);
  if (step.type === "index") {
    return Array.isArray(value) && value.at(step.index) !== undefined ? [value.at(step.index)] : [];
  }
  const field = Object.hasOwn(value, step.name)
    ? (value as Record<string, unknown>)[step.name]
    : undefined;
  return field === undefined ? [] : [field];
}

function plainText(value: unknown): string {
  return typeof value === "object" && value !== null ? formatExactJson(value) : String(value);
}

/** Splits at braces. A template without braces is one path. */
function parseTemplate(template: string): readonly Part[] {
  const whole = template.includes("{") ? template : `{${template}}`;
  const pieces = whole.split(/(\{(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^}"'])*\})/).filter(Boolean);
  const parts = parsePieces(pieces);
  if (pieces.length > 0) throw wrongPath("{end} without {range}");
  return parts;
}

/** Takes pieces from the front up to the `{end}` of a block, or to the last. */
function parsePieces(pieces: string[]): readonly Part[] {
  const parts: Part[] = [];
  while (pieces[0] !== undefined && pieces[0] !== "{end}") {
    const piece = pieces.shift() ?? "";
    const inside = /^\{(.*)\}$/s.exec(piece)?.[1]?.trim();
    if (inside?.startsWith("range ")) parts.push(rangeOf(inside, pieces));
    else parts.push(inside === undefined ? { type: "text", text: piece } : inner(inside));
  }
  return parts;
}

function rangeOf(inside: string, pieces: string[]): Part {
  const steps = parsePath(inside.slice("range ".length).trim());
  const body = parsePieces(pieces);
  if (pieces.shift() === undefined) throw wrongPath("{range} without {end}");
  return { type: "range", steps, body };
}

function inner(inside: string): Part {
  if (!/^["']/.test(inside)) return { type: "path", steps: parsePath(inside) };
  const quoted = inside.slice(1, -1);
  const text = quoted.replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter);
  return { type: "text", text };
}

const ESCAPES: { readonly [letter: string]: string } = { n: "\n", t: "\t" };

const STEP =
  /\.\*|\.?\[\*\]|\.?\[(-?\d+)\]|\.?\['([^']*)'\]|\.?\["([^"]*)"\]|\.((?:[^.[\]\\]|\\.)+)/y;

function parsePath(text: string): readonly Step[] {
  const path = text.replace(/^[$@]/, "");
  if (path === "" || path === ".") return [];
  const steps: Step[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < path.length) {
    const at = STEP.lastIndex;
    const match = STEP.exec(path);
    if (match === null) throw wrongPath(`"${path.slice(at)}" in ${text}`);
    const [, index, single, double, plain] = match;
    const name = single ?? double ?? plain?.replaceAll("\\", "");
    if (index !== undefined) steps.push({ type: "index", index: Number(index) });
    else steps.push(name === undefined ? { type: "all" } : { type: "field", name });
  }
  return steps;
}

function wrongPath(what: string): CommandFailure {
  return new CommandFailure({
    what: `this is no JSONPath that tortie knows: ${what}`,
    fix: "-o jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}'",
    exitCode: ExitCode.usage,
  });
}
