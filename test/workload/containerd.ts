import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { cleanEnvironment, type ProgramResult, tryProgram } from "../../src/lab/program.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { busyboxRoot } from "./podman.ts";
import { networkConfig, TORTIE_CNI, type WorkloadHosts } from "./workload-support.ts";

/** containerd as one host's container runtime, with `ctr run --cni` as its client. */
export class Containerd {
  readonly #namespace: string;
  readonly #folder: string;
  readonly #daemon: ChildProcess;

  private constructor(namespace: string, folder: string) {
    this.#namespace = namespace;
    this.#folder = folder;
    const log = openSync(`${folder}/containerd.log`, "a");
    this.#daemon = spawn(
      "nsenter",
      [`--net=${namespace}`, "containerd", "--config", `${folder}/config.toml`],
      { env: cleanEnvironment(), stdio: ["ignore", log, log] },
    );
    closeSync(log);
  }

  static async start(world: WorkloadHosts, node: "host1" | "host2"): Promise<Containerd> {
    const folder = `${world.lab.nodeFolder(node)}/containerd`;
    for (const each of ["cni/net.d", "opt/bin"])
      mkdirSync(`${folder}/${each}`, { recursive: true });
    writeFileSync(`${folder}/config.toml`, settings(folder));
    symlinkSync(TORTIE_CNI, `${folder}/opt/bin/tortie-cni`);
    const plugin = networkConfig(world.host(node === "host1" ? 1 : 2));
    const list = { cniVersion: "1.0.0", name: "net", plugins: [plugin] };
    writeFileSync(`${folder}/cni/net.d/10-tortie.conflist`, JSON.stringify(list));
    busyboxRoot(`${folder}/rootfs`);
    const started = new Containerd(`/run/netns/${world.lab.namespace(node)}`, folder);
    await waitUntil(
      `containerd on ${node} answers`,
      async () => (await started.ctr("version")).code === 0,
      { deadlineSeconds: 30, whenLate: () => readFileSync(`${folder}/containerd.log`, "utf8") },
    );
    return started;
  }

  /** Runs a container with the network until its command ends. */
  run(name: string, command: readonly string[], ...flags: readonly string[]) {
    const rootfs = `${this.#folder}/rootfs`;
    return this.ctr(
      "run",
      "--cni",
      "--env",
      "PATH=/bin",
      "--rootfs",
      ...flags,
      rootfs,
      name,
      ...command,
    );
  }

  /** ctr looks for networks and plugins in two places only, which are this host's own for it. */
  ctr(...words: readonly string[]): Promise<ProgramResult> {
    const folder = this.#folder;
    return tryProgram(
      [
        "nsenter",
        `--net=${this.#namespace}`,
        "unshare",
        "--mount",
        "--propagation=private",
        "sh",
        "-ec",
        OWN_PLUGINS,
        folder,
        ...words,
      ],
      { deadlineSeconds: 60 },
    );
  }

  async stop(): Promise<void> {
    if (this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#daemon.once("exit", resolve));
    this.#daemon.kill("SIGTERM");
    await gone;
  }
}

/** $0: the folder. What is not there is made in a file system of its own, so that the machine stays as it is. */
const OWN_PLUGINS = `for each in /etc/cni /opt/cni; do
  [ -d $each ] || { mount -t tmpfs tmpfs /mnt; mkdir -p /mnt/up /mnt/work
    mount -t overlay overlay -o lowerdir=\${each%/*},upperdir=/mnt/up,workdir=/mnt/work \${each%/*}; mkdir $each; }
done
mount --bind "$0/cni" /etc/cni
mount --bind "$0/opt" /opt/cni
exec ctr --address "$0/containerd.sock" "$@"`;

/** Of the plugins that containerd has, none that needs more than a root file system and runc. */
function settings(folder: string): string {
  return `version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "${folder}/containerd.sock"
`;
}
