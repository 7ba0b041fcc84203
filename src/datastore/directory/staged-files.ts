import { createHash } from "node:crypto";
import { formatKey, keyOf, type Resource } from "../../resources/resource.ts";
import { DatastoreError } from "../datastore.ts";
import {
  editResourceFile,
  formatResource,
  hasErrors,
  parseResourceFile,
  type ResourceFile,
  withVersion,
} from "./resource-file.ts";

/** A file whose text changes. */
export type FileChange = {
  readonly name: string;
  /** Before the change, as it was read; empty for a new file. */
  readonly before: string;
  readonly signature: string | undefined;
  readonly isNew: boolean;
  /** Undefined when the file goes, because it would hold nothing. */
  readonly text: string | undefined;
};

type ReadFile = ResourceFile & { readonly signature: string };
type StagedFile = ResourceFile & { readonly read?: ReadFile };

/** The files of a directory with changes that are not written yet. */
export class StagedFiles {
  readonly #directory: string;
  readonly #holderOf: (key: string) => string | undefined;
  readonly #files = new Map<string, StagedFile>();

  constructor(
    directory: string,
    known: {
      readonly files: readonly ReadFile[];
      readonly holderOf: (key: string) => string | undefined;
    },
  ) {
    this.#directory = directory;
    this.#holderOf = known.holderOf;
    for (const file of known.files) this.#files.set(file.name, { ...file, read: file });
  }

  /** The object as stored. Throws where it cannot be told for sure whether and where it is: then a person must look. */
  find(key: string): Resource | undefined {
    return this.#locate(key)?.stored;
  }

  /** Returns the object as it will be stored. */
  create(resource: Resource): Resource {
    const name = newFileName(resource);
    if (this.#files.has(name)) {
      const path = `${this.#directory}/${name}`;
      throw new DatastoreError(`${path} is there, but holds no ${formatKey(keyOf(resource))}`);
    }
    this.#files.set(name, parseResourceFile(name, formatResource(resource)));
    return withVersion(resource);
  }

  replace(resource: Resource): Resource {
    this.#edit(formatKey(keyOf(resource)), resource);
    return withVersion(resource);
  }

  /** Returns the object that was there. */
  remove(key: string): Resource | undefined {
    const stored = this.find(key);
    this.#edit(key, undefined);
    return stored;
  }

  changes(): readonly FileChange[] {
    return [...this.#files.values()].flatMap(({ name, text, read }) => {
      if (text === read?.text) return [];
      return [
        {
          name,
          before: read?.text ?? "",
          signature: read?.signature,
          isNew: read === undefined,
          text: isBare(text) ? undefined : text,
        },
      ];
    });
  }

  #edit(key: string, replacement: Resource | undefined): void {
    const file = this.#locate(key)?.file;
    if (file === undefined) throw new Error(`${key} was looked for before it is changed`);
    const text = edited(file, key, replacement);
    const { read } = file;
    const changed = parseResourceFile(file.name, text);
    this.#files.set(file.name, read === undefined ? changed : { ...changed, read });
  }

  #locate(key: string): { readonly file: StagedFile; readonly stored: Resource } | undefined {
    const files = [...this.#files.values()];
    const holders = files.flatMap((file) => {
      const loaded = file.resources.find((each) => each.key === key);
      return loaded ? [{ file, stored: loaded.stored }] : [];
    });
    if (holders.length > 1) {
      const names = holders.map(({ file }) => file.name).join(" and ");
      throw new DatastoreError(`${key} stands in ${names}: remove one of them`);
    }
    const [holder] = holders;
    if (holder) return holder;
    const name = key.slice(key.lastIndexOf("/") + 1);
    const before = this.#holderOf(key);
    const broken = files.find(
      (file) =>
        hasErrors(file) &&
        !isBareChange(file) &&
        (file.name === before || file.text.includes(name)),
    );
    if (broken === undefined) return undefined;
    throw new DatastoreError(`${broken.name} has errors and may hold ${key}: mend the file first`);
  }
}

/** Emptied by us, and about to go. */
function isBareChange({ text, read }: StagedFile): boolean {
  return text !== read?.text && isBare(text);
}

/** Edits, and reads the result: whatever the layout of the file was, it must now hold exactly what is meant. */
function edited(file: ResourceFile, key: string, replacement: Resource | undefined): string {
  const text = editResourceFile(file, key, replacement);
  const expected = file.resources.flatMap((each) => {
    if (each.key !== key) return [each.stored];
    return replacement === undefined ? [] : [withVersion(replacement)];
  });
  const versions = (resources: readonly Resource[]) =>
    resources.map(({ metadata }) => metadata.resourceVersion).join();
  if (text !== undefined) {
    if (isBare(text) && expected.length === 0) return text;
    const result = parseResourceFile(file.name, text).resources.map(({ stored }) => stored);
    if (versions(result) === versions(expected)) return text;
  }
  throw new DatastoreError(`${file.name} cannot be changed by a program as it is: edit it by hand`);
}

/** Nothing but blank lines and document markers. Comments are worth keeping. */
function isBare(text: string): boolean {
  return /^(\s|---|\.\.\.)*$/.test(text);
}

/** File systems take 255 bytes, and the names of IPAM's handles may be longer. */
const LONGEST_NAME = 200;

function newFileName(resource: Resource): string {
  const { kind, metadata } = resource;
  const { namespace, name } = metadata;
  const parts = namespace === undefined ? [name] : [namespace, name];
  const escaped = parts
    .map((part) => part.replaceAll(/[^A-Za-z0-9.-]/g, escapeCharacter))
    .join("_");
  const short =
    escaped.length <= LONGEST_NAME
      ? escaped
      : createHash("sha256").update(parts.join("/")).digest("hex");
  return `${kind.toLowerCase()}.${short}.yaml`;
}

function escapeCharacter(character: string): string {
  return [...Buffer.from(character)]
    .map((byte) => `%${byte.toString(16).padStart(2, "0")}`)
    .join("");
}
