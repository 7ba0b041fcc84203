import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ApiServer } from "../../../src/api/api-server.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { completionScript, SHELLS } from "../../../src/cli/completion-script.ts";
import { fakeApiSource } from "../../support/fake-api-source.ts";
import { type CliOptions, type CliRun, runCli } from "../../support/run-cli.ts";

// Golden files hold what the commands print. After a change that is meant: UPDATE_GOLDEN=1, and read the diff.
const GOLDEN = join(import.meta.dirname, "golden");
const ROOT = join(import.meta.dirname, "../../..");

const folder = mkdtempSync(join(tmpdir(), "tortie-cli-"));
const socket = join(folder, "tortie.sock");
const acts: string[] = [];
const api = await ApiServer.start({ path: socket, source: fakeApiSource(acts), onError: () => {} });
t.teardown(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The command line against the fake daemon. */
function tortie(line: string | readonly string[], options: CliOptions = {}): Promise<CliRun> {
  return runCli(line, { ...options, env: { TORTIE_SOCKET: socket, ...options.env } });
}

function golden(
  test: { readonly equal: (a: string, b: string, why: string) => unknown },
  name: string,
  text: string,
) {
  const file = join(GOLDEN, `${name}.txt`);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, text);
  const wanted = existsSync(file) ? readFileSync(file, "utf8") : "(no golden file)";
  test.equal(text, wanted, name);
}

t.test("every reading command in every format", async (t) => {
  const lines = [
    "status",
    "bgp peers",
    "bgp routes",
    "bgp neighbor 10.0.0.254",
    "explain 192.168.0.2",
    "events",
    "get nodes",
    "tunnel show",
  ];
  for (const line of lines) {
    for (const format of ["table", "wide", "json", "yaml"]) {
      const { code, stdout, stderr } = await tortie(`${line} -o ${format}`);
      t.equal(code, 0, `${line} -o ${format}`);
      t.equal(stderr, "", "nothing but the answer");
      golden(t, `${line.replaceAll(/[ .]/g, "-")}.${format}`, stdout);
      if (format === "json") t.doesNotThrow(() => JSON.parse(stdout));
    }
  }
});

t.test("a tunnel whose path carries too little is a failure with an advice", async (t) => {
  const { code, stdout } = await tortie("tunnel test --mtu");
  t.equal(code, 1);
  t.match(stdout, /host2 +tunl0 .* 1500 +1400 +too small +packets above 1380/);
  t.equal((await tortie("tunnel test nobody")).code, 1);
});

t.test("doctor names the chain of somebody else that stops workloads, and fails", async (t) => {
  const { code, stdout } = await tortie("doctor");
  t.equal(code, 1);
  t.match(stdout, /good +policy and NAT +in force/);
  t.match(stdout, /note +chain ip filter FORWARD .* accept rules in ip filter DOCKER-USER/);
  t.match(stdout, /bad +chain inet locked forward .*rule 3 drops everything.*EPERM/);
});

t.test("a narrow terminal loses columns, not the middle of words", async (t) => {
  const { stdout } = await tortie("bgp peers", { width: 60 });
  golden(t, "bgp-peers.narrow", stdout);
  for (const line of stdout.split("\n")) t.ok(line.length <= 60, line);
  const wide = await tortie("bgp peers -o wide", { width: 60 });
  t.match(wide.stdout, /ROUTER ID/, "wide never drops");
});

t.test("help has examples on every command, and every example parses", async (t) => {
  for (const command of COMMANDS) {
    const line = command.path.join(" ");
    const { code, stdout } = await tortie(`${line} --help`);
    t.equal(code, 0, line);
    t.match(stdout, /Examples:/, `${line} has examples`);
    t.ok(command.examples.length > 0);
    for (const { command: example } of command.examples) {
      t.ok(example.startsWith(line), `"${example}" is an example of ${line}`);
    }
  }
  golden(t, "help", (await tortie("--help")).stdout);
});

t.test("acts", async (t) => {
  t.equal((await tortie("bgp reset 10.0.0.2 --message cable")).code, 0);
  t.equal((await tortie("bgp refresh 10.0.0.2 --direction in")).code, 0);
  t.match(await tortie("node drain"), { code: 0, stdout: /other ways/ });
  t.equal((await tortie("node undrain")).code, 0);
  t.equal((await tortie("node stop --cleanup")).code, 0);
  t.strictSame(acts, [
    "reset Mesh_10_0_0_2 cable",
    "refresh Mesh_10_0_0_2 in",
    "drain true",
    "drain false",
    "stop shutdown true",
  ]);
});

