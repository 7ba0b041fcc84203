import type { Test } from "tap";
import { EtcdDatastore } from "../../src/datastore/etcd/etcd-datastore.ts";
import type { EtcdOptions } from "../../src/datastore/etcd/etcd-options.ts";
import type { EtcdCluster } from "../support/etcd-cluster.ts";

/** Options for a cluster, over its wires, beginning with its first member. */
export function optionsFor(
  { endpoints, certificates }: Pick<EtcdCluster, "endpoints" | "certificates">,
  options: Partial<EtcdOptions> = {},
): EtcdOptions {
  return {
    endpoints,
    ...(certificates !== undefined && {
      caFile: certificates.ca,
      certFile: certificates.cert,
      keyFile: certificates.key,
    }),
    random: () => 0,
    ...options,
  };
}

export function openEtcd(
  t: Test,
  cluster: EtcdCluster,
  options: Partial<EtcdOptions> = {},
): EtcdDatastore {
  const datastore = new EtcdDatastore(optionsFor(cluster, options));
  t.teardown(() => datastore.close());
  return datastore;
}

export const PREFIX = "/calico/resources/v3/projectcalico.org/";

export async function empty(cluster: EtcdCluster): Promise<void> {
  await cluster.ctl(["del", "--prefix", "/calico/"]);
}
