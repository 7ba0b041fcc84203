import t from "tap";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { EtcdCluster, type EtcdMember } from "../support/etcd-cluster.ts";
import { WatchHistory } from "./watch-history.ts";

const cluster = await EtcdCluster.start({ members: 3, tls: true });
t.teardown(() => cluster.close());

/** The endpoints, beginning with one member: that is where the watch goes. */
function beginningWith(first: EtcdMember): { readonly endpoints: readonly string[] } {
  const members = [first, ...cluster.members.filter((member) => member !== first)];
  return { endpoints: members.map(({ endpoint }) => endpoint) };
}

t.test("the leader, which is watched, is killed and comes back", async (t) => {
  const leader = await cluster.leader();
  const history = await WatchHistory.start(t, cluster, beginningWith(leader));
  await leader.kill();
  await history.moves();
  await leader.start();
  await history.moves();
  await history.check(t);
});

t.test("the leader, which is watched, is frozen", async (t) => {
  const leader = await cluster.leader();
  const history = await WatchHistory.start(t, cluster, beginningWith(leader));
  leader.signal("SIGSTOP");
  t.teardown(() => cluster.mend());
  await history.moves();
  leader.signal("SIGCONT");
  await history.moves();
  await history.check(t);
});

for (const role of ["leader", "follower"] as const) {
  t.test(`the ${role}, which is watched, loses sight of the others`, async (t) => {
    const leader = await cluster.leader();
    const member =
      role === "leader" ? leader : cluster.members.find((each) => each !== leader && each);
    if (member === undefined) throw new Error("no follower");
    const history = await WatchHistory.start(t, cluster, beginningWith(member));
    cluster.isolate(member);
    t.teardown(() => cluster.mend());
    await waitUntil(
      "others lead",
      async () => {
        const others = cluster.members.filter((each) => each !== member);
        return (await Promise.all(others.map((each) => each.leads()))).includes(true);
      },
      { deadlineSeconds: 60 },
    );
    await history.moves();
    cluster.mend();
    await history.moves();
    await history.check(t);
  });
}
