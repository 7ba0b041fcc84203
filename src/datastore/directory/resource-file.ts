import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { formatExactJson } from "../../lib/exact-json.ts";
import { type LoadedResource, loadYaml } from "../../resources/load-yaml.ts";
import { formatKey, keyOf, type Resource } from "../../resources/resource.ts";
import type { ValidationError } from "../../resources/validation-error.ts";

/** One file of the directory, read. */
export type ResourceFile = {
  readonly name: string;
  readonly text: string;
  readonly resources: readonly (LoadedResource & {
    readonly key: string;
    readonly stored: Resource;
  })[];
  readonly errors: readonly ValidationError[];
};

/** Parses a file. An empty one is an error: an editor or a full disk left it so, and its objects must not vanish. */
export function parseResourceFile(name: string, text: string): ResourceFile {
  const { resources, errors } = loadYaml(text, { file: name, unknownFields: "error" });
  const loaded = resources.map((each) => ({
    ...each,
    key: formatKey(keyOf(each.resource)),
    stored: withVersion(each.resource),
  }));
  return { name, text, resources: loaded, errors: text.trim() === "" ? [emptyFile(name)] : errors };
}

function emptyFile(file: string): ValidationError {
  return {
    severity: "error",
    path: "",
    message: "the file is empty",
    fix: "remove the file if its objects shall go",
    place: { file, line: 1, column: 1 },
  };
}

/** True when something in the file is not in force, or may not be. */
export function hasErrors({ errors }: ResourceFile): boolean {
  return errors.some(({ severity }) => severity === "error");
}

/** The resource with a resourceVersion that follows from its content alone: every process computes the same. */
export function withVersion(resource: Resource<string, unknown>): Resource {
  const { resourceVersion: _, ...metadata } = resource.metadata;
  const bare = { ...resource, metadata } as Resource;
  const hash = createHash("sha256").update(canonicalJson(bare)).digest();
  const resourceVersion = String(hash.readBigUInt64BE());
  return { ...bare, metadata: { ...metadata, resourceVersion } };
}

/** The text of a new file, or of one more document in it. */
export function formatResource({ metadata, ...rest }: Resource): string {
  const { resourceVersion: _, ...kept } = metadata;
  const { apiVersion, kind, spec, ...others } = rest;
  return stringify({ apiVersion, kind, metadata: kept, spec, ...others }, { lineWidth: 0 });
}

/**
 * The file's text with one object replaced, or taken out. Other documents keep every byte, comments too. Undefined when the
 * text cannot be edited safely: the object stands in a list beside objects that are wrong.
 */
export function editResourceFile(
  file: ResourceFile,
  key: string,
  replacement: Resource | undefined,
): string | undefined {
  const target = file.resources.find((each) => each.key === key);
  if (target === undefined) return undefined;
  const siblings = file.resources.filter(({ document }) => document === target.document);
  if (siblings.length > 1 && hasErrors(file)) return undefined;
  const kept = siblings.flatMap((each) => {
    if (each.key !== key) return [each.stored];
    return replacement === undefined ? [] : [replacement];
  });
  const [start, end] = target.range;
  const before = file.text.slice(0, start);
  const content = kept.map(formatResource).join("---\n");
  // "--- {…}" holds an object on the marker's own line, where a block cannot begin.
  const lineBreak = before === "" || before.endsWith("\n") || content === "" ? "" : "\n";
  return `${before}${lineBreak}${content}${file.text.slice(end).replace(/^\n/, content === "" ? "\n" : "")}`;
}

function canonicalJson(value: unknown): string {
  return formatExactJson(inOrder(value));
}

function inOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, inner]) => [name, inOrder(inner)]));
}
