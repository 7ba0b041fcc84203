import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Lab } from "../../src/lab/lab.ts";
import {
  cleanEnvironment,
  type ProgramOptions,
  type ProgramResult,
  tryProgram,
} from "../../src/lab/program.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";

export type DockerHostPlan = {
  /** A node of the lab, already connected. */
  readonly node: string;
  /** What `hostname` says there. */
  readonly hostname: string;
};

/**
 * A lab node that feels like a machine of its own: besides its network it has its own processes, mounts, host name, /run,
 * /etc and /var/lib, and a real dockerd with docker's usual addresses. All of it ends with one process.
 */
export class DockerHost {
  readonly hostname: string;
  readonly node: string;
  readonly #lab: Lab;
  readonly #plan: DockerHostPlan;
  #holder: ChildProcess;
  #init: number;
  readonly #folder: string;
  readonly #cgroup: string;

  private constructor(parts: {
    readonly lab: Lab;
    readonly plan: DockerHostPlan;
    readonly holder: ChildProcess;
    readonly init: number;
    readonly folder: string;
  }) {
    this.#lab = parts.lab;
    this.#plan = parts.plan;
    this.hostname = parts.plan.hostname;
    this.node = parts.plan.node;
    this.#holder = parts.holder;
    this.#init = parts.init;
    this.#folder = parts.folder;
    this.#cgroup = `tt${process.pid}-${parts.plan.node}`;
  }

  /** Makes the machine; nothing runs in it yet. */
  static async boot(lab: Lab, plan: DockerHostPlan): Promise<DockerHost> {
    const folder = mkdtempSync(join(tmpdir(), `tt${process.pid}-${plan.node}-`));
    for (const name of ["lib", "etc-docker", "etc-tortie", "log"]) mkdirSync(join(folder, name));
    const { holder, init } = await powerOn(lab, plan, folder);
    return new DockerHost({ lab, plan, holder, init, folder });
  }

  /** Starts dockerd and waits until it answers. */
  async startDocker(...options: readonly string[]): Promise<void> {
    const log = openSync(this.logFile("dockerd"), "a");
    const child = spawn(
      "nsenter",
      [
        ...this.#enter,
        "dockerd",
        "--storage-driver=overlay2",
        "--exec-opt=native.cgroupdriver=cgroupfs",
        `--cgroup-parent=/${this.#cgroup}`,
        "--data-root=/var/lib/docker",
        ...options,
      ],
      { env: cleanEnvironment(), stdio: ["ignore", log, log] },
    );
    closeSync(log);
    let ended: number | null | undefined;
    child.once("exit", (code) => {
      ended = code;
    });
    await waitUntil(
      `dockerd on ${this.hostname} answers`,
      async () => {
        if (ended !== undefined) throw new Error(`it ended with ${ended}`);
        return (await this.try("docker version")).code === 0;
      },
      // With containers to start it waits for their driver first.
      { deadlineSeconds: 90, whenLate: () => this.logTail("dockerd") },
    );
  }

  /** Stops dockerd as a service manager does. */
  async stopDocker(signal: "TERM" | "KILL" = "TERM"): Promise<void> {
    await this.run(`kill -${signal} $(cat /var/run/docker.pid)`);
    await waitUntil(
      `dockerd on ${this.hostname} has ended`,
      async () => (await this.try("kill -0 $(cat /var/run/docker.pid)")).code !== 0,
      { deadlineSeconds: 30 },
    );
  }

  /** Runs a line of shell in the machine; it must succeed. */
  async run(line: string, options: ProgramOptions = {}): Promise<string> {
    const result = await this.try(line, options);
    if (result.code === 0) return result.stdout;
    const said = `${result.stderr}${result.stdout}`.trim();
    throw new Error(`${this.hostname}: ${line}\nended with ${result.code ?? "a signal"}: ${said}`);
  }

