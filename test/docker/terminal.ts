import { type ChildProcess, spawn } from "node:child_process";
import { cleanEnvironment } from "../../src/lab/program.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";

/** A person at a terminal: types lines, and reads what comes. script(1) makes the terminal. */
export class Terminal {
  readonly #child: ChildProcess;
  #shown = "";
  #from = 0;

  /** Runs a command line, which is read by a shell, on a terminal of its own. */
  constructor(command: readonly string[], environment: { readonly [name: string]: string } = {}) {
    const line = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    this.#child = spawn("script", ["-qefc", line, "/dev/null"], {
      env: { ...cleanEnvironment({ TERM: "dumb" }), ...environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#shown += chunk.toString("utf8");
    });
    // What is typed after the end is lost, as it is for a person.
    this.#child.stdin?.on("error", () => undefined);
  }

  type(line: string): void {
    this.#from = this.#shown.length;
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Sends what a key sends: "\u0003" is Ctrl-C, "\u0004" is Ctrl-D. */
  press(key: string): void {
    this.#child.stdin?.write(key);
  }

  /** Everything since the last line that was typed, once it holds `wanted`. */
  async expect(wanted: RegExp, deadlineSeconds = 60): Promise<RegExpExecArray> {
    return waitUntil(`the terminal shows ${wanted}`, () => wanted.exec(this.shown()) ?? undefined, {
      deadlineSeconds,
      everyMilliseconds: 20,
      whenLate: () => `it shows:\n${this.#shown.slice(-2000)}`,
    });
  }

  /** Types a line at a shell, and returns what it said and its exit code. */
  async run(line: string, deadlineSeconds = 60): Promise<{ code: number; text: string }> {
    this.type(line);
    this.#child.stdin?.write('echo "[exit:$?]"\n');
    const [, code] = await this.expect(/\[exit:(\d+)\]/, deadlineSeconds);
    return { code: Number(code), text: this.shown().replaceAll("\r", "") };
  }

  /** What it shows since the last line that was typed. */
  shown(): string {
    return this.#shown.slice(this.#from);
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}
