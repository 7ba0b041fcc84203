import type { BestRouteBatch, NextHopSet } from "../../protocol/rib/best-route-batch.ts";
import type { NextHopState } from "../../protocol/speaker/speaker-io.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { IpAddress, ipAddressToBytes } from "../../protocol/types/ip-address.ts";
import { Prefix, prefixAddress, prefixLength } from "../../protocol/types/prefix.ts";
import {
  RouteWorkerClient,
  type RouteWorkerCrash,
} from "../../src/dataplane/route-worker-client.ts";
import type {
  FromRouteWorker,
  LocalDataplane,
  RouteStatus,
} from "../../src/dataplane/route-worker-messages.ts";
import { TORTIE_ROUTE_PROTOCOL } from "../../src/kernel/route-protocol.ts";
import { Lab } from "../../src/lab/lab.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";

/** A prefix and its next hops; none: withdrawn. */
export type Route = readonly [prefix: string, ...nextHops: string[]];

export const NOTHING_LOCAL: LocalDataplane = {
  workloads: [],
  blackholes: [],
  staticRoutes: [],
  routeMetric: { ipv4: 1024, ipv6: 1024 },
};

/** The dataplane of one lab node, run as the daemon runs it, in a worker thread that enters the node's namespace. */
export class DataplaneHost {
  readonly #lab: Lab;
  readonly #node: string;
  readonly #client: RouteWorkerClient;
  readonly messages: FromRouteWorker[] = [];
  readonly crashes: RouteWorkerCrash[] = [];
  readonly nextHops = new Map<string, NextHopState>();
  status: RouteStatus | undefined;
  #nextSet = 1;
  readonly #sets = new Map<string, number>();

