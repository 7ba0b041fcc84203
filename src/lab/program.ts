import { type ChildProcess, spawn } from "node:child_process";

/** What a finished program said. `code` is undefined when a signal or the deadline ended it. */
export type ProgramResult = {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
};

export type ProgramOptions = {
  readonly input?: string;
  readonly deadlineSeconds?: number;
};

const DEFAULT_DEADLINE_SECONDS = 60;

/** Runs a program to its end and returns what it said; only a program that cannot be started is an error. */
export function tryProgram(
  command: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const [file = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: cleanEnvironment(), stdio: ["pipe", "pipe", "pipe"] });
    const deadline = (options.deadlineSeconds ?? DEFAULT_DEADLINE_SECONDS) * 1000;
    const timer = setTimeout(() => child.kill("SIGKILL"), deadline);
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.once("error", (cause) => {
      clearTimeout(timer);
      reject(new Error(`cannot run ${file}: ${cause.message}`, { cause }));
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? undefined, stdout: stdout(), stderr: stderr() });
    });
    // A program that ends before it has read its input is judged by its exit code, not by EPIPE.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}

/** Runs a program that must succeed, and returns its standard output. */
export async function runProgram(
  command: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const result = await tryProgram(command, options);
  if (result.code === 0) return result.stdout;
  const said = (result.stderr || result.stdout).trim();
  const input = options.input === undefined ? "" : `\ninput was:\n${options.input.trim()}`;
  throw new Error(`${command.join(" ")} ended with ${result.code ?? "a signal"}: ${said}${input}`);
}

/** The environment of a lab's programs: nothing of a test runner or of the caller's Node leaks into a daemon. */
export function cleanEnvironment(extra: { readonly [name: string]: string } = {}): {
  [name: string]: string;
} {
  const { PATH: path = "", HOME: home = "/root" } = process.env;
  return {
    PATH: `${path}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin`,
    HOME: home,
    LC_ALL: "C",
    ...extra,
  };
}

function collect(stream: ChildProcess["stdout"]): () => string {
  const chunks: Buffer[] = [];
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}
