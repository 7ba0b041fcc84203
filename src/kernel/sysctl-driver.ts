import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { PendingChange } from "./link-driver.ts";

/** A name below /proc/sys with slashes, because interface names may hold dots: "net/ipv4/conf/cali0.1/rp_filter". */
export type SysctlName = string;

const FIRST_PRUNE = 100;

/**
 * Parameters whose change the kernel hands on to all interfaces, and what else it changes then (devinet.c, addrconf.c): an
 * interface that was set by itself has lost that when the parameter is back where it was.
 */
const WIDE: ReadonlyMap<SysctlName, WideSysctl> = new Map([
  [
    "net/ipv4/ip_forward",
    {
      folder: "net/ipv4/conf",
      field: "forwarding",
      others: ["net/ipv4/conf/all/accept_redirects"],
    },
  ],
  ["net/ipv6/conf/all/forwarding", { folder: "net/ipv6/conf", field: "forwarding", others: [] }],
]);

type WideSysctl = {
  readonly folder: string;
  readonly field: string;
  readonly others: readonly SysctlName[];
};

/**
 * Keeps sysctls as desired. The value that was there before the first change is written to the state file before the
 * change is made, so that cleanup, by whichever process, can restore it.
 */
export class SysctlDriver {
  readonly #stateFile: string;
  readonly #root: string;
  readonly #old: Map<SysctlName, string>;
  #desired: ReadonlyMap<SysctlName, string> = new Map();
  #isKept: (name: SysctlName) => boolean = () => true;
  /** So many old values are looked through for interfaces that have gone: not at every change. */
  #pruneAt = FIRST_PRUNE;
  /** False when the state file could not be written: the next apply tries again. */
  #isNoted = true;

  /** `root` is /proc/sys but for tests. */
  constructor(options: { readonly stateFile: string; readonly root?: string }) {
    this.#stateFile = options.stateFile;
    this.#root = options.root ?? "/proc/sys";
    this.#old = readState(options.stateFile);
  }

  /** The value that the kernel has now; undefined when there is no such sysctl. */
  get(name: SysctlName): string | undefined {
    return readOptional(join(this.#root, name))?.trim();
  }

  /**
   * The whole desired set. What leaves the set keeps its value until restore(). Old values for which `isKept` says no are
   * not remembered: those of interfaces that are our own and go with us.
   */
  setDesired(
    desired: ReadonlyMap<SysctlName, string>,
    isKept: (name: SysctlName) => boolean = () => true,
  ): void {
    this.#desired = desired;
    this.#isKept = isKept;
  }

  /** Writes what differs; answers what could not be. Call it after setDesired, when interfaces appear, and in the slow audit. */
  apply(): PendingChange[] {
    const present = [...this.#desired].map(
      ([name, value]) => [name, value, this.get(name)] as const,
    );
    const differing = present.filter(([, value, now]) => now !== value);
    const unnoted = this.#remember(differing);
    const refused = differing.flatMap(([name, value, now]) => {
      const reason = now === undefined ? "there is no such sysctl" : this.#write(name, value);
      return reason === undefined ? [] : [{ what: `sysctl ${name}=${value}`, reason }];
    });
    return unnoted === undefined ? refused : [unnoted, ...refused];
  }

  /** Puts all old values back, where the interface still exists, and forgets them. */
  restore(): PendingChange[] {
    const pending: PendingChange[] = [];
    this.#desired = new Map();
    // What the kernel hands on comes first: after it each interface gets its own value.
    const wide = [...this.#old].filter(([name]) => WIDE.has(name));
    const rest = [...this.#old].filter(([name]) => !WIDE.has(name));
    for (const [name, value] of [...wide, ...rest]) {
      if (this.get(name) === undefined) continue;
      const reason = this.#write(name, value);
      if (reason !== undefined) pending.push({ what: `sysctl ${name}=${value}`, reason });
    }
    if (pending.length === 0) {
      this.#old.clear();
      rmSync(this.#stateFile, { force: true });
    }
    return pending;
  }

  /** All in one write, before any is changed. A full disk is reported; forwarding does not wait for it. */
  #remember(
    settings: readonly (readonly [SysctlName, string, string | undefined])[],
  ): PendingChange | undefined {
    const unknown = settings.filter(([name]) => !this.#old.has(name) && this.#isKept(name));
    if (unknown.length === 0 && this.#isNoted) return undefined;
    if (this.#old.size >= this.#pruneAt) this.#prune();
    for (const [name, , now] of unknown) {
      if (now === undefined) continue;
      this.#old.set(name, now);
      this.#rememberConcerned(name);
    }
    const text = `${JSON.stringify(Object.fromEntries(this.#old), null, 2)}\n`;
    try {
      writeAtomically(this.#stateFile, text);
      this.#isNoted = true;
      return undefined;
    } catch (error) {
      this.#isNoted = false;
      return { what: "old values of sysctls, for cleanup", reason: (error as Error).message };
    }
  }

  /** What the kernel changes along with this one. */
  #rememberConcerned(name: SysctlName): void {
    const wide = WIDE.get(name);
    if (wide === undefined) return;
    const interfaces = listOptional(join(this.#root, wide.folder));
    const each = interfaces.map((one) => `${wide.folder}/${one}/${wide.field}`);
    for (const concerned of [...each, ...wide.others]) {
      const now = this.get(concerned);
      if (now === undefined || this.#old.has(concerned) || !this.#isKept(concerned)) continue;
      this.#old.set(concerned, now);
    }
  }

  /** Interfaces that have gone took their sysctls along. */
  #prune(): void {
    for (const name of this.#old.keys()) if (this.get(name) === undefined) this.#old.delete(name);
    this.#pruneAt = Math.max(FIRST_PRUNE, 2 * this.#old.size);
  }

  #write(name: SysctlName, value: string): string | undefined {
    try {
      writeFileSync(join(this.#root, name), value);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }
}

/** A file that a crash or a hand has spoilt is none: what the values were before is lost then, forwarding is not. */
function readState(path: string): Map<SysctlName, string> {
  const text = readOptional(path);
  try {
    const state: unknown = text === undefined ? {} : JSON.parse(text);
    const entries = Object.entries(state ?? {});
    return new Map(entries.filter(([, value]) => typeof value === "string"));
  } catch (error) {
    if (error instanceof SyntaxError) return new Map();
    throw error;
  }
}

function listOptional(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

function writeAtomically(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
