import { link, readFile, readlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatastoreError } from "../datastore.ts";

/** How long a writer waits for another one before it gives up. A write takes milliseconds. */
const WAIT_MILLISECONDS = 10_000;
const LOCK = ".tortie-lock";
/** Held only while a dead holder's lock is taken away. */
const BREAK_LOCK = ".tortie-lock-break";

/** Who holds a lock. A process is the same one only if it also started at the same time, in the same pid namespace. */
type Holder = { readonly pid: number; readonly started: string; readonly pidNamespace: string };

/**
 * Runs `action` while no other process on this machine does so for the same directory. The lock is a file with its holder's
 * name in it, made by link(2), so it is never there without its content. A holder that died is recognised, and its lock is
 * removed under a second lock: two processes that both see a dead holder must not remove each other's new one.
 */
export async function withDirectoryLock<Result>(
  directory: string,
  action: () => Promise<Result>,
): Promise<Result> {
  const path = join(directory, LOCK);
  const own = JSON.stringify(await describeProcess(process.pid));
  await acquire(directory, own);
  try {
    return await action();
  } finally {
    await unlink(path);
  }
}

async function acquire(directory: string, own: string): Promise<void> {
  const path = join(directory, LOCK);
  const deadline = performance.now() + WAIT_MILLISECONDS;
  for (let wait = 1; !(await linkNew(path, own)); wait = Math.min(2 * wait, 20)) {
    const holder = await readHolder(path);
    if (holder === undefined) continue;
    if (await isDead(holder)) await removeDeadLock(directory, own);
    else if (performance.now() > deadline) {
      throw new DatastoreError(
        `${path} is held by process ${holder.pid}; remove it if that is no writer of this directory`,
      );
    } else await sleep(wait * (0.5 + Math.random()));
  }
}

async function removeDeadLock(directory: string, own: string): Promise<void> {
  const [path, breakPath] = [join(directory, LOCK), join(directory, BREAK_LOCK)];
  if (!(await linkNew(breakPath, own))) {
    const breaker = await readHolder(breakPath);
    if (breaker && (await isDead(breaker))) {
      throw new DatastoreError(`${breakPath} was left behind by a dead process; remove it`);
    }
    await sleep(1);
    return;
  }
  try {
    // Only the holder of the break lock removes a dead lock, so what is read here is still there when it is removed.
    const holder = await readHolder(path);
    if (holder && (await isDead(holder))) await unlink(path);
  } finally {
    await unlink(breakPath);
  }
}

let temporaries = 0;

/** Creates the file with its whole content, or returns false because there is one. */
async function linkNew(path: string, content: string): Promise<boolean> {
  const temporary = `${path}.${process.pid}.${temporaries++}`;
  await writeFile(temporary, content, { mode: 0o644 });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Holder;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw new DatastoreError(`${path} cannot be read; remove it`, { cause: error });
  }
}

async function isDead(holder: Holder): Promise<boolean> {
  const now = await describeProcess(holder.pid);
  const self = await describeProcess(process.pid);
  // A holder in another container cannot be judged from here.
  if (holder.pidNamespace !== self.pidNamespace) return false;
  return now.started !== holder.started;
}

/** Field 22 of /proc/PID/stat is the start time in clock ticks; the command name before it may hold anything. */
async function describeProcess(pid: number): Promise<Holder> {
  const pidNamespace = await readlink("/proc/self/ns/pid");
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    return { pid, started, pidNamespace };
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ESRCH")) {
      return { pid, started: "never", pidNamespace };
    }
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