t.test("exit codes and errors: what, why, what to do", async (t) => {
  const rows: [string, number, RegExp][] = [
    ["", 2, /Usage: tortie/],
    ["nonsense", 2, /unknown command 'nonsense'/],
    ["bgp peers -o xml", 2, /Allowed choices are table, wide, json, yaml/],
    ["bgp neighbor", 2, /missing required argument 'peer'/],
    ["bgp routes --limit many", 2, /not a positive whole number/],
    [
      "bgp neighbor 10.9.9.9",
      1,
      /error: no peer is called 10.9.9.9\n {2}cause: .*\n {2}fix: tortie bgp peers/,
    ],
    ["bgp routes 10.9.0.0/16", 1, /no route for 10.9.0.0\/16/],
    ["bgp routes --table in", 2, /belongs to one peer/],
    ["explain 10.9.9.9", 1, /no route to 10.9.9.9\/32/],
    ["get secrets", 2, /no kind is called secrets\n {2}fix: use one of nodes/],
    ["get nodes nothing", 1, /there is no Node\/nothing/],
    ["status --check", 1, /^$/],
    ["bgp peers --check", 1, /^$/],
    [
      "status --socket /nonexistent",
      4,
      /does not answer at \/nonexistent\n {2}cause: there is no such socket\n {2}fix: /,
    ],
    ["decode /nonexistent", 1, /cannot read \/nonexistent/],
    [`decode ${ROOT}/package.json`, 3, /not a capture/],
    ["completion tcsh", 2, /use one of bash, zsh, fish/],
    ["apply", 2, /-f FILE is missing/],
    ["get nodes -o go-template={{.}}", 2, /Go templates are not supported: use -o jsonpath=/],
    ["explain nope", 2, /no kind is called nope/],
    ["get nodes -o go-template-file=a", 2, /Go templates are not supported/],
  ];
  for (const [line, code, said] of rows) {
    const run = await tortie(line);
    t.equal(run.code, code, `tortie ${line}`);
    t.match(run.stderr, said, `tortie ${line}`);
  }
});

t.test("--demo finds the socket of a demo's host", async (t) => {
  const demo = join(folder, "demo");
  mkdirSync(join(demo, "host1"), { recursive: true });
  symlinkSync(socket, join(demo, "host1/tortie.sock"));
  const env = { TORTIE_SOCKET: "/nonexistent", TORTIE_DEMO_DIR: demo };
  t.match((await tortie("status --demo host1", { env })).stdout, /core-01/);
  t.match(
    (await tortie("--demo host1 status", { env })).stdout,
    /core-01/,
    "also before the command",
  );
  t.match((await tortie("status --demo host2", { env })).stderr, /host2\/tortie.sock/);
});

const PEER = `apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata:
  name: tor-1
spec:
  peerIP: 10.0.0.254
  asNumber: 65001
`;

t.test("validate, create, apply and delete in a directory datastore", async (t) => {
  const directory = join(folder, "cluster");
  mkdirSync(directory);
  const file = join(folder, "tor.yaml");
  writeFileSync(file, PEER);
  const run = (line: string) => tortie(line, { env: { TORTIE_DATASTORE_DIR: directory } });
  t.match(await run(`datastore validate ${file}`), {
    code: 0,
    stdout: /1 objects in 1 file: all well/,
  });
  t.match(await run(`create -f ${file}`), { code: 0, stdout: "BGPPeer/tor-1 created\n" });
  t.match(await run(`create -f ${file}`), { code: 5, stderr: /exists already/ });
  writeFileSync(file, PEER.replace("65001", "65002"));
  t.match(await run(`apply -f ${file}`), { code: 0, stdout: "BGPPeer/tor-1 updated\n" });
  t.match(await run(`datastore validate ${directory}`), { code: 0, stdout: /1 objects/ });
  t.match(await run("delete bgppeer tor-1"), { code: 0, stdout: "BGPPeer/tor-1 deleted\n" });
  t.match(await run("delete bgppeer tor-1"), { code: 1, stderr: /there is no BGPPeer\/tor-1/ });
  writeFileSync(file, PEER.replace("asNumber", "asNumbr"));
  const wrong = await run(`datastore validate ${file}`);
  t.equal(wrong.code, 3);
  t.match(
    wrong.stdout,
    /tor.yaml:7:3 {2}error {2}unknown field spec.asNumbr; did you mean spec.asNumber/,
  );
  t.match(await run(`apply -f ${file}`), { code: 3, stderr: /nothing was written/ });
  t.match(await run("datastore validate /nonexistent.yaml"), { code: 1, stderr: /cannot read/ });
});

