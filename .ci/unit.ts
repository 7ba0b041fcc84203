/**
 * Runs the test files given as arguments in two processes that each take the next file when they are done with one.
 * TAP goes to standard output where TAP_REPORTER is tap; otherwise only what failed. Each process ends with tap's own
 * "# { total: …, pass: …, fail: … }", which .ci/suites.ts adds up.
 */
import { fork } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { failuresOf } from "./tap-output.ts";

const WORKERS = 2;
/** A worker says so when it wants a file; the answer "" means that there are no more. */
const NEXT = "next";

type Outcome = {
  readonly output: string;
  readonly code: number;
  readonly files: readonly string[];
};

// The largest first: no process is left with a long one at the end.
const files = process.argv.slice(2).toSorted((a, b) => statSync(b).size - statSync(a).size);
const outcomes = await Promise.all(Array.from({ length: WORKERS }, () => runWorker()));
for (const { output, code, files: done } of outcomes) {
  if (process.env["TAP_REPORTER"] === "tap") process.stdout.write(output);
  else process.stdout.write(failuresOf(output));
  if (code === 0) continue;
  process.exitCode = 1;
  // One process may have ended before tap could count.
  if (!/^# \{ total: /m.test(output)) process.stdout.write("# { total: 1, pass: 0, fail: 1 }\n");
  process.stdout.write(
    `# a process failed (exit code ${code}); it had run, in this order:\n#   ${done.join("\n#   ")}\n`,
  );
}

function runWorker(): Promise<Outcome> {
  const done: string[] = [];
  const chunks: Buffer[] = [];
  const worker = fork(join(import.meta.dirname, "unit-worker.ts"), {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...process.env, TAP_TIMEOUT: "600" },
  });
  worker.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  worker.stderr?.pipe(process.stderr);
  worker.on("message", (message) => {
    // tap has messages of its own.
    if (message !== NEXT) return;
    const next = files.shift();
    if (next !== undefined) done.push(next);
    worker.send(next ?? "");
  });
  return new Promise((resolve) => {
    worker.on("close", (code) => {
      resolve({ output: Buffer.concat(chunks).toString("utf8"), code: code ?? 1, files: done });
    });
  });
}
