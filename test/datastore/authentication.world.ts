import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { WatchHistory } from "./watch-history.ts";

const cluster = await EtcdCluster.start({ members: 3, tls: true });
t.teardown(() => cluster.close());

t.test("all members are restarted with authentication on, and forget all logins", async (t) => {
  for (const command of ["user add root:root-canary", "auth enable"]) {
    await cluster.ctl(command.split(" "));
  }
  const passwordFile = join(cluster.folder, "password");
  writeFileSync(passwordFile, "root-canary\n", { mode: 0o600 });
  const history = await WatchHistory.start(t, cluster, { username: "root", passwordFile });
  await Promise.all(cluster.members.map((member) => member.kill()));
  await Promise.all(cluster.members.map((member) => member.start()));
  await history.moves();
  for (const member of cluster.members) {
    await member.kill();
    await member.start();
    await history.moves();
  }
  await history.check(t);
});