  /** Runs a line of shell in the machine and returns how it went. */
  try(line: string, options: ProgramOptions = {}): Promise<ProgramResult> {
    const { deadlineSeconds = 60 } = options;
    // What the line started is inside a pid namespace, out of reach of a signal to nsenter: it must be ended from within.
    const words = ["timeout", "--kill-after=1", String(deadlineSeconds), "bash", "-c", line];
    return tryProgram(this.command(words), { ...options, deadlineSeconds: deadlineSeconds + 5 });
  }

  /** A command line of the test's machine that runs the program in this one. */
  command(words: readonly string[]): readonly string[] {
    return ["nsenter", ...this.#enter, ...words];
  }

  logFile(name: string): string {
    return join(this.#folder, "log", `${name}.log`);
  }

  logTail(name: string, lines = 25): string {
    return readFileSync(this.logFile(name), "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  }

  /** Pulls the plug and starts anew: what is on disk is there, all else is gone. Nothing runs in it yet. */
  async reboot(): Promise<void> {
    await this.#powerOff();
    await this.#lab.run(this.node, [
      "sh",
      "-c",
      "nft flush ruleset; ip link del docker0; ip route flush proto 116",
    ]);
    const { holder, init } = await powerOn(this.#lab, this.#plan, this.#folder);
    this.#holder = holder;
    this.#init = init;
  }

  /** Ends everything in the machine and removes what it kept on disk. */
  async close(): Promise<void> {
    await this.#powerOff();
    rmSync(this.#folder, { recursive: true, force: true });
    for (const hierarchy of readdirSync("/sys/fs/cgroup")) {
      removeCgroup(`/sys/fs/cgroup/${hierarchy}/${this.#cgroup}`);
    }
  }

  async #powerOff(): Promise<void> {
    const gone = new Promise((resolve) => this.#holder.once("exit", resolve));
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    process.kill(this.#init, "SIGKILL");
    await gone;
  }

  get #enter(): readonly string[] {
    return [`--target=${this.#init}`, "--net", "--mount", "--uts", "--pid", "--wd=/"];
  }
}

/** The process that all of the machine depends on, and its pid 1 as the test's machine sees it. */
async function powerOn(lab: Lab, plan: DockerHostPlan, folder: string) {
  const holder = spawn(
    "nsenter",
    [
      `--net=/run/netns/${lab.namespace(plan.node)}`,
      ..."unshare --mount --uts --pid --fork --kill-child --mount-proc --propagation private".split(
        " ",
      ),
      ...["sh", "-c", SET_UP, "sh", folder, plan.hostname],
    ],
    { env: cleanEnvironment(), stdio: ["ignore", "pipe", "ignore"] },
  );
  let said = "";
  holder.stdout?.on("data", (chunk: Buffer) => {
    said += chunk.toString("utf8");
  });
  await waitUntil(`${plan.hostname} is there`, () => said.includes("ready"), {
    deadlineSeconds: 60,
  });
  const init = childOf(holder.pid ?? 0);
  return { holder, init };
}

/** $1: a folder of the test's machine for what is kept on disk; $2: the host name. */
const SET_UP = `set -e
folder=$1
mount --bind "$folder" "$folder"
mount -t tmpfs tmpfs /run
mkdir -p /run/lock "$folder/lib/docker" "$folder/lib/tortie" /etc/docker /etc/tortie /var/lib/docker /var/lib/tortie /var/log/tortie
mount --bind "$folder/lib/docker" /var/lib/docker
mount --bind "$folder/lib/tortie" /var/lib/tortie
mount --bind "$folder/etc-docker" /etc/docker
mount --bind "$folder/etc-tortie" /etc/tortie
mount --bind "$folder/log" /var/log/tortie
hostname "$2"
ip link set lo up
echo ready
exec sleep infinity`;

function childOf(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  if (child === undefined || child === "") throw new Error(`process ${pid} has no child`);
  return Number(child);
}

function removeCgroup(path: string): void {
  let entries: readonly string[];
  try {
    entries = readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return;
  }
  for (const entry of entries) removeCgroup(join(path, entry));
  try {
    rmdirSync(path);
  } catch {
    // Empty cgroups cost nothing; a process that is only just ending keeps one for a moment.
  }
}