t.test(
  "completion: commands, options, their values, and what the daemon knows by name",
  async (t) => {
    const offer = async (...words: string[]) => {
      const { stdout } = await tortie(["__complete", ...words]);
      return stdout.split("\n").flatMap((each) => each.split("\t")[0] || []);
    };
    const rows: [words: string[], offered: string[]][] = [
      [["st"], ["status"]],
      [
        ["bgp", "r"],
        ["routes", "reset", "refresh"],
      ],
      [
        ["bgp", "peers", "-o", "j"],
        ["json", "jsonl", "jsonpath="],
      ],
      [["bgp", "peers", "--output=y"], ["--output=yaml"]],
      [["bgp", "routes", "--ta"], ["--table"]],
      [
        ["bgp", "routes", "--table", ""],
        ["loc", "in", "out"],
      ],
      [["get", "--conf"], ["--config"]],
      [["get", "bgpp"], ["bgppeers"]],
      [["get", "nodes", "core-0"], ["core-01"]],
      [["label", "node", "core-02", "x"], []],
      [["bgp", "neighbor", "10.0.0.254"], ["10.0.0.254"]],
      [["bgp", "routes", "--peer", "10.0.0.25"], ["10.0.0.254"]],
      [["bgp", "plan-rr", "--reflectors", "host-7,cor"], ["host-7,core-01"]],
      [
        ["completion", ""],
        ["bash", "zsh", "fish"],
      ],
      [["get", "nodes", "--socket", "/nonexistent", ""], []],
      [["get", "--socket", socket, "nodes", "core-01"], ["core-01"]],
      [["nonsense", ""], []],
      [[""], [...new Set(COMMANDS.map(({ path }) => path[0] ?? ""))]],
    ];
    for (const [words, offered] of rows) {
      t.strictSame(await offer(...words), offered, words.join(" "));
    }
    t.notOk((await tortie("--help")).stdout.includes("__complete"), "people do not see it");
  },
);

t.test(
  "completion scripts: the shells accept them, and a real bash completes with its own",
  async (t) => {
    for (const shell of SHELLS) {
      const script = completionScript(shell);
      golden(t, `completion.${shell}`, script);
      const checked = spawnSync(shell, ["-n"], { input: script, encoding: "utf8" });
      // Only the shells that are installed can be asked.
      if (checked.error === undefined) t.equal(checked.stderr, "", `${shell} -n`);
    }
    // Readline itself: two tabs, and what it then lists or writes.
    const rc = join(folder, "bashrc");
    const bin = join(folder, "bin");
    mkdirSync(bin, { recursive: true });
    symlinkSync(join(ROOT, "src/bin/tortie"), join(bin, "tortie"));
    writeFileSync(rc, `${completionScript("bash")}\nPS1='> '\nbind 'set bell-style none'\n`);
    const fake = fakeApiSource();
    const [peer] = fake.peers();
    const v6 = { ...peer, address: "fe80::2", name: "v6" };
    const six = join(folder, "six.sock");
    const source = { ...fake, peers: () => [...fake.peers(), v6] as never };
    const daemon = await ApiServer.start({ path: six, source, onError: () => {} });
    t.teardown(() => daemon.close());
    const typed = (line: string) =>
      new Promise<string>((resolve) => {
        const words = ["-qfec", `bash --noprofile --rcfile ${rc} -i`, "/dev/null"];
        const PATH = `${bin}:${process.env["PATH"]}`;
        const shell = spawn("script", words, { env: { PATH, TERM: "dumb", TORTIE_SOCKET: six } });
        let said = "";
        let stage = 0;
        shell.stdout.on("data", (chunk) => {
          said += chunk;
          if (stage === 0 && said.includes("> ")) {
            stage = 1;
            shell.stdin.write(`${line}\t\x01echo [\x05]\n`);
          } else if (stage === 1 && /\n\[.*\]/.test(said)) {
            stage = 2;
            shell.stdin.write("exit\n");
          }
        });
        shell.on("close", () => resolve(/\n\[(.*)\]/.exec(said)?.[1]?.trim() ?? said));
      });
    t.equal(await typed("tortie get node core-0"), "tortie get node core-01");
    t.equal(await typed("tortie bgp neighbor fe80::"), "tortie bgp neighbor fe80::2", "colons");
  },
);

t.test("the launchers find node and sources through symbolic links", async (t) => {
  const link = join(folder, "calicoctl");
  symlinkSync(join(ROOT, "src/bin/tortie"), join(folder, "first"));
  symlinkSync("first", link);
  const env = { PATH: process.env["PATH"] ?? "", TORTIE_SOCKET: "/nonexistent" };
  const help = spawnSync(link, ["bgp", "peers", "--help"], { env, encoding: "utf8", cwd: "/" });
  t.equal(help.status, 0, help.stderr);
  t.match(
    help.stdout,
    /Usage: calicoctl bgp peers/,
    "it answers to the name that it was called by",
  );
  const failing = spawnSync(link, ["status"], { env, encoding: "utf8", cwd: "/" });
  t.equal(failing.status, 4);
  t.equal(failing.stdout, "", "errors go to standard error");
  const daemon = spawnSync(join(ROOT, "src/bin/tortied"), ["--version"], { env, encoding: "utf8" });
  t.match(daemon.stdout, /^tortied \d+\.\d+\.\d+/);
});