  private constructor(lab: Lab, node: string) {
    this.#lab = lab;
    this.#node = node;
    this.#client = new RouteWorkerClient({
      worker: {
        networkNamespace: `/run/netns/${lab.namespace(node)}`,
        routeProtocol: TORTIE_ROUTE_PROTOCOL,
        table: 254,
        stateDirectory: `${lab.nodeFolder(node)}/state`,
        rehearsal: false,
      },
      onMessage: (message) => this.#take(message),
      onCrash: (crash) => {
        this.crashes.push(crash);
      },
    });
  }

  /** Starts the worker and waits for its first word. */
  static async start(
    lab: Lab,
    node: string,
    local: LocalDataplane | "later" = NOTHING_LOCAL,
  ): Promise<DataplaneHost> {
    const host = new DataplaneHost(lab, node);
    try {
      await waitUntil("the worker is ready", () => host.ready(), {
        deadlineSeconds: 60,
        everyMilliseconds: 5,
        whenLate: () => host.#problems(),
      });
    } catch (error) {
      await host.stop();
      throw error;
    }
    if (local !== "later") host.local(local);
    return host;
  }

  ready() {
    return this.messages.find((message) => message.type === "ready");
  }

  local(local: LocalDataplane): void {
    this.#client.post({ type: "local", local });
  }

  track(...nextHops: readonly string[]): void {
    this.#client.trackNextHops(nextHops.map(IpAddress));
  }

  sweep(version: 4 | 6 = 4): void {
    this.#client.post({ type: "sweep", family: version === 4 ? IPV4_UNICAST : IPV6_UNICAST });
  }

  /** Hands best routes of one family over, as the RIB's reader would. */
  learn(
    routes: readonly Route[],
    options: {
      readonly generation?: number;
      readonly complete?: boolean;
      readonly localPref?: number;
    } = {},
  ): void {
    const { generation = 1, complete = true, localPref = 100 } = options;
    this.post(this.#batch(routes, { generation, complete, localPref }));
  }

  post(batch: BestRouteBatch): void {
    this.#client.post({ type: "bestRoutes", batch });
  }

  stop(options: { readonly cleanup: boolean } = { cleanup: false }): Promise<void> {
    return this.#client.stop(options);
  }

  /** The node's learned and own routes as `ip` shows them, without what is the same in all. */
  async routes(version: 4 | 6 = 4): Promise<string[]> {
    const proto = String(TORTIE_ROUTE_PROTOCOL);
    const text = await this.#lab.run(this.#node, [
      "ip",
      `-${version}`,
      "-o",
      "route",
      "show",
      "proto",
      proto,
    ]);
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) =>
        line
          .replaceAll("\\", " ")
          .replace(/ pref medium| weight 1/g, "")
          .replace(/\s+/g, " ")
          .trim(),
      )
      .sort();
  }

  /** Waits until the kernel has exactly these routes of ours. */
  async hasRoutes(expected: readonly string[], version: 4 | 6 = 4): Promise<void> {
    const wanted = expected.toSorted().join("\n");
    let present = "";
    await waitUntil(
      `the kernel has\n${wanted}`,
      async () => {
        present = (await this.routes(version)).join("\n");
        return present === wanted;
      },
      {
        deadlineSeconds: 60,
        everyMilliseconds: 20,
        whenLate: () => `it has\n${present}\n${this.#problems()}`,
      },
    );
  }

  /** Waits until the worker has reported that so many changes are pending; it reports a moment after it has acted. */
  async reportsPending(count: number): Promise<void> {
    await waitUntil(`${count} are pending`, () => this.status?.pendingCount === count, {
      deadlineSeconds: 60,
      everyMilliseconds: 20,
      whenLate: () => `${JSON.stringify(this.status)}\n${this.#problems()}`,
    });
  }

  async resolves(nextHop: string, reachable: boolean): Promise<void> {
    await waitUntil(
      `${nextHop} is ${reachable ? "reachable" : "unreachable"}`,
      () => this.nextHops.get(nextHop)?.reachable === reachable,
      { deadlineSeconds: 60, everyMilliseconds: 5, whenLate: () => this.#problems() },
    );
  }

  #batch(
    routes: readonly Route[],
    {
      generation,
      complete,
      localPref,
    }: { readonly generation: number; readonly complete: boolean; readonly localPref: number },
  ): BestRouteBatch {
    const newNextHopSets: NextHopSet[] = [];
    const family = (routes[0]?.[0] ?? "").includes(":") ? IPV6_UNICAST : IPV4_UNICAST;
    const ids = routes.map(([, ...nextHops]) => {
      if (nextHops.length === 0) return 0;
      const key = `${family} ${generation} ${localPref} ${nextHops.join()}`;
      const known = this.#sets.get(key);
      if (known !== undefined) return known;
      const id = this.#nextSet++;
      this.#sets.set(key, id);
      newNextHopSets.push({ id, nextHops: nextHops.map(IpAddress), localPref });
      return id;
    });
    const prefixes = routes.map(([prefix]) => Prefix(prefix));
    return {
      family,
      generation,
      complete,
      count: routes.length,
      addresses: Uint32Array.from(prefixes.flatMap((prefix) => wordsOf(prefixAddress(prefix)))),
      lengths: Uint8Array.from(prefixes, prefixLength),
      nextHopSets: Uint32Array.from(ids),
      newNextHopSets,
    };
  }

  #take(message: FromRouteWorker): void {
    this.messages.push(message);
    if (message.type === "progress") this.status = message.status;
    if (message.type === "nextHops")
      for (const state of message.nextHops) this.nextHops.set(state.nextHop, state);
  }

  #problems(): string {
    const crashes = this.crashes.map(({ error }) => error.stack).join("\n");
    return `${JSON.stringify(this.status)}\n${crashes}`;
  }
}

function wordsOf(address: IpAddress): number[] {
  const bytes = ipAddressToBytes(address);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i));
}

/** A host with two uplinks, and a router at the other end of each. */
async function twoUplinks(name: string): Promise<Lab> {
  const lab = await Lab.open(name);
  await lab.build({
    nodes: ["host", "left", "right"],
    links: [
      [
        { node: "host", interface: "eth0", addresses: ["10.0.0.1/24", "fd00::1/64"] },
        { node: "left", interface: "eth0", addresses: ["10.0.0.2/24", "fd00::2/64"] },
      ],
      [
        { node: "host", interface: "eth1", addresses: ["10.1.0.1/24", "fd01::1/64"] },
        { node: "right", interface: "eth0", addresses: ["10.1.0.2/24", "fd01::2/64"] },
      ],
    ],
  });
  return lab;
}

/** Such a host, with the dataplane running on it. */
export async function hostWithTwoUplinks(
  t: { teardown(f: () => unknown): void },
  name: string,
): Promise<{ readonly lab: Lab; readonly host: DataplaneHost }> {
  const lab = await twoUplinks(name);
  t.teardown(() => lab.close());
  const host = await DataplaneHost.start(lab, "host");
  t.teardown(() => host.stop());
  return { lab, host };
}
