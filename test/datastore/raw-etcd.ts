import { EtcdClient } from "../../src/datastore/etcd/etcd-client.ts";
import { type EtcdOptions, endpointsOf } from "../../src/datastore/etcd/etcd-options.ts";

/** Reads etcd's past directly, as the oracle of what a watch should have told. */
export async function openRaw(options: EtcdOptions): Promise<{
  readonly putAt: (prefix: string, revision: number) => Promise<string | undefined>;
  readonly close: () => void;
}> {
  const [endpoint] = endpointsOf(options);
  if (endpoint === undefined) throw new Error("no endpoint");
  const client = await EtcdClient.open(endpoint, options);
  return {
    /** The value that was put at exactly this revision; undefined when it was something else. */
    putAt: async (prefix, revision) => {
      const { kvs } = await client.kv.range({
        key: Buffer.from(prefix),
        range_end: Buffer.from(`${prefix.slice(0, -1)}0`),
        revision,
        min_mod_revision: revision,
        max_mod_revision: revision,
      });
      return kvs[0]?.value.toString();
    },
    close: () => client.close(),
  };
}
