import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HostState } from "../calc/host-state.ts";
import type { ClusterMemory } from "./cluster-loss.ts";
import { readRememberedHostState } from "./remembered-host-state.ts";

/** Bumped when a file of an older version must not be read: when what stands in a list of a host state gets a field that must be there. */
const FORMAT = 1;
const PEERS_FILE = "peers-up.json";
const HOST_FILE = "host-state.json";
const CLUSTER_FILE = "cluster.json";
const CRASH_PREFIX = "crash-";
/** Crash files kept; the oldest goes first. */
const MOST_CRASHES = 10;

/** One crash, as it is written down. */
export type CrashReport = {
  readonly version: string;
  readonly nodeVersion: string;
  readonly at: string;
  readonly error: string;
  /** The peer whose bytes were being processed, by address. */
  readonly peer?: string;
  readonly inputs: readonly object[];
  readonly events: readonly object[];
};

/**
 * What the daemon remembers from one run to the next: which peers were up, the last host state that was good, and
 * crashes. Files are replaced in one step and are for root only, because a host state holds keys. What cannot be read
 * counts as not there: a memory must never keep the daemon from running.
 */
export class StateDirectory {
  readonly #path: string;
  readonly #onError: (error: Error) => void;
  #writeFailure: string | undefined;

  constructor(path: string, onError: (error: Error) => void) {
    this.#path = path;
    this.#onError = onError;
    this.#attempt(() => mkdirSync(path, { recursive: true, mode: 0o700 }));
  }

  /** Why the last write failed; undefined when it did not. */
  get writeFailure(): string | undefined {
    return this.#writeFailure;
  }

  /** Names of the peers that were up when this was last written. */
  peersUp(): string[] {
    const names = this.#readMemory(PEERS_FILE)?.["peers"];
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  }

  rememberPeersUp(peers: readonly string[]): void {
    this.#write(PEERS_FILE, { format: FORMAT, peers });
  }

  /** The last good state of this node; of no other, should the host have been renamed. */
  lastKnownGood(nodeName: string): HostState | undefined {
    return readRememberedHostState(this.#readMemory(HOST_FILE)?.["state"], nodeName);
  }

  rememberHostState(state: HostState): void {
    this.#write(HOST_FILE, { format: FORMAT, state });
  }

  /** How much there was in the datastore; undefined where there is no state that could stay in force without it. */
  clusterMemory(nodeName: string): ClusterMemory | undefined {
    if (this.lastKnownGood(nodeName) === undefined) return undefined;
    return this.#readMemory(CLUSTER_FILE)?.["cluster"] as ClusterMemory | undefined;
  }

  rememberCluster(cluster: ClusterMemory): void {
    this.#write(CLUSTER_FILE, { format: FORMAT, cluster });
  }

  /** After a shutdown the next start is a first start: nobody is waited for. */
  forgetPeersUp(): void {
    this.#attempt(() => rmSync(join(this.#path, PEERS_FILE), { force: true }));
  }

  /** Writes a crash file and returns its path. */
  rememberCrash(report: CrashReport): string | undefined {
    const name = `${CRASH_PREFIX}${report.at.replaceAll(":", "")}.json`;
    this.#write(name, report);
    for (const old of this.#crashFiles().slice(0, -MOST_CRASHES)) {
      this.#attempt(() => rmSync(join(this.#path, old), { force: true }));
    }
    return join(this.#path, name);
  }

  /** Crashes, oldest first. */
  crashes(): Partial<CrashReport>[] {
    return this.#crashFiles().map((name): Partial<CrashReport> => this.#read(name) ?? {});
  }

  #crashFiles(): string[] {
    const names = this.#attempt(() => readdirSync(this.#path)) ?? [];
    return names.filter((name) => name.startsWith(CRASH_PREFIX)).sort();
  }

  #readMemory(name: string): { readonly [field: string]: unknown } | undefined {
    const file = this.#read(name);
    return file?.["format"] === FORMAT ? file : undefined;
  }

  #read(name: string): { readonly [field: string]: unknown } | undefined {
    try {
      const value: unknown = JSON.parse(readFileSync(join(this.#path, name), "utf8"));
      return typeof value === "object" && value !== null ? { ...value } : undefined;
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      // A parser quotes what it read, and this file may hold keys: only the kind of error is told.
      if (!missing)
        this.#onError(new Error(`cannot read ${name}`, { cause: (error as Error).name }));
      return undefined;
    }
  }

  #write(name: string, value: object): void {
    const file = join(this.#path, name);
    try {
      writeFileSync(`${file}.new`, `${JSON.stringify(value)}\n`, { mode: 0o600 });
      renameSync(`${file}.new`, file);
      this.#writeFailure = undefined;
    } catch (error) {
      this.#writeFailure = (error as Error).message;
      this.#onError(error as Error);
    }
  }

  #attempt<Result>(act: () => Result): Result | undefined {
    try {
      return act();
    } catch (error) {
      this.#onError(error as Error);
      return undefined;
    }
  }
}
