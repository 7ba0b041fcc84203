import { type PlanStep, planReflectors } from "../../src/analyse/plan-rr.ts";
import { computeHostState } from "../../src/calc/calc.ts";
import { etcdKeyBytes } from "../../src/datastore/etcd/etcd-keys.ts";
import { PingStream } from "../../src/lab/ping-stream.ts";
import type { LabResource } from "../../src/lab/resources.ts";
import type { LabPeerReport } from "../../src/lab/tortied.ts";
import { keyOf } from "../../src/resources/resource.ts";
import type { AnyResource } from "../../src/resources/schemas.ts";
import type { BirdPeering } from "./cluster-bird.ts";
import type { ClusterLab } from "./cluster-lab.ts";

/** What a whole move did: pings that were lost, and routes that moved in kernels of hosts with tortied. */
export type Move = {
  readonly titles: readonly string[];
  readonly lost: readonly string[];
  readonly routeChanges: readonly string[];
};

/** Of a family that the neighbour does not speak there is nothing to tell. */
function hasToldAll(family: LabPeerReport["families"][number]): boolean {
  const { negotiated } = family as unknown as { readonly negotiated: boolean };
  return !negotiated || family.endOfRibReceived;
}

/** The resources of a lab as calc and analyse take them. */
export function asResources(resources: readonly LabResource[]): readonly AnyResource[] {
  return resources.map(
    ({ kind, spec, ...metadata }) =>
      ({ apiVersion: "projectcalico.org/v3", kind, metadata, spec }) as unknown as AnyResource,
  );
}

/** The cluster in motion from a mesh to two reflectors, or back, under a hundred pings a second on each of three ways. */
export class ReflectorMove {
  readonly #cluster: ClusterLab;
  resources: readonly AnyResource[];

  constructor(cluster: ClusterLab, resources: readonly AnyResource[]) {
    this.#cluster = cluster;
    this.resources = resources;
  }

  async make(request: Parameters<typeof planReflectors>[1]): Promise<Move> {
    const plan = planReflectors(this.resources, request);
    if (!plan.ok) throw new Error(plan.problems.join());
    const { lab } = this.#cluster;
    await this.#cluster.routeChanges();
    const streams = await Promise.all([
      PingStream.start(lab, "w1", "192.168.2.1"),
      PingStream.start(lab, "w2", "192.168.4.1"),
      PingStream.start(lab, "w5", "fd80:0:0:3::1"),
    ]);
    for (const step of plan.steps) await this.#make(step);
    const lost: string[] = [];
    for (const stream of streams) {
      const result = await stream.stop();
      if (result.lost.length > 0 || result.sent < 50) {
        lost.push(`${stream.title}: ${result.lost.length} of ${result.sent}`);
      }
    }
    // BIRD ends a session and begins another where only the name changes; its own routes go and come with it.
    const bird = /^(calico|tor): |192\.168\.6\.|fd80:0:0:6:/;
    const changes = await this.#cluster.routeChanges();
    return {
      titles: plan.steps.map(({ title }) => title),
      lost,
      routeChanges: changes.filter((line) => !bird.test(line)),
    };
  }

  async #make({ title, apply, remove, waitFor }: PlanStep): Promise<void> {
    const { etcd } = this.#cluster;
    await etcd.put(
      apply.map(({ kind, metadata, spec }) => ({ kind, ...metadata, spec: { ...spec } })),
    );
    for (const each of remove) await etcd.ctl(["del", etcdKeyBytes(keyOf(each)).toString()]);
    const gone = new Set([...apply, ...remove].map((each) => `${each.kind} ${each.metadata.name}`));
    this.resources = [
      ...this.resources.filter(({ kind, metadata }) => !gone.has(`${kind} ${metadata.name}`)),
      ...apply,
    ];
    const birds = this.#peeringsOfCalico();
    await this.#cluster.calico.configure(birds);
    await this.#cluster.within(`${title}: all its sessions are up`, async () => {
      for (const host of this.#cluster.hosts) {
        const wanted = waitFor.filter(({ node }) => node === host.node).map(({ peer }) => peer);
        const up = (await host.peers()).filter(
          ({ state, families }) => state === "Established" && families.every(hasToldAll),
        );
        if (!wanted.every((peer) => up.some((each) => each.address === peer))) return false;
      }
      const sessions = [
        ...(await this.#cluster.calico.sessions("ipv4")).values(),
        ...(await this.#cluster.calico.sessions("ipv6")).values(),
      ];
      return sessions.length === birds.length && sessions.every((each) => each.startsWith("Est"));
    });
  }

  /** Names and addresses are Calico's, so what tortie would do there says what confd would write. */
  #peeringsOfCalico(): readonly BirdPeering[] {
    const { peers } = computeHostState({ nodeName: "calico", resources: this.resources }).speaker;
    return peers.map(({ name, address }) => ({ name, address }));
  }
}
