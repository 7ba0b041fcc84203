import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DatastoreError } from "../datastore.ts";
import { parseResourceFile, type ResourceFile } from "./resource-file.ts";

const RESOURCE_FILE = /^[^.].*\.(ya?ml|json)$/;

/** What tells one content of a file from another without reading it. */
type Signature = string;

/**
 * The files of a directory, read when they change. Subdirectories, pipes, hidden files and other endings are not looked
 * at, nor links that lead nowhere. A file that is being written stays as it was until it has settled.
 */
export class DirectoryFiles {
  readonly #directory: string;
  /** Time for which a file must have been left alone before it is read: an editor may be in the middle of writing it. */
  readonly #settleMilliseconds: number;
  readonly #settled = new Map<
    string,
    { readonly signature: Signature; readonly file: ResourceFile }
  >();
  readonly #unsettled = new Map<
    string,
    { readonly signature: Signature; readonly since: number }
  >();

  /** Also when the look that saw the change has failed later on. */
  #changed = false;

  constructor(options: { readonly directory: string; readonly settleMilliseconds: number }) {
    this.#directory = options.directory;
    this.#settleMilliseconds = options.settleMilliseconds;
  }

  /** In the order of their names. */
  get files(): readonly ResourceFile[] {
    const entries = [...this.#settled.values()].map(({ file }) => file);
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Looks at every file. `settled: false` means that some must be looked at again soon. */
  async look(): Promise<{ readonly changed: boolean; readonly settled: boolean }> {
    // A file that another one is renamed over at this moment may be missing from the listing of its directory; only looking
    // at the file itself tells that it is gone.
    const listed = await this.#names();
    const names = new Set([...listed, ...this.#settled.keys(), ...this.#unsettled.keys()]);
    for (const name of names) this.#changed = (await this.#lookAt(name)) || this.#changed;
    const changed = this.#changed;
    this.#changed = false;
    return { changed, settled: this.#unsettled.size === 0 };
  }

  /** Reads every file as it is now, settled or not, without remembering it: for a writer, who holds the lock. */
  async readNow(): Promise<readonly (ResourceFile & { readonly signature: Signature })[]> {
    const files = [];
    for (const name of (await this.#names()).toSorted()) {
      const signature = await this.signatureOf(name);
      const known = this.#settled.get(name);
      if (signature === undefined) continue;
      const file = known?.signature === signature ? known.file : await this.#read(name);
      if (file) files.push({ ...file, signature });
    }
    return files;
  }

  /** Takes a file that this process has just written whole: it need not settle. */
  async adopt(name: string): Promise<void> {
    this.#unsettled.delete(name);
    const signature = await this.signatureOf(name);
    const file = signature === undefined ? undefined : await this.#read(name);
    if (signature === undefined || file === undefined) this.#settled.delete(name);
    else this.#settled.set(name, { signature, file });
  }

  async signatureOf(name: string): Promise<Signature | undefined> {
    try {
      const status = await stat(join(this.#directory, name), { bigint: true });
      // A pipe would keep the reader waiting for ever, and with it every other file.
      if (!status.isFile()) return undefined;
      const { ino, size, mtimeNs, ctimeNs } = status;
      return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw new DatastoreError(`cannot look at ${join(this.#directory, name)}`, { cause: error });
    }
  }

  /** True when the file is now another one for those who ask. */
  async #lookAt(name: string): Promise<boolean> {
    const signature = await this.signatureOf(name);
    if (signature === undefined) {
      // All files are missing where the directory itself was moved away, and that deletes nothing.
      await this.#names();
      this.#unsettled.delete(name);
      return this.#settled.delete(name);
    }
    if (this.#settled.get(name)?.signature === signature) {
      this.#unsettled.delete(name);
      return false;
    }
    if (!this.#hasSettled(name, signature)) return false;
    const file = await this.#read(name);
    const after = await this.signatureOf(name);
    if (file === undefined || after !== signature) {
      // It changed under the reader: what was there before stays, and somebody must look again.
      this.#unsettled.set(name, { signature: after ?? signature, since: performance.now() });
      return false;
    }
    this.#unsettled.delete(name);
    this.#settled.set(name, { signature, file });
    return true;
  }

  /** By the time since we saw it thus; or by the file's own time, so that a start does not wait for old files. */
  #hasSettled(name: string, signature: Signature): boolean {
    const now = performance.now();
    const modifiedMilliseconds = Number(BigInt(signature.split(" ")[2] ?? "0") / 1_000_000n);
    if (Date.now() - modifiedMilliseconds >= this.#settleMilliseconds) return true;
    const seen = this.#unsettled.get(name);
    if (seen?.signature === signature) return now - seen.since >= this.#settleMilliseconds;
    this.#unsettled.set(name, { signature, since: now });
    return false;
  }

  async #names(): Promise<readonly string[]> {
    try {
      const entries = await readdir(this.#directory);
      return entries.filter((name) => RESOURCE_FILE.test(name));
    } catch (error) {
      throw new DatastoreError(`cannot read the directory ${this.#directory}`, { cause: error });
    }
  }

  async #read(name: string): Promise<ResourceFile | undefined> {
    try {
      return parseResourceFile(name, await readFile(join(this.#directory, name), "utf8"));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw new DatastoreError(`cannot read ${join(this.#directory, name)}`, { cause: error });
    }
  }
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof Error && "code" in error)) return false;
  return error.code === "ENOENT" || error.code === "ELOOP";
}
