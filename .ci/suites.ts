/**
 * Runs every suite from cheap to dear, prints its counts and seconds, and ends with "N passed, N failed, N skipped".
 * Checks and unit tests run one at a time. Worlds wait for timers most of the time, so two run beside each other, but never two
 * of one folder (they use the same programs), and none beside a world whose file has the line "// Runs alone: WHY"; those come last.
 * A suite that fails shows why. A skipped test fails the run unless docs/limits.md names it ("skips: NAME").
 */
import { spawn } from "node:child_process";
import {
  closeSync,
  globSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { countsOf, failuresOf, skipsOf } from "./tap-output.ts";

type Suite = {
  readonly name: string;
  readonly command: readonly string[];
  readonly secondsAtMost: number;
};

type Outcome = { readonly output: string; readonly code: number; readonly seconds: number };

const ROOT = join(import.meta.dirname, "..");
/** Several times what the dearest one takes; a test of one that hangs ends at tap's own, earlier limit, which says where. */
const WORLD_SECONDS = 420;
const TAP_SECONDS = 360;
const CHECK_SECONDS = 600;
const LANES = 2;
/** The last lines of a failed suite's output, which are shown besides its failures. */
const TAIL_LINES = 60;

const CHECKS: readonly Suite[] = [
  check("import-table", "node .ci/lint-layers.ts --check"),
  check("import-table-cells", "node .ci/lint-layers.ts --cells"),
  check("docs", "sh .ci/check-docs"),
  check("generated-docs", "node .ci/docs.ts --check"),
  check("lint", "biome check --error-on-warnings ."),
  check("types", "tsc --noEmit -p tsconfig.json"),
  check("types-protocol", "tsc --noEmit -p protocol/tsconfig.json"),
  check("unit", "sh .ci/tap unit"),
  check("simulation", "sh .ci/tap sim"),
  check("bundle", "node .ci/bundle.ts"),
  check("package", "sh .ci/check-package"),
];

const totals = { pass: 0, fail: 0, skip: 0 };
const limits = readFileSync(join(ROOT, "docs/limits.md"), "utf8");
const running = new Set<number>();
const logs = mkdtempSync(join(tmpdir(), "tortie-suites-"));
process.once("exit", () => rmSync(logs, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    for (const group of running) killGroup(group);
    process.exit(130);
  });
}

const named = process.argv.slice(2);
if (named.length === 0) for (const suite of CHECKS) await runSuite(suite);
await runWorlds(named.length > 0 ? named : worldFiles());
console.log(`${totals.pass} passed, ${totals.fail} failed, ${totals.skip} skipped`);
process.exitCode = totals.fail === 0 ? 0 : 1;

function check(name: string, command: string): Suite {
  return { name, command: command.split(" "), secondsAtMost: CHECK_SECONDS };
}

/** Without the tap command, whose start takes longer than that of a test: what it would add is done here. */
function world(file: string): Suite {
  const name = file.replace(/^test\//, "");
  return { name, command: ["node", file], secondsAtMost: WORLD_SECONDS };
}

function worldFiles(): readonly string[] {
  const files = globSync("test/**/*.world.ts", { cwd: ROOT });
  return files.filter((file) => !file.startsWith("test/quarantine/")).toSorted();
}

async function runWorlds(files: readonly string[]): Promise<void> {
  const isAlone = (file: string) =>
    /^\/\/ Runs alone: /m.test(readFileSync(join(ROOT, file), "utf8"));
  const rest = files.filter((file) => !isAlone(file));
  const busy = new Set<string>();
  // Whoever ends wakes the other lane, which may have waited for its folder.
  let wake: PromiseWithResolvers<void> = Promise.withResolvers();
  const lane = async () => {
    while (rest.length > 0) {
      const index = rest.findIndex((file) => !busy.has(dirname(file)));
      if (index < 0) {
        await wake.promise;
        continue;
      }
      const [file = ""] = rest.splice(index, 1);
      busy.add(dirname(file));
      await runSuite(world(file));
      busy.delete(dirname(file));
      wake.resolve();
      wake = Promise.withResolvers();
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  for (const file of files.filter(isAlone)) await runSuite(world(file));
}

async function runSuite(suite: Suite): Promise<void> {
  const { output, code, seconds } = await run(suite);
  const counted = countsOf(output);
  // A command without tests counts as one; a process may also fail after its tests have passed.
  const pass = counted?.pass ?? (code === 0 ? 1 : 0);
  let fail = counted?.fail ?? 0;
  if (code !== 0 && fail === 0) fail = 1;
  const skip = counted?.skip ?? 0;
  for (const reason of skipsOf(output)) {
    if (limits.includes(`skips: ${reason}`)) continue;
    console.log(`skipped, but docs/limits.md does not say why: ${reason}`);
    fail += 1;
  }
  totals.pass += pass;
  totals.fail += fail;
  totals.skip += skip;
  const cell = (count: number, width: number) => String(count).padStart(width);
  console.log(
    `${suite.name.padEnd(34)} ${cell(pass, 5)} passed ${cell(fail, 3)} failed ${cell(skip, 3)} skipped ${cell(Math.round(seconds), 5)}s`,
  );
  if (fail > 0) console.log(report(output, code));
}

/** The failures, wherever they stand, and then the end of it all. */
function report(output: string, code: number): string {
  const failures = countsOf(output) === undefined ? "" : failuresOf(output);
  const tail = output.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
  return `${failures}--- the end of its output (exit code ${code}):\n${tail}`.replaceAll(
    /^/gm,
    "    ",
  );
}

function run({ name, command, secondsAtMost }: Suite): Promise<Outcome> {
  const [file = "", ...words] = command;
  const started = performance.now();
  // A file, not a pipe, which a daemon that outlives its test would hold open.
  const path = join(logs, name.replaceAll("/", "-"));
  const log = openSync(path, "a");
  const child = spawn(file, words, {
    cwd: ROOT,
    env: { ...process.env, TAP_REPORTER: "tap", TAP_TIMEOUT: String(TAP_SECONDS) },
    stdio: ["ignore", log, log],
    // A group of its own, so that all of a suite that hangs can be ended. What is left of its lab is swept by the next one.
    detached: true,
  });
  const group = child.pid ?? 0;
  if (group > 0) running.add(group);
  const timer = setTimeout(() => {
    writeSync(log, `\nended by .ci/suites.ts: it ran for ${secondsAtMost} s\n`);
    killGroup(group);
  }, secondsAtMost * 1000);
  return new Promise((resolve) => {
    const end = (code: number, why: string) => {
      clearTimeout(timer);
      running.delete(group);
      if (why !== "") writeSync(log, `\n${why}\n`);
      closeSync(log);
      const seconds = (performance.now() - started) / 1000;
      resolve({ output: readFileSync(path, "utf8"), code, seconds });
    };
    child.once("error", (error) => end(127, error.message));
    child.once("exit", (code, signal) =>
      end(code ?? 1, signal === null ? "" : `ended by ${signal}`),
    );
  });
}

function killGroup(group: number): void {
  try {
    if (group > 0) process.kill(-group, "SIGKILL");
  } catch {
    // It ended by itself in this moment.
  }
}
