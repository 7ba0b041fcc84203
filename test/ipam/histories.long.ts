import t from "tap";
import { empty, openEtcd } from "../datastore/etcd-support.ts";
import { historyObjects, runHistory } from "../src/ipam/history.ts";
import { randomFrom } from "../src/ipam/ipam-support.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";

const cluster = await EtcdCluster.start({ members: 1 });
t.teardown(() => cluster.close());

t.test("the long form of the histories against etcd", async (t) => {
  const datastore = openEtcd(t, cluster);
  for (let seed = 1000; seed < 1100; seed++) {
    await empty(cluster);
    for (const each of historyObjects(randomFrom(seed))) await datastore.create(each);
    const options = { datastore, seed, programs: 4, calls: 8, withCalico: seed % 2 === 1 };
    await t.resolves(runHistory(options), `seed ${seed}`);
  }
});
