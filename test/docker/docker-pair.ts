import { fileURLToPath } from "node:url";
import { Lab } from "../../src/lab/lab.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { DockerHost } from "./docker-host.ts";
import { packImage, removeImage } from "./docker-images.ts";

/** Addresses of the two hosts. */
export const HOST1_IP = "10.200.0.1";
export const HOST2_IP = "10.200.0.2";

export const CALICOCTL = fileURLToPath(new URL("../../src/bin/tortie", import.meta.url));

/** Docker machines on one wire, each with dockerd and the image `qperf`. */
export class DockerPair {
  readonly lab: Lab;
  readonly hosts: readonly DockerHost[];
  readonly #image: string;

  private constructor(lab: Lab, hosts: readonly DockerHost[], image: string) {
    this.lab = lab;
    this.hosts = hosts;
    this.#image = image;
  }

  static async open(name: string, { hosts: count = 2 } = {}): Promise<DockerPair> {
    const image = await packImage("qperf", ["bash", "qperf"]);
    const lab = await Lab.open(name);
    const hosts: DockerHost[] = [];
    const pair = new DockerPair(lab, hosts, image);
    try {
      await lab.build({
        nodes: ["host1", "host2"],
        links: [
          [
            { node: "host1", interface: "eth0", addresses: [`${HOST1_IP}/24`] },
            { node: "host2", interface: "eth0", addresses: [`${HOST2_IP}/24`] },
          ],
        ],
      });
      // Docker then finds forwarding switched off, and makes DROP the policy of FORWARD.
      for (const node of ["host1", "host2"]) await lab.sysctl(node, "net.ipv4.ip_forward=0");
      for (const number of [1, 2].slice(0, count)) {
        hosts.push(
          await DockerHost.boot(lab, { node: `host${number}`, hostname: `Host${number}` }),
        );
      }
      await Promise.all(hosts.map((host) => pair.startDocker(host)));
      return pair;
    } catch (error) {
      await pair.close();
      throw error;
    }
  }

  host(number: 1 | 2): DockerHost {
    const host = this.hosts[number - 1];
    if (host === undefined) throw new Error(`no host ${number}`);
    return host;
  }

  /** Starts dockerd and imports the image, unless it has it. */
  async startDocker(host: DockerHost): Promise<void> {
    await host.startDocker();
    const known = await host.try("docker image inspect qperf");
    if (known.code === 0) return;
    await host.run(`docker import -c 'CMD ["/bin/bash"]' - qperf < ${this.#image}`);
  }

  /** One etcd on the first host, for tests in which that is not the matter; returns when it answers. */
  async startEtcd(): Promise<void> {
    const urls = (flag: string, port: number) => `-${flag} http://${HOST1_IP}:${port}`;
    const flags = [
      urls("listen-client-urls", 2379),
      urls("advertise-client-urls", 2379),
      urls("listen-peer-urls", 2380),
      urls("initial-advertise-peer-urls", 2380),
      `-initial-cluster default=http://${HOST1_IP}:2380`,
      "-data-dir /var/lib/tortie/etcd",
      // What it has written outlives the process, and a busy disk is not the matter.
      "-unsafe-no-fsync",
    ];
    const host = this.host(1);
    await host.run(`etcd ${flags.join(" ")} > /var/log/tortie/etcd.log 2>&1 &`);
    const health = `curl -s -m 5 http://${HOST1_IP}:2379/health`;
    await waitUntil("etcd answers", async () => (await host.try(health)).stdout.includes("true"), {
      deadlineSeconds: 60,
      whenLate: () => host.logTail("etcd"),
    });
  }

  /** Makes a host a node, and starts its daemon: etcd must be there. */
  async startNode(number: 1 | 2): Promise<void> {
    const ip = number === 1 ? HOST1_IP : HOST2_IP;
    await this.host(number).run(`${this.cli} node --ip=${ip}`);
  }

  /** The beginning of a line that runs calicoctl. */
  get cli(): string {
    return `ETCD_AUTHORITY=${HOST1_IP}:2379 ${CALICOCTL}`;
  }

  /** What the daemons said, for a failure's report. */
  logs(): string {
    return this.hosts
      .map((host) => `--- tortied on ${host.hostname}\n${host.logTail("tortied")}`)
      .join("\n");
  }

  async close(): Promise<void> {
    for (const host of this.hosts) await host.close();
    await this.lab.close();
    removeImage(this.#image);
  }
}
