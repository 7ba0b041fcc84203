import { isDeepStrictEqual } from "node:util";
import { computeHostState } from "../../src/calc/calc.ts";
import { etcdKeyBytes } from "../../src/datastore/etcd/etcd-keys.ts";
import { encodeStored } from "../../src/datastore/etcd/stored-resource.ts";
import { PingStream } from "../../src/lab/ping-stream.ts";
import { TORTIE } from "../../src/lab/tortied.ts";
import { keyOf, type Resource } from "../../src/resources/resource.ts";
import type { AnyResource } from "../../src/resources/schemas.ts";
import type { BirdPeering } from "./cluster-bird.ts";
import type { ClusterLab } from "./cluster-lab.ts";

/** What a whole move said and did: pings that were lost, and routes that moved in kernels of hosts with tortied. */
export type Move = {
  readonly code: number | undefined;
  readonly text: string;
  readonly lost: readonly string[];
  readonly routeChanges: readonly string[];
};

/** A wait for all sessions of a step, three times, on a machine that does other things too. */
const DEADLINE_SECONDS = 90;
/** What Calico's node needs to know of the cluster. */
const KINDS = ["Node", "BGPPeer", "BGPConfiguration", "IPPool", "CalicoNodeStatus"];

/**
 * The cluster in motion from a mesh to two reflectors, or back, as a person moves it: with one command on a host, under a hundred
 * pings a second on each of three ways.
 */
export async function moveCluster(cluster: ClusterLab, words: readonly string[]): Promise<Move> {
  const { lab, etcd } = cluster;
  await cluster.routeChanges();
  const streams = await Promise.all([
    PingStream.start(lab, "w1", "192.168.2.1"),
    PingStream.start(lab, "w2", "192.168.4.1"),
    PingStream.start(lab, "w5", "fd80:0:0:3::1"),
  ]);
  const calico = new CalicoNode(cluster);
  const done = new AbortController();
  const following = calico.follow(done.signal);
  const command = [TORTIE, "bgp", "plan-rr", ...words, "--etcd-endpoints", etcd.endpoint];
  const { code, stdout, stderr } = await lab.try("host1", command, {
    deadlineSeconds: DEADLINE_SECONDS,
  });
  done.abort();
  await following;
  const lost: string[] = [];
  for (const stream of streams) {
    const result = await stream.stop();
    if (result.lost.length > 0 || result.sent < 50) {
      lost.push(`${stream.title}: ${result.lost.length} of ${result.sent}`);
    }
  }
  // BIRD ends a session and begins another where only the name changes; its own routes go and come with it.
  const bird = /^(calico|tor): |192\.168\.6\.|fd80:0:0:6:/;
  const changes = await cluster.routeChanges();
  const routeChanges = changes.filter((line) => !bird.test(line));
  return { code, text: stdout + stderr, lost, routeChanges };
}

/** What confd and the status reporter of calico-node do beside BIRD: they follow the datastore. */
class CalicoNode {
  readonly #cluster: ClusterLab;
  #peerings: readonly BirdPeering[] = [];
  /** By question, what was said last. */
  readonly #told = new Map<string, string>();

  constructor(cluster: ClusterLab) {
    this.#cluster = cluster;
  }

  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const resources = await this.#read();
      await this.#configure(resources);
      await this.#answer(resources);
    }
  }

  async #read(): Promise<readonly AnyResource[]> {
    const [host] = this.#cluster.hosts;
    const lists = KINDS.map(async (kind) => {
      const list = (await host?.get(`/v1/resources/${kind}`)) as { items: readonly AnyResource[] };
      return list.items;
    });
    return (await Promise.all(lists)).flat();
  }

  /** Names and addresses are Calico's, so what tortie would do there says what confd would write. */
  async #configure(resources: readonly AnyResource[]): Promise<void> {
    const { peers } = computeHostState({ nodeName: "calico", resources }).speaker;
    const peerings = peers.map(({ name, address }) => ({ name, address }));
    if (isDeepStrictEqual(peerings, this.#peerings)) return;
    this.#peerings = peerings;
    await this.#cluster.calico.configure(peerings);
  }

  async #answer(resources: readonly Resource[]): Promise<void> {
    const { etcd } = this.#cluster;
    for (const each of resources as readonly (Resource & { readonly status?: object })[]) {
      if (each.kind !== "CalicoNodeStatus" || each.spec["node"] !== "calico") continue;
      const [peersV4, peersV6] = await Promise.all([
        this.#sessions("ipv4"),
        this.#sessions("ipv6"),
      ]);
      const status = { lastUpdated: new Date().toISOString(), bgp: { peersV4, peersV6 } };
      const key = etcdKeyBytes(keyOf(each)).toString();
      const said = JSON.stringify(status.bgp);
      if (each.status !== undefined && this.#told.get(key) === said) continue;
      this.#told.set(key, said);
      const { resourceVersion = "" } = each.metadata;
      const value = encodeStored({ ...each, status } as Resource);
      // Only if nobody has written since, as Calico does it.
      await etcd.replace({ key, value, revision: resourceVersion });
    }
  }

  async #sessions(family: "ipv4" | "ipv6"): Promise<readonly object[]> {
    const sessions = await this.#cluster.calico.sessions(family);
    return this.#peerings.flatMap(({ name, address }) => {
      const info = sessions.get(name);
      return info === undefined ? [] : [{ peerIP: address, state: info.split(" ")[0] }];
    });
  }
}
