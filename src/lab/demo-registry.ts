import { lstatSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { ownerLives, sweepAbandonedLabs } from "./lab-owner.ts";
import { waitUntil } from "./wait-until.ts";

/**
 * Where `tortie --demo HOST` looks for sockets: a symbolic link to the running demo's folder. There is one demo a link, so that
 * `--down` and the CLI know which one is meant.
 */
export function demoLink(): string {
  const { TORTIE_DEMO_DIR: link } = process.env;
  return link === undefined || link === "" ? "/run/tortie-demo" : link.replace(/\/+$/, "");
}

/** The process whose demo is up, or undefined. */
export function runningDemo(): number | undefined {
  const owner = ownerOfLink();
  return owner !== undefined && ownerLives(owner) ? owner : undefined;
}

/** Makes the link point to this process's demo, in place of one whose process is gone. */
export function claimDemo(labFolder: string): void {
  if (ownerOfLink() !== undefined) rmSync(demoLink(), { force: true });
  symlinkSync(labFolder, demoLink());
}

/** Takes the link away, if it is still this process's. */
export function releaseDemo(): void {
  if (ownerOfLink() === process.pid) rmSync(demoLink(), { force: true });
}

/** Ends the running demo and removes what a killed one left; says what was done. */
export async function bringDemoDown(): Promise<string> {
  const owner = runningDemo();
  if (owner !== undefined) {
    process.kill(owner, "SIGTERM");
    await waitUntil(`process ${owner} has taken its demo down`, () => !ownerLives(owner), {
      deadlineSeconds: 20,
    });
  }
  const stale = ownerOfLink();
  if (stale !== undefined && !ownerLives(stale)) rmSync(demoLink(), { force: true });
  const swept = await sweepAbandonedLabs();
  if (owner !== undefined) return `the demo of process ${owner} is down`;
  return swept.length > 0 ? `swept what was left: ${swept.join(" ")}` : "no demo is up";
}

/** The link leads to /run/tortie-lab/PID/demo. */
function ownerOfLink(): number | undefined {
  const link = demoLink();
  const status = lstatSync(link, { throwIfNoEntry: false });
  if (status === undefined) return undefined;
  if (!status.isSymbolicLink()) throw new Error(`${link} is not the link to a demo; move it away`);
  const owner = Number(basename(dirname(readlinkSync(link))));
  return owner > 0 ? owner : 0;
}
