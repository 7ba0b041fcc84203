import t from "tap";
import type { PeerSnapshot } from "../../../protocol/speaker/speaker-snapshot.ts";
import { EventLog } from "../../../src/agent/event-log.ts";
import { StatusPublisher } from "../../../src/agent/status-publisher.ts";
import { MemoryDatastore } from "../../../src/datastore/memory.ts";
import type { Resource } from "../../../src/resources/resource.ts";

const KEY = { kind: "CalicoNodeStatus", name: "h1" };

function publisher(datastore: MemoryDatastore, options: { makesOwn: boolean }) {
  let now = Date.parse("2026-11-24T07:59:30Z");
  let state = "Established";
  let resources: readonly Resource[] = [];
  const families = [{ negotiated: true, endOfRibReceived: true, endOfRibSent: true }];
  const peers = () =>
    [
      { address: "10.0.0.2", origin: "mesh", state, stateSince: 5, families },
      { address: "fd00::2", origin: "node", state: "Active", stateSince: 5, families: [] },
      { address: "fd00::3", origin: "mesh", state: "Idle", standsBy: "why", families: [] },
    ] as unknown as readonly PeerSnapshot[];
  const made = new StatusPublisher({
    nodeName: "h1",
    datastore,
    ...options,
    requests: () => resources,
    isInSync: () => true,
    peers,
    routerId: () => undefined,
    timeOfDay: () => "2026-11-24T07:00:00.000Z",
    startedAt: new Date(now),
    log: new EventLog({ level: "error", destination: { write: () => true } }),
    now: () => now,
  });
  return {
    look: async () => {
      ({ resources } = await datastore.list());
      await made.look();
      return (await datastore.get(KEY)) as (Resource & { status?: Told }) | undefined;
    },
    pass: (seconds: number) => {
      now += seconds * 1000;
    },
    setState: (to: string) => {
      state = to;
    },
  };
}

type Told = {
  readonly lastUpdated: string;
  readonly bgp: { readonly numberEstablishedV4: number };
};

t.test(
  "a node tells its sessions in an object of its own: at once, on news, and now and then",
  async (t) => {
    const host = publisher(new MemoryDatastore(), { makesOwn: true });
    t.equal(await host.look(), undefined, "not before the daemon has run for a while");
    host.pass(30);
    t.match(await host.look(), { spec: { node: "h1", updatePeriodSeconds: 600 } }, "made");
    t.match((await host.look())?.status, {
      lastUpdated: "2026-11-24T08:00:00.000Z",
      agent: { birdV4: { state: "Ready" } },
      bgp: {
        numberEstablishedV4: 1,
        numberNotEstablishedV4: 0,
        numberNotEstablishedV6: 1,
        peersV4: [{ peerIP: "10.0.0.2", type: "NodeMesh", state: "Established", toldAll: true }],
        peersV6: [{ peerIP: "fd00::2", type: "NodePeer", state: "Active", toldAll: false }],
      },
    });
    host.pass(60);
    t.equal((await host.look())?.status?.lastUpdated, "2026-11-24T08:00:00.000Z", "no news");
    host.setState("Idle");
    const news = await host.look();
    t.match(news?.status, {
      lastUpdated: "2026-11-24T08:01:00.000Z",
      bgp: { numberEstablishedV4: 0 },
    });
    host.setState("Established");
    host.pass(5);
    t.equal(
      (await host.look())?.status?.bgp.numberEstablishedV4,
      0,
      "not more often than every 10 s",
    );
    host.pass(5);
    t.equal((await host.look())?.status?.bgp.numberEstablishedV4, 1);
    host.pass(600);
    t.equal((await host.look())?.status?.lastUpdated, "2026-11-24T08:11:10.000Z", "it lives");
  },
);

t.test(
  "as Calico means it: only what asks with a period is answered, and into a directory nothing is put",
  async (t) => {
    const datastore = new MemoryDatastore();
    const host = publisher(datastore, { makesOwn: false });
    t.equal(await host.look(), undefined);
    const asking = (updatePeriodSeconds: number) => ({
      apiVersion: "projectcalico.org/v3",
      kind: "CalicoNodeStatus",
      metadata: { name: "h1" },
      spec: { node: "h1", classes: ["BGP"], updatePeriodSeconds },
    });
    await datastore.create(asking(0));
    t.equal((await host.look())?.status, undefined);
    await datastore.update(asking(30));
    t.ok((await host.look())?.status);
    await datastore.update(asking(30));
    t.ok((await host.look())?.status, "asked anew, it answers at once");
  },
);
