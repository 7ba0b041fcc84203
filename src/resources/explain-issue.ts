import { z } from "zod";
import { nearest } from "./nearest.ts";
import { holdsLogin } from "./source-text.ts";

/** What is wrong, where within the object, and what to do: not yet joined to a file. */
export type Complaint = {
  readonly severity: "error" | "warning";
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly fix?: string;
  /** The place to point at: the field's name, or its value (the default). */
  readonly at?: "key";
};

type Issue = z.core.$ZodIssue;
type Context = { readonly schema: z.ZodType; readonly unknownFields: "error" | "warning" };

/** Puts zod's finding into our words. One finding may speak of several fields. */
export function explainIssue(issue: Issue, context: Context): readonly Complaint[] {
  const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownField([...path, key], context));
  }
  if (issue.input === undefined && issue.code !== "custom") return [missingField(path, issue)];
  const said = describe(issue);
  const shown = showValue(issue.input, path);
  const message = shown === undefined ? said.message : `${shown}: ${said.message}`;
  const complaint = { severity: "error", path, message } as const;
  return [said.fix === undefined ? complaint : { ...complaint, fix: said.fix }];
}

type Said = { readonly message: string; readonly fix?: string };

function describe(issue: Issue): Said {
  switch (issue.code) {
    case "invalid_type":
      return describeType(issue.expected, issue.input);
    case "invalid_value":
      return describeChoice(issue.values.map(String), issue.input);
    case "too_big":
      return { message: `must ${boundOf("at most", issue.maximum, issue.origin)}` };
    case "too_small":
      return { message: `must ${boundOf("at least", issue.minimum, issue.origin)}` };
    default:
      return { message: issue.message };
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

function describeType(expected: string, input: unknown): Said {
  const message = `must be ${TYPE_NAMES[expected] ?? expected}`;
  if (expected === "string" && ["number", "boolean"].includes(typeof input)) {
    return { message, fix: "put quotes around it" };
  }
  return { message };
}

function describeChoice(values: readonly string[], input: unknown): Said {
  const near = typeof input === "string" ? nearest(input, values) : undefined;
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return { message: `must be ${listOf(values)}${hint}` };
}

function boundOf(relation: string, bound: number | bigint, origin: string): string {
  if (origin === "string") return `have ${relation} ${bound} characters`;
  if (origin === "array")
    return `have ${relation} ${bound} ${Number(bound) === 1 ? "item" : "items"}`;
  return `be ${relation} ${bound}`;
}

function missingField(path: Complaint["path"], issue: Issue): Complaint {
  const field = path.at(-1);
  const expected = issue.code === "invalid_value" ? ` (${listOf(issue.values.map(String))})` : "";
  return {
    severity: "error",
    path,
    message: `is missing${expected}`,
    fix: `add ${String(field)}`,
  };
}

/** Names the field that was meant: a near spelling in the same place, or the same word elsewhere in the object. */
function unknownField(path: Complaint["path"], { schema, unknownFields }: Context): Complaint {
  const parent = path.slice(0, -1);
  const field = String(path.at(-1));
  const near = nearest(field, fieldsAt(schema, parent));
  const elsewhere = near === undefined ? findField(schema, field) : undefined;
  const meant = near === undefined ? elsewhere : formatPath([...parent, near]);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  const message = `unknown field ${formatPath(path)}${hint}`;
  return { severity: unknownFields, path, message, at: "key" };
}

/** "spec.filters[0].cidr". */
export function formatPath(path: Complaint["path"]): string {
  return path
    .map((step, index) =>
      typeof step === "number" ? `[${step}]` : index === 0 ? step : `.${step}`,
    )
    .join("");
}

/** True for fields whose value never appears in a message or an excerpt. */
export function isSecretPath(path: Complaint["path"]): boolean {
  return path.some((step) => typeof step === "string" && /password/i.test(step));
}

/** Short values are quoted back; long ones and keys are not. */
function showValue(value: unknown, path: Complaint["path"]): string | undefined {
  if (isSecretPath(path)) return undefined;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string" || holdsLogin(value)) return undefined;
  return value.length <= 80 ? JSON.stringify(value) : undefined;
}

function listOf(values: readonly string[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(", ")}`;
}

/** The names that may stand at a path of the schema. */
function fieldsAt(schema: z.ZodType, path: Complaint["path"]): readonly string[] {
  let current: z.ZodType | undefined = schema;
  for (const step of path) current = current && childOf(current, step);
  const found = current && unwrapped(current);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

function childOf(schema: z.ZodType, step: string | number): z.ZodType | undefined {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodArray) return inner.element as z.ZodType;
  if (inner instanceof z.ZodObject) return inner.shape[step] as z.ZodType | undefined;
  return undefined;
}

function unwrapped(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional ? unwrapped(schema.unwrap() as z.ZodType) : schema;
}

/** The path of a field by its exact name, where objects (not lists) lead to it. */
function findField(
  schema: z.ZodType,
  field: string,
  path: readonly string[] = [],
): string | undefined {
  const inner = unwrapped(schema);
  if (!(inner instanceof z.ZodObject)) return undefined;
  for (const [name, child] of Object.entries(inner.shape)) {
    if (name === field) return formatPath([...path, name]);
    const found = findField(child as z.ZodType, field, [...path, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}
