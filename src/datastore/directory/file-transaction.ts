import { createHash } from "node:crypto";
import { open, readFile, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { DatastoreError } from "../datastore.ts";
import type { DirectoryFiles } from "./directory-files.ts";
import type { FileChange } from "./staged-files.ts";

/** Says what is being written while several files change, so that whoever comes after a crash can do the rest. */
const JOURNAL = ".tortie-transaction";

type JournalEntry = {
  readonly name: string;
  readonly before: string;
  readonly text: string | null;
};

/**
 * Puts whole files in place, each at once by rename; the caller holds the directory's lock. What is to become of several
 * files is written down before the first of them changes.
 */
export async function putFiles(
  directory: string,
  changes: readonly FileChange[],
  files: DirectoryFiles,
): Promise<void> {
  if (changes.length > 1) {
    const entries = changes.map(({ name, before, text }): JournalEntry => {
      return { name, before: hashOf(before), text: text ?? null };
    });
    await replaceFile(directory, JOURNAL, JSON.stringify(entries));
  }
  for (const { name, text } of changes) {
    await putFile(directory, name, text);
    await files.adopt(name);
  }
  if (changes.length > 1) await unlink(join(directory, JOURNAL));
}

/** Does the rest of what a dead writer had begun. A file that somebody has edited since is left as it is. */
export async function finishTransaction(directory: string, files: DirectoryFiles): Promise<void> {
  const text = await readIfThere(directory, JOURNAL);
  if (text === undefined) return;
  for (const entry of entriesOf(text)) {
    const present = await readIfThere(directory, entry.name);
    if (hashOf(present ?? "") !== entry.before) continue;
    await putFile(directory, entry.name, entry.text ?? undefined);
    await files.adopt(entry.name);
  }
  await unlink(join(directory, JOURNAL));
}

/** Whether a writer has begun something that it may have died of. */
export async function isTransactionOpen(directory: string): Promise<boolean> {
  try {
    await stat(join(directory, JOURNAL));
    return true;
  } catch {
    return false;
  }
}

async function putFile(directory: string, name: string, text: string | undefined): Promise<void> {
  if (text !== undefined) return replaceFile(directory, name, text);
  try {
    await unlink(join(directory, name));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  const path = join(directory, name);
  const temporary = join(directory, `.${name}.${process.pid}.new`);
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

/** The journal is put in place whole, so what is no journal was not written by a writer. */
function entriesOf(text: string): readonly JournalEntry[] {
  try {
    return JSON.parse(text) as readonly JournalEntry[];
  } catch (error) {
    throw new DatastoreError(`${JOURNAL} cannot be read; remove it`, { cause: error });
  }
}

async function readIfThere(directory: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, name), "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new DatastoreError(`cannot read ${join(directory, name)}`, { cause: error });
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Keys may stand in these files: new ones are for their owner only. */
async function modeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch {
    return 0o600;
  }
}
