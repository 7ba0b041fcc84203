import { open, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { formatKey, keyOf, type Resource, type ResourceKey } from "../../resources/resource.ts";
import { DatastoreError, type DeleteResult, type WriteResult } from "../datastore.ts";
import type { DirectoryFiles } from "./directory-files.ts";
import { withDirectoryLock } from "./directory-lock.ts";
import {
  editResourceFile,
  formatResource,
  hasErrors,
  parseResourceFile,
  type ResourceFile,
  withVersion,
} from "./resource-file.ts";

/** People who save a file while a writer works on it are rare; as often as this in a row they do not. */
const MAX_ATTEMPTS = 5;
/** Only such names become file names. */
const SAFE_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

type FoundFile = ResourceFile & { readonly signature: string };

/** Writes objects into a directory: under its lock, after reading what is there, and by rename of whole files. */
export class DirectoryWriter {
  readonly #directory: string;
  readonly #files: DirectoryFiles;
  readonly #holderOf: (key: string) => string | undefined;

  /** `holderOf` knows in which file an object was when it was last in force. */
  constructor(
    directory: string,
    known: {
      readonly files: DirectoryFiles;
      readonly holderOf: (key: string) => string | undefined;
    },
  ) {
    this.#directory = directory;
    this.#files = known.files;
    this.#holderOf = known.holderOf;
  }

  async create(resource: Resource): Promise<WriteResult> {
    return withDirectoryLock(this.#directory, async () => {
      const found = await this.#find(formatKey(keyOf(resource)));
      if (found) return { type: "alreadyExists" };
      const name = newFileName(resource);
      if ((await this.#files.signatureOf(name)) !== undefined) {
        const path = join(this.#directory, name);
        throw new DatastoreError(`${path} is there, but holds no ${formatKey(keyOf(resource))}`);
      }
      await this.#put(name, formatResource(resource));
      return { type: "written", resource: withVersion(resource) };
    });
  }

  async update(resource: Resource): Promise<WriteResult> {
    const key = formatKey(keyOf(resource));
    const { resourceVersion } = resource.metadata;
    const replaced = await this.#replace(key, { resourceVersion, replacement: resource });
    return typeof replaced === "object"
      ? { type: "written", resource: withVersion(resource) }
      : { type: replaced };
  }

  async delete(
    key: ResourceKey,
    { resourceVersion }: { readonly resourceVersion?: string },
  ): Promise<DeleteResult> {
    const replaced = await this.#replace(formatKey(key), {
      resourceVersion,
      replacement: undefined,
    });
    return typeof replaced === "object"
      ? { type: "deleted", resource: replaced }
      : { type: replaced };
  }

  /** Returns the object that was there. */
  async #replace(
    key: string,
    change: {
      readonly resourceVersion: string | undefined;
      readonly replacement: Resource | undefined;
    },
  ): Promise<Resource | "notFound" | "conflict"> {
    return withDirectoryLock(this.#directory, async () => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const found = await this.#find(key);
        if (found === undefined) return "notFound";
        const { file, stored } = found;
        const { resourceVersion, replacement } = change;
        if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion) {
          return "conflict";
        }
        const text = edited(file, key, replacement);
        if ((await this.#files.signatureOf(file.name)) !== file.signature) continue;
        await this.#put(file.name, text);
        return stored;
      }
      throw new DatastoreError(`the file of ${key} changes all the time`);
    });
  }

  /** The one file that holds the object. Throws where that cannot be told for sure: then a person must look. */
  async #find(
    key: string,
  ): Promise<{ readonly file: FoundFile; readonly stored: Resource } | undefined> {
    const files = await this.#files.readNow();
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
      (file) => hasErrors(file) && (file.name === before || file.text.includes(name)),
    );
    if (broken === undefined) return undefined;
    throw new DatastoreError(`${broken.name} has errors and may hold ${key}: mend the file first`);
  }

  /** Puts the whole file in place at once; a file without objects goes. */
  async #put(name: string, text: string): Promise<void> {
    const path = join(this.#directory, name);
    if (isBare(text)) await unlink(path);
    else {
      const temporary = join(this.#directory, `.${name}.${process.pid}.new`);
      const file = await open(temporary, "w", 0o600);
      try {
        await file.chmod(await modeOf(path));
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    }
    await this.#files.adopt(name);
  }
}

/** Edits, and reads the result: whatever the layout of the file was, it must now hold exactly what is meant. */
function edited(file: FoundFile, key: string, replacement: Resource | undefined): string {
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

function newFileName(resource: Resource): string {
  const { kind, metadata } = resource;
  const { namespace, name } = metadata;
  const parts = namespace === undefined ? [name] : [namespace, name];
  if (!parts.every((part) => SAFE_NAME.test(part))) {
    throw new DatastoreError(`${formatKey(keyOf(resource))} cannot be the name of a file`);
  }
  return `${kind.toLowerCase()}.${parts.join("_")}.yaml`;
}

/** Keys may stand in these files: new ones are for their owner only. */
async function modeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch {
    return 0o600;
  }
}
