// Runs alone: every lab that opens sweeps what a killed one left, and here the demo itself has to.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import t from "tap";
import { LAB_ROOT } from "../../src/lab/lab-owner.ts";
import { cleanEnvironment } from "../../src/lab/program.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

t.test("npm run demo -- --check: every ping is answered, and nothing is left behind", async (t) => {
  const demo = startDemo(t, ["--check"]);
  const code = await demo.ended;
  t.equal(code, 0, "exits 0");
  t.match(demo.output(), /Every ping was answered/, "says that every ping was answered");
  t.match(
    demo.output(),
    /Traceroute web1 \(host1\) → web3 \(host3\)/,
    "shows the way between racks",
  );
  t.same(leftovers(demo), [], "no namespace, folder or link is left");
  if (code !== 0) t.comment(demo.output());
});

t.test("a demo that was killed is swept by --down", async (t) => {
  const demo = startDemo(t, ["--check"]);
  await waitUntil("tortied is being started", () => demo.output().includes("tortied on host1"), {
    deadlineSeconds: 60,
    everyMilliseconds: 20,
    whenLate: demo.output,
  });
  process.kill(demo.pid, "SIGKILL");
  await demo.ended;
  t.ok(leftovers(demo).length > 0, "the kill left something, so that there is something to sweep");
  const down = startDemo(t, ["--down"], demo.link);
  t.equal(await down.ended, 0, "--down exits 0");
  t.match(down.output(), /swept/, "and says what it swept");
  t.same(leftovers(demo), [], "nothing is left");
  t.same(processesOf(demo.pid), [], "no process of the demo is left");
});

type Demo = {
  readonly pid: number;
  readonly link: string;
  readonly ended: Promise<number | null>;
  output(): string;
};

/** Runs what `npm run demo` runs after `.ci/ensure`, with a link of its own, beside a demo that may be up on this machine. */
function startDemo(
  t: { teardown(work: () => void): unknown },
  words: readonly string[],
  link?: string,
): Demo {
  const folder = link === undefined ? mkdtempSync("/tmp/tortie-demo-test-") : undefined;
  if (folder !== undefined) t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const demoLink = link ?? `${folder}/demo`;
  const child = spawn(process.execPath, ["src/lab/demo.ts", ...words], {
    cwd: ROOT,
    env: cleanEnvironment({ TORTIE_DEMO_DIR: demoLink }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      text += chunk;
    });
  if (child.pid === undefined) throw new Error("the demo did not start");
  return {
    pid: child.pid,
    link: demoLink,
    ended: new Promise((resolve) => child.once("close", resolve)),
    output: () => text,
  };
}

function leftovers(demo: Demo): readonly string[] {
  const namespaces = readdirSync("/run/netns").filter((name) =>
    name.startsWith(`ttlab${demo.pid}-`),
  );
  const paths = [`${LAB_ROOT}/${demo.pid}`, demo.link].filter((path) => existsSync(path));
  return [...namespaces, ...paths];
}

/** Processes whose command line names the demo's folder: its daemons. */
function processesOf(owner: number): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandLine(pid))
    .filter((line) => line.includes(`${LAB_ROOT}/${owner}/`));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    // It ended while we looked.
    return "";
  }
}
