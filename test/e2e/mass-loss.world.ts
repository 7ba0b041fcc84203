import t from "tap";
import type { StatusReport } from "../../src/api/api-types.ts";
import { workloadEndpoint } from "../../src/lab/resources.ts";
import { Tortied } from "../../src/lab/tortied.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { LabEtcd } from "../support/lab-etcd.ts";
import { nodeAddress, Rack } from "../support/rack.ts";

t.test("an emptied etcd withdraws nothing, until a person says that it was meant", async (t) => {
  const rack = await Rack.open({ name: "loss", hosts: 2 });
  t.teardown(() => rack.close());
  const { lab, workloads } = rack;
  const [w1] = workloads;
  if (w1 === undefined) throw new Error("a workload");
  const address = "10.98.0.200";
  await lab.ip("switch", `address add ${address}/24 dev br0`);
  const etcd = await LabEtcd.start(lab, { node: "switch", address });
  await etcd.put([
    ...[1, 2].map((number) => ({
      kind: "Node",
      name: `host${number}`,
      spec: { bgp: { ipv4Address: `${nodeAddress(number).ipv4}/24` } },
    })),
    { kind: "IPPool", name: "ipv4", spec: { cidr: "192.168.0.0/16" } },
    { kind: "BGPConfiguration", name: "default", spec: { asNumber: 65001 } },
    ...workloads.map(({ ipv4, ...rest }) => workloadEndpoint({ ...rest, addresses: [ipv4] })),
  ]);
  const resourceFolder = { type: "etcd", endpoints: [etcd.endpoint] } as const;
  const hosts = ["host1", "host2"].map((node) => new Tortied(lab, { node, resourceFolder }));
  const [host1, host2] = hosts;
  if (host1 === undefined || host2 === undefined) throw new Error("two hosts");
  await Promise.all(hosts.map((host) => host.start()));

  const statusOf = async (host: Tortied) => (await host.get("/v1/status")) as StatusReport;
  const until = (host: Tortied, what: string, is: (status: StatusReport) => boolean) =>
    waitUntil(`${host.node}: ${what}`, async () => is(await statusOf(host)), {
      deadlineSeconds: 60,
      everyMilliseconds: 50,
      whenLate: () => lab.logTails(20),
    });
  const way = new Map([[w1.ipv4, `via ${nodeAddress(1).ipv4} dev eth0`]]);
  await rack.routed("host2", way);
  t.pass("host2 has a route to host1's workload");
  const plain = (await statusOf(host1)).problems;
  t.match(
    (await host1.tortie("datastore", "confirm-loss")).replaceAll("\n", " "),
    /nothing is lost/,
    "there is nothing to confirm",
  );
  const sessions = async () =>
    (await host2.peers()).map((peer) => [peer.state, (peer as { stateSince?: string }).stateSince]);
  const before = await sessions();

  await etcd.ctl(["del", "--prefix", "/calico"]);
  for (const host of hosts)
    await until(host, "has seen the loss", ({ datastore }) => datastore.loss !== undefined);
  const status = await statusOf(host2);
  t.match(status, {
    health: "degraded",
    datastore: { state: "in-sync", loss: { lost: 6, of: 6, atStart: false } },
    problems: [
      {
        component: "datastore",
        what: `6 of 6 objects have vanished from ${etcd.endpoint} at once; everything stays in force`,
        fix: "restore the datastore, or, if it was meant: tortie datastore confirm-loss",
      },
    ],
  });
  t.strictSame(plain, []);
  await rack.routed("host2", way);
  t.strictSame(await sessions(), before, "no session has moved");
  t.match(await host2.tortie("status"), /6 of 6 objects have vanished/);
  t.match(
    await lab.run("host2", [
      "grep",
      "-c",
      '"datastore.loss"',
      `${lab.nodeFolder("host2")}/tortied.log`,
    ]),
    /^1/,
  );

  await host1.kill();
  await host1.start();
  await until(
    host1,
    "knows of the loss at its start",
    ({ datastore }) => datastore.loss?.atStart === true,
  );
  await until(host1, "its session is up", ({ sessions }) => sessions.established === 1);
  t.match(await statusOf(host1), {
    datastore: { state: "last-known-good", loss: { lost: 6, of: 6 } },
    originated: 1,
  });
  await waitUntil(
    "host1 has told everything again",
    async () =>
      (await host2.peers()).every(({ families }) =>
        families.every((each) => each.endOfRibReceived),
      ),
    { deadlineSeconds: 60 },
  );
  await rack.routed("host2", way);
  t.pass("a daemon that starts on an empty store announces what it remembers");

  t.match(
    await host2.tortie("datastore", "confirm-loss"),
    /the loss of 6 of 6 objects is confirmed/,
  );
  for (const host of hosts)
    await until(host, "the loss is over", ({ datastore }) => datastore.loss === undefined);
  await rack.notRouted("host2", [w1.ipv4]);
  t.pass("confirmed on one host, it is over on both, and routes go");
  t.match(
    await etcd.ctl(["get", "--prefix", "--keys-only", "/calico"]),
    /clusterinformations\/default/,
  );
});
