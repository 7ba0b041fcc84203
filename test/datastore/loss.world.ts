import t from "tap";
import { agentConfigSchema } from "../../src/agent/agent-config.ts";
import { followHost, type HostFollowerReport } from "../../src/agent/host-follower.ts";
import { openDatastore } from "../../src/agent/open-datastore.ts";
import type { HostState } from "../../src/calc/host-state.ts";
import type { Datastore } from "../../src/datastore/datastore.ts";
import { LossGuard } from "../../src/datastore/loss-guard.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { peer, V3 } from "../src/datastore/datastore-support.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { openEtcd } from "./etcd-support.ts";

const cluster = await EtcdCluster.start();
t.teardown(() => cluster.close());

/** A host that follows a store, and what it was told to be. */
class Follower {
  readonly states: HostState[] = [];
  report: HostFollowerReport | undefined;
  readonly #abort = new AbortController();
  readonly #end: Promise<void>;

  constructor(datastore: Datastore, remembered?: HostState) {
    this.#end = followHost({
      nodeName: "host1",
      datastore,
      storeName: "the store",
      signal: this.#abort.signal,
      guard: new LossGuard(),
      lastKnownGood: () => remembered,
      onHostState: (state) => this.states.push(state),
      onReport: (report) => {
        this.report = report;
      },
      onError: (error) => {
        throw error;
      },
    });
  }

  async until(state: HostFollowerReport["state"]): Promise<void> {
    await waitUntil(`the store is ${state}`, () => this.report?.state === state, {
      deadlineSeconds: 60,
      whenLate: () => JSON.stringify(this.report?.problems),
    });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#end;
  }
}

t.test("a host that loses etcd stays what it is, also when it starts without", async (t) => {
  const [member] = cluster.members;
  if (member === undefined) throw new Error("no member");
  const writer = openEtcd(t, cluster, { endpoints: [member.directEndpoint] });
  const node = { bgp: { ipv4Address: "10.0.0.1/24" } };
  await writer.create({ apiVersion: V3, kind: "Node", metadata: { name: "host1" }, spec: node });
  await writer.create(peer("tor", { peerIP: "10.0.0.254" }));
  const config = agentConfigSchema.parse({
    nodeName: "host1",
    datastore: { type: "etcd", endpoints: cluster.endpoints },
  });
  const datastore = openDatastore(config);
  const follower = new Follower(datastore);
  await follower.until("in-sync");
  t.equal(follower.states.length, 1);
  t.match(follower.states[0]?.speaker.peers, [{ address: "10.0.0.254" }]);

  member.clientWire.set("cut");
  await follower.until("unreachable");
  t.equal(follower.states.length, 1, "nothing changes for the network");
  t.equal(follower.report?.resources.size, 2);

  const restarted = openDatastore(config);
  const fresh = new Follower(restarted, follower.states[0]);
  await fresh.until("last-known-good");
  t.strictSame(fresh.states, follower.states);

  await writer.create(peer("tor-2", { peerIP: "10.0.0.253" }));
  member.clientWire.set("open");
  for (const each of [follower, fresh]) {
    await each.until("in-sync");
    await waitUntil("the new peer is known", () => each.states.at(-1)?.speaker.peers.length === 2, {
      deadlineSeconds: 60,
    });
    await each.stop();
  }
  await Promise.all([datastore.close(), restarted.close()]);
});
