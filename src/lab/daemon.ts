import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { cleanEnvironment } from "./program.ts";

export type DaemonPlan = {
  /** For people: "bird on tor". */
  readonly name: string;
  readonly namespace: string;
  readonly command: readonly string[];
  readonly logFile: string;
  readonly environment?: { readonly [name: string]: string };
};

/** A program that runs in the foreground in one network namespace, in its own process group, with its output in a file. */
export class Daemon {
  readonly name: string;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  #end: string | undefined;

  constructor(plan: DaemonPlan) {
    this.name = plan.name;
    this.logFile = plan.logFile;
    const log = openSync(plan.logFile, "a");
    // `ip netns exec` replaces itself, so the child's pid is the daemon's.
    this.#child = spawn("ip", ["netns", "exec", plan.namespace, ...plan.command], {
      env: cleanEnvironment(plan.environment),
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#end = how;
        resolve(how);
      };
      this.#child.once("error", (error) => end(error.message));
      this.#child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended, or undefined while it runs. */
  get end(): string | undefined {
    return this.#end;
  }

  /** Sends the signal and waits until the process is gone. */
  async stop(
    signal: "SIGTERM" | "SIGKILL" | "SIGINT" = "SIGTERM",
    deadlineSeconds = 30,
  ): Promise<string> {
    if (this.#end === undefined) this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), deadlineSeconds * 1000);
    const how = await this.#ended;
    clearTimeout(timer);
    return how;
  }

  /** The last lines that it wrote, for a failure's report. */
  logTail(lines = 15): string {
    const text = readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-lines);
    const state = this.#end === undefined ? "" : ` (ended: ${this.#end})`;
    return [`--- log of ${this.name}${state}`, ...text].join("\n");
  }
}
