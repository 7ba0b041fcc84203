import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiClient } from "../../../api/client.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";

export type DaemonStart = {
  readonly configFile: string;
  readonly logDirectory: string;
  readonly socket: string;
  /** Waited for as well, so that the next command of a script finds it. */
  readonly proxyPort: number | undefined;
};

const START_MILLISECONDS = 20_000;
const STOP_MILLISECONDS = 15_000;
const LOOK_MILLISECONDS = 50;
const LINES_OF_LOG = 10;

/** Starts tortied in the background, in the place of one that runs, and returns an id of this run when it is at work. */
export async function startDaemon(start: DaemonStart): Promise<string> {
  await replaceRunning(start.socket);
  mkdirSync(start.logDirectory, { recursive: true, mode: 0o755 });
  const logFile = join(start.logDirectory, "tortied.log");
  const log = openSync(logFile, "a");
  const child = spawn(daemonProgram(), ["--config", start.configFile], {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
  });
  closeSync(log);
  const end = endOf(child);
  const client = new ApiClient(start.socket);
  const isUp = async () => {
    const report = await client.status();
    return start.proxyPort === undefined || (await listens(start.proxyPort)) ? report : undefined;
  };
  const report = await until(isUp, { milliseconds: START_MILLISECONDS, end: end.how });
  child.unref();
  if (report === undefined) {
    throw new CommandFailure({
      what: "tortied did not start",
      why: end.how() ?? `it was not at work after ${START_MILLISECONDS / 1000} s`,
      fix: `see ${logFile}:\n${lastLines(logFile)}`,
      exitCode: ExitCode.failed,
    });
  }
  return createHash("sha256")
    .update(`${report.node} ${report.pid} ${report.startedAt}`)
    .digest("hex")
    .slice(0, 12);
}

/** Runs tortied in the foreground and returns its exit code. */
export async function runDaemon(configFile: string): Promise<number> {
  const child = spawn(daemonProgram(), ["--config", configFile], { stdio: "inherit" });
  const { promise, resolve } = Promise.withResolvers<number>();
  child.once("error", () => resolve(ExitCode.failed));
  child.once("exit", (code) => resolve(code ?? ExitCode.interrupted));
  return promise;
}

/** The launcher that stands beside the program that runs; else whatever PATH has. */
function daemonProgram(): string {
  let folder = dirname(process.argv[1] ?? "");
  while (folder !== dirname(folder)) {
    const launcher = join(folder, "src/bin/tortied");
    if (existsSync(launcher)) return launcher;
    folder = dirname(folder);
  }
  return "tortied";
}

/** As for a restart: routes stay, and peers keep theirs while the next one starts. */
async function replaceRunning(socket: string): Promise<void> {
  const client = new ApiClient(socket);
  try {
    await client.stop({ mode: "restart", cleanup: false });
  } catch {
    // Nobody answers, so there is nobody to replace.
    return;
  }
  const isGone = () =>
    client.status().then(
      () => undefined,
      () => true,
    );
  await until(isGone, { milliseconds: STOP_MILLISECONDS, end: () => undefined });
}

function endOf(child: ChildProcess): { readonly how: () => string | undefined } {
  let how: string | undefined;
  child.once("error", (error) => {
    how = error.message;
  });
  child.once("exit", (code, signal) => {
    how = signal ?? `it ended with code ${code}`;
  });
  return { how: () => how };
}

async function until<T>(
  probe: () => Promise<T | undefined>,
  { milliseconds, end }: { readonly milliseconds: number; readonly end: () => string | undefined },
): Promise<T | undefined> {
  const late = Date.now() + milliseconds;
  while (Date.now() < late && end() === undefined) {
    const found = await probe().catch(() => undefined);
    if (found !== undefined) return found;
    await sleep(LOOK_MILLISECONDS);
  }
  return undefined;
}

function listens(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: "127.0.0.1", port });
  const tell = (answer: boolean) => {
    socket.destroy();
    resolve(answer);
  };
  socket.once("connect", () => tell(true));
  socket.once("error", () => tell(false));
  return promise;
}

function lastLines(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-LINES_OF_LOG).join("\n");
}
