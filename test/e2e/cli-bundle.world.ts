// Runs alone: it compares seconds of processor, which a busy neighbour makes longer.
/*
 * The command line as it ships: the bundle prints what the sources print, starts fast, and loads only what a command needs.
 * Time is counted in seconds of processor, alternating with bare Node, so that a busy machine makes both slow.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ApiServer } from "../../src/api/api-server.ts";
import { fakeApiSource } from "../support/fake-api-source.ts";

const ROOT = join(import.meta.dirname, "../..");
const BUNDLE = join(ROOT, "dist/tortie.js");
const GOLDEN = join(ROOT, "test/src/cli/golden");
const ROUNDS = 12;
const MOST_TIMES_BARE_NODE = 2;

const folder = mkdtempSync(join(tmpdir(), "tortie-bundle-"));
const socket = join(folder, "tortie.sock");
const api = await ApiServer.start({ path: socket, source: fakeApiSource(), onError: () => {} });
t.teardown(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});
// .ci/test makes the bundle before; alone, this file does.
if (!existsSync(BUNDLE)) spawnSync(process.execPath, [join(ROOT, ".ci/bundle.ts")], { cwd: ROOT });

type Run = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** The server is this very process, so the child is not waited for synchronously. */
function node(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { env: { ...env, TORTIE_SOCKET: socket } });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

t.test("the bundle prints what the golden files hold", async (t) => {
  // Lines without times: the bundle's clock is the real one.
  const lines = ["bgp routes", "explain 192.168.0.2", "get nodes"];
  for (const line of lines) {
    for (const format of ["table", "wide", "json", "yaml"]) {
      const { code, stdout, stderr } = await node([BUNDLE, ...line.split(" "), "-o", format]);
      t.equal(code, 0, `${line} -o ${format} ${stderr}`);
      const golden = readFileSync(
        join(GOLDEN, `${line.replaceAll(/[ .]/g, "-")}.${format}.txt`),
        "utf8",
      );
      t.equal(stdout, golden, `${line} -o ${format}`);
    }
  }
  for (const line of [
    "status -o json",
    "bgp peers -o yaml",
    "bgp neighbor 10.0.0.254 -o json",
    "events -o json",
  ]) {
    const name = line.replace(" -o ", ".").replaceAll(/[ .](?!\w+$)/g, "-");
    t.equal(
      (await node([BUNDLE, ...line.split(" ")])).stdout,
      readFileSync(join(GOLDEN, `${name}.txt`), "utf8"),
      line,
    );
  }
});

t.test("resources in a directory, through the bundle: what it loads lazily is there", async (t) => {
  const env = { TORTIE_DATASTORE_DIR: folder, XDG_STATE_HOME: folder, PATH: process.env["PATH"] };
  const file = join(folder, "node.yaml.txt");
  writeFileSync(
    file,
    "apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: h1}\nspec: {bgp: {ipv4Address: 10.0.0.1/24}}\n",
  );
  const steps: [string, RegExp][] = [
    [`apply -f ${file}`, /Node\/h1 created/],
    ["label node h1 rack=r1", /Node\/h1 updated/],
    ["get node h1 -o yaml", /rack: r1/],
    ["get nodes -l rack=r1 -o name", /node\/h1/],
    ["explain node.bgp", /asNumber/],
    ["bgp topology -o json", /"kind": "Topology"/],
    ["delete node h1", /deleted/],
    ["decode pcaps/none", /^$/],
  ];
  for (const [line, said] of steps)
    t.match((await node([BUNDLE, ...line.split(" ")], env)).stdout, said, line);
});

t.test("status and get take at most twice as long as bare Node", async (t) => {
  const seconds = (args: readonly string[]) => cpuSeconds(args);
  for (const line of ["status", "get nodes"]) {
    const [bare, command] = [[] as number[], [] as number[]];
    for (let round = 0; round < ROUNDS; round++) {
      bare.push(await seconds(["-e", "0"]));
      command.push(await seconds([BUNDLE, ...line.split(" ")]));
    }
    const ratio = Math.min(...command) / Math.min(...bare);
    t.ok(ratio <= MOST_TIMES_BARE_NODE, `${line}: ${ratio.toFixed(2)} times bare Node`);
  }
});

t.test("status and get load neither zod, yaml, pino nor etcd3", async (t) => {
  const hook = join(folder, "loaded.mjs");
  writeFileSync(
    hook,
    `import { registerHooks } from "node:module";
registerHooks({ load: (url, context, next) => { process._rawDebug("loaded " + url); return next(url, context); } });`,
  );
  /** esbuild names in a comment which file each part of a chunk comes from. */
  const librariesOf = async (line: string) => {
    const { stderr } = await node(["--import", hook, BUNDLE, ...line.split(" ")]);
    const files = [...stderr.matchAll(/loaded file:\/\/(\S+)/g)].map(([, file]) => file ?? "");
    const texts = files.map((file) => readFileSync(file, "utf8"));
    const names = texts.flatMap((text) => [...text.matchAll(/^\/\/ node_modules\/([^/]+)\//gm)]);
    return [...new Set(names.map(([, name]) => name))].toSorted();
  };
  for (const line of ["status", "get nodes", "get nodes -o json"]) {
    t.strictSame(await librariesOf(line), ["commander"], line);
  }
  t.ok((await librariesOf("get nodes -o yaml")).includes("yaml"), "where it is needed, it is seen");
});

/** Seconds of processor that a child took: the shell's "times" counts its children. */
function cpuSeconds(args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const words = ["-c", '"$0" "$@" > /dev/null 2>&1; times', process.execPath, ...args];
    const child = spawn("/bin/sh", words, { env: { TORTIE_SOCKET: socket } });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    child.on("close", () => {
      const ofChildren = text.trim().split("\n")[1] ?? "";
      const times = [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)];
      resolve(
        times.reduce((sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest), 0),
      );
    });
  });
}
