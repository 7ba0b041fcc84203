import { keyOf, type Resource } from "../../resources/resource.ts";
import { formatValidationError } from "../../resources/validation-error.ts";
import type { StoreProblem, WatchEvent } from "../datastore.ts";
import { hasErrors, type ResourceFile } from "./resource-file.ts";

/** One object in force, and the file that it came from. */
type Entry = { readonly resource: Resource; readonly file: string };

/**
 * The objects of all files together. Where a file has errors, objects that it held before and that cannot be found in it now
 * stay; where two files hold one object, the file whose name comes first has it.
 */
export class ObjectIndex {
  #entries: ReadonlyMap<string, Entry> = new Map();
  #problems: readonly StoreProblem[] = [];

  resources(): readonly Resource[] {
    return [...this.#entries.values()].map(({ resource }) => resource);
  }

  get(key: string): Resource | undefined {
    return this.#entries.get(key)?.resource;
  }

  /** The file that the object came from, as far as it is in force. */
  fileOf(key: string): string | undefined {
    return this.#entries.get(key)?.file;
  }

  problems(): readonly StoreProblem[] {
    return this.#problems;
  }

  /** Takes the files as they are now, in the order of their names, and returns what that changes. */
  replace(files: readonly ResourceFile[]): readonly WatchEvent[] {
    const before = this.#entries;
    const problems: StoreProblem[] = [];
    const after = new Map<string, Entry>();
    for (const file of files) addGood(file, after, problems);
    for (const file of files) keepLastGood(file, before, after);
    this.#entries = after;
    this.#problems = [...files.flatMap(problemsOf), ...problems];
    return differences(before, after);
  }
}

function addGood(file: ResourceFile, entries: Map<string, Entry>, problems: StoreProblem[]): void {
  for (const { key, stored, place } of file.resources) {
    const other = entries.get(key);
    if (other === undefined) entries.set(key, { resource: stored, file: file.name });
    else {
      const message = `${key} stands in ${other.file} already; this one is not in force`;
      problems.push({ where: `${file.name}:${place.line}`, message });
    }
  }
}

function keepLastGood(
  file: ResourceFile,
  before: ReadonlyMap<string, Entry>,
  after: Map<string, Entry>,
): void {
  if (!hasErrors(file)) return;
  for (const [key, entry] of before) {
    if (entry.file === file.name && !after.has(key)) after.set(key, entry);
  }
}

function problemsOf(file: ResourceFile): readonly StoreProblem[] {
  return file.errors.map((error) => {
    const { place, severity } = error;
    const where = place ? `${place.file}:${place.line}:${place.column}` : file.name;
    const message = formatValidationError(error);
    return severity === "warning" ? { where, message, severity } : { where, message };
  });
}

function differences(
  before: ReadonlyMap<string, Entry>,
  after: ReadonlyMap<string, Entry>,
): readonly WatchEvent[] {
  const events: WatchEvent[] = [];
  for (const [key, { resource }] of after) {
    const known = before.get(key)?.resource.metadata.resourceVersion;
    if (known !== resource.metadata.resourceVersion) events.push({ type: "put", resource });
  }
  for (const [key, { resource }] of before) {
    if (!after.has(key)) events.push({ type: "delete", key: keyOf(resource) });
  }
  return events;
}
