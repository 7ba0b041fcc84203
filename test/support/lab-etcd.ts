import { etcdKeyBytes } from "../../src/datastore/etcd/etcd-keys.ts";
import { encodeStored } from "../../src/datastore/etcd/stored-resource.ts";
import type { Lab } from "../../src/lab/lab.ts";
import type { LabResource } from "../../src/lab/resources.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";

/** A real etcd on a node of a lab, that the other nodes reach under an address of that node. */
export class LabEtcd {
  readonly endpoint: string;
  readonly #lab: Lab;
  readonly #node: string;

  private constructor(lab: Lab, node: string, address: string) {
    this.#lab = lab;
    this.#node = node;
    this.endpoint = `http://${address}:2379`;
  }

  static async start(
    lab: Lab,
    { node, address }: { readonly node: string; readonly address: string },
  ): Promise<LabEtcd> {
    const etcd = new LabEtcd(lab, node, address);
    const { endpoint } = etcd;
    lab.start(
      node,
      [
        "etcd",
        `--data-dir=${lab.nodeFolder(node)}/etcd`,
        `--listen-client-urls=${endpoint}`,
        `--advertise-client-urls=${endpoint}`,
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--log-level=error",
        "--unsafe-no-fsync",
      ],
      { log: "etcd" },
    );
    await waitUntil(
      "etcd answers",
      async () => (await lab.try(node, etcd.#command(["endpoint", "health"]))).code === 0,
      { deadlineSeconds: 60, whenLate: () => lab.logTails(15, node) },
    );
    return etcd;
  }

  ctl(words: readonly string[]): Promise<string> {
    return this.#lab.run(this.#node, this.#command(words));
  }

  /** Writes objects as Calico writes them. */
  async put(resources: readonly LabResource[]): Promise<void> {
    for (const { kind, spec, ...metadata } of resources) {
      const resource = { apiVersion: "projectcalico.org/v3", kind, metadata, spec };
      const { name, namespace } = metadata;
      const key = etcdKeyBytes(
        namespace === undefined ? { kind, name } : { kind, namespace, name },
      );
      await this.ctl(["put", key.toString(), encodeStored(resource)]);
    }
  }

  /** Writes a value if the key is still of this revision. */
  async replace({
    key,
    value,
    revision,
  }: {
    readonly key: string;
    readonly value: string;
    readonly revision: string;
  }): Promise<void> {
    const input = `mod("${key}") = "${revision}"\n\nput ${key} ${JSON.stringify(value)}\n\n\n`;
    await this.#lab.run(this.#node, this.#command(["txn"]), { input });
  }

  #command(words: readonly string[]): readonly string[] {
    return ["etcdctl", `--endpoints=${this.endpoint}`, ...words];
  }
}
