import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { type ProgramResult, tryProgram } from "../../src/lab/program.ts";
import { TORTIE_CNI, type WorkloadHosts } from "./workload-support.ts";

/** podman with its CNI back end, as one host's container runtime: storage, configuration and plugins of its own. */
export class Podman {
  readonly #namespace: string;
  readonly #folder: string;
  readonly rootfs: string;

  constructor(world: WorkloadHosts, node: "host1" | "host2") {
    this.#namespace = `/run/netns/${world.lab.namespace(node)}`;
    this.#folder = `${world.lab.nodeFolder(node)}/podman`;
    this.rootfs = busyboxRoot(`${this.#folder}/rootfs`);
    for (const folder of ["bin", "net.d"]) {
      mkdirSync(`${this.#folder}/${folder}`, { recursive: true });
    }
    symlinkSync(TORTIE_CNI, `${this.#folder}/bin/tortie-cni`);
    const { socket } = world.host(node === "host1" ? 1 : 2);
    const plugin = {
      type: "tortie-cni",
      socket,
      capabilities: { ips: true, mac: true, bandwidth: true },
    };
    const list = { cniVersion: "1.0.0", name: "tortie", plugins: [plugin] };
    writeFileSync(`${this.#folder}/net.d/tortie.conflist`, JSON.stringify(list));
    writeFileSync(`${this.#folder}/containers.conf`, this.#settings());
  }

  /** Runs podman as this host does: in its network namespace, and with the machine's mounts, whose cgroups it needs. */
  run(...words: readonly string[]): Promise<ProgramResult> {
    const folder = this.#folder;
    return tryProgram(
      [
        "env",
        `CONTAINERS_CONF=${folder}/containers.conf`,
        "nsenter",
        `--net=${this.#namespace}`,
        "podman",
        "--root",
        `${folder}/root`,
        "--runroot",
        `${folder}/runroot`,
        "--tmpdir",
        `${folder}/tmp`,
        ...words,
      ],
      { deadlineSeconds: 60 },
    );
  }

  /** Limits as they are: without them podman asks for more than a root without CAP_SYS_RESOURCE may have. */
  #settings(): string {
    return `[network]
network_backend = "cni"
cni_plugin_dirs = ["${this.#folder}/bin", "/usr/lib/cni"]
network_config_dir = "${this.#folder}/net.d"
default_network = "tortie"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
conmon_path = ["/usr/bin/conmon"]
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
log_driver = "k8s-file"
`;
  }
}

/** The least that a container can be: busybox, under the names that are used here. */
export function busyboxRoot(folder: string): string {
  for (const each of ["bin", "proc", "sys", "dev", "etc", "tmp", "run"]) {
    mkdirSync(`${folder}/${each}`, { recursive: true });
  }
  copyFileSync("/bin/busybox", `${folder}/bin/busybox`);
  chmodSync(`${folder}/bin/busybox`, 0o755);
  for (const name of ["sh", "ip", "ping", "sleep"]) {
    symlinkSync("busybox", `${folder}/bin/${name}`);
  }
  return folder;
}
