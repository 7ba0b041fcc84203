import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tryProgram } from "./program.ts";
import { waitUntil } from "./wait-until.ts";

// Who a lab belongs to, and how what is left of a dead one's is found again.
//
// A lab consists of network namespaces, whose names begin with "ttlab", the owner's pid and "-"; of the processes inside them;
// and of the folder /run/tortie-lab/PID. All links live inside the namespaces and die with them. So a later process that knows
// nothing finds everything from two listings. The folder's file "owner" holds the owner's start time, because pids are used again.

/** Folders of all labs on this machine, one an owner. */
export const LAB_ROOT = "/run/tortie-lab";

const NAMESPACE_NAME = /^ttlab(\d+)-/;
const NAMESPACES = "/run/netns";

/** The name of a node's network namespace, as `ip netns` lists it. */
export function namespaceName(owner: number, lab: string, node: string): string {
  return `ttlab${owner}-${lab}-${node}`;
}

/** Makes this process the owner of a folder for its labs. */
export function claimLabFolder(): string {
  const folder = `${LAB_ROOT}/${process.pid}`;
  mkdirSync(folder, { recursive: true });
  // The rename shows it whole: to another process that sweeps at this moment, half a time would be somebody else's.
  writeFileSync(`${folder}/.owner`, startTime(process.pid) ?? "");
  renameSync(`${folder}/.owner`, `${folder}/owner`);
  return folder;
}

/** Gives the folder back when the last of this process's labs is closed. */
export function releaseLabFolder(): void {
  const folder = `${LAB_ROOT}/${process.pid}`;
  if (listIfThere(folder).every((name) => name === "owner")) {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Removes every lab whose owner is gone; returns what was removed, for people. */
export async function sweepAbandonedLabs(): Promise<readonly string[]> {
  const owners = new Set([...namespaces().keys(), ...folderOwners()]);
  const swept: string[] = [];
  for (const owner of owners) {
    if (ownerLives(owner)) continue;
    swept.push(...(await sweepLabsOf(owner)));
  }
  return swept;
}

/** Removes all that one owner left: processes first, then namespaces, then the folder. */
export async function sweepLabsOf(owner: number): Promise<readonly string[]> {
  const names = namespaces().get(owner) ?? [];
  await removeNamespaces(names);
  rmSync(`${LAB_ROOT}/${owner}`, { recursive: true, force: true });
  return names;
}

/** Kills what runs in the namespaces, waits until it is gone, and removes them. */
export async function removeNamespaces(names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await waitUntil(
    "the lab's processes are gone",
    async () => {
      const pids = (await Promise.all(names.map(processesIn))).flat();
      for (const pid of pids) killIfThere(pid);
      return pids.length === 0;
    },
    { deadlineSeconds: 30, everyMilliseconds: 20 },
  );
  const batch = names.map((name) => `netns del ${name}\n`).join("");
  const { code, stderr } = await tryProgram(["ip", "-force", "-batch", "-"], { input: batch });
  // Two processes may sweep the same lab, or a build failed before all were there: what counts is that none is left.
  const left = names.filter((name) => listIfThere(NAMESPACES).includes(name));
  if (left.length > 0) throw new Error(`ip netns del ended with ${code}: ${stderr}, left: ${left}`);
}

/** True while the process that made the labs runs: same pid, and started when the folder says. */
export function ownerLives(owner: number): boolean {
  const started = startTime(owner);
  if (started === undefined) return false;
  const recorded = readIfThere(`${LAB_ROOT}/${owner}/owner`);
  return recorded === undefined || recorded === started;
}

async function processesIn(namespace: string): Promise<readonly number[]> {
  const { stdout } = await tryProgram(["ip", "netns", "pids", namespace]);
  return stdout.split("\n").filter(Boolean).map(Number);
}

function namespaces(): Map<number, string[]> {
  const byOwner = new Map<number, string[]>();
  for (const name of listIfThere(NAMESPACES)) {
    const owner = Number(NAMESPACE_NAME.exec(name)?.[1]);
    if (owner > 0) byOwner.set(owner, [...(byOwner.get(owner) ?? []), name]);
  }
  return byOwner;
}

function folderOwners(): readonly number[] {
  return listIfThere(LAB_ROOT)
    .map(Number)
    .filter((pid) => pid > 0);
}

/** Field 22 of /proc/PID/stat, counted after the command name, which may hold spaces and parentheses. */
function startTime(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A zombie has ended; only its parent has not looked yet.
  return fields === undefined || fields[0] === "Z" ? undefined : fields[19];
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself between the listing and now.
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function listIfThere(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
