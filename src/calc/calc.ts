import { DEFAULT_DECISION } from "../../protocol/rib/decision-config.ts";
import { hostPrefix } from "../../protocol/types/prefix.ts";
import { localPrefOf } from "../lib/route-priority.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import type { Kind } from "../resources/kinds.ts";
import { formatKey, keyOf } from "../resources/resource.ts";
import type { AnyResource } from "../resources/schemas.ts";
import { type Cluster, deriveCluster, type ResourceTables } from "./cluster.ts";
import type { Derivation, SourceTable, Table, Value } from "./derive/derivation.ts";
import { IncrementalDerivation } from "./derive/incremental-derivation.ts";
import { deriveFelixSettings } from "./felix-settings.ts";
import type { HostState, HostStateProblem } from "./host-state.ts";
import { deriveNat } from "./nat.ts";
import { addressesOf, routerIdOf } from "./node-view.ts";
import { deriveOriginations } from "./originations.ts";
import { deriveOwnBlocks, isAggregate } from "./own-blocks.ts";
import { derivePeers } from "./peers.ts";
import { derivePolicy } from "./policy.ts";
import { derivePools } from "./pools.ts";
import { deriveTunnels } from "./tunnels.ts";
import { derivePeeringAddresses } from "./workload-peerings.ts";
import { deriveWorkloads } from "./workloads.ts";

export type CalcInput = { readonly nodeName: string; readonly resources: Iterable<AnyResource> };

/**
 * Computes what this host should be from the cluster's resources and nothing else. Pure: the order of the resources does not
 * matter, and the same resources give the same state.
 */
export function computeHostState({ nodeName, resources }: CalcInput): HostState {
  const calculation = new HostCalculation({ nodeName });
  return calculation.update(
    [...resources].map((resource) => [formatKey(keyOf(resource)), resource] as const),
  );
}

/**
 * What this host should be, kept up to date: a change of a resource costs what it touches. The state is a new object when
 * something changed, and every part of it that did not is the object of before.
 */
export class HostCalculation {
  readonly #derivation: Derivation;
  readonly #resources: ResourceTables;
  readonly #state: Value<HostState>;

  constructor({
    nodeName,
    derivation = new IncrementalDerivation(),
  }: {
    readonly nodeName: string;
    readonly derivation?: Derivation;
  }) {
    const cluster = deriveCluster(derivation, nodeName);
    this.#derivation = derivation;
    this.#resources = cluster.resources;
    this.#state = deriveHostState(cluster);
  }

  /** Takes resources by formatKey ("BGPPeer/tor-1"); undefined for one that is gone. */
  update(changes: Iterable<readonly [key: string, resource: AnyResource | undefined]>): HostState {
    for (const [key, resource] of changes) {
      const slash = key.indexOf("/");
      const table = tableOf(this.#resources, key.slice(0, slash));
      table?.set(key.slice(slash + 1), resource);
    }
    this.#derivation.settle();
    return this.#state.current;
  }
}

/** Undefined for a kind that this version does not know. */
function tableOf(tables: ResourceTables, kind: string): SourceTable<AnyResource> | undefined {
  return Object.hasOwn(tables, kind)
    ? (tables[kind as Kind] as unknown as SourceTable<AnyResource>)
    : undefined;
}

/** The parts of a HostState, and what each is made of. To add a part, add its lines here. */
function deriveHostState(cluster: Cluster): Value<HostState> {
  const { derivation, config } = cluster;
  const routeMetric = deriveRouteMetric(cluster);
  const pools = derivePools(cluster);
  const blocks = deriveOwnBlocks(cluster);
  const workloads = deriveWorkloads(cluster);
  const peeringAddresses = derivePeeringAddresses(cluster, workloads.local);
  const states = derivation.list(
    derivation.table("workload states", workloads.local, ({ state }, key, read) => {
      const peering = read.at(peeringAddresses, key);
      return peering ? { ...state, peeringAddresses: peering.addresses } : state;
    }),
  );
  const felix = deriveFelixSettings(cluster);
  const tunnels = deriveTunnels(cluster, felix);
  const originations = deriveOriginations(cluster, {
    workloads: workloads.local,
    blocks,
    pools,
    metric: routeMetric,
    tunnels,
  });
  const peers = derivePeers(cluster, { workloads: workloads.local, blocks, pools });
  const speaker = deriveSpeaker(cluster, { states, peers: peers.configs, routeMetric });
  const listen = deriveListen(cluster);
  const policy = derivePolicy(cluster, { workloads, felix, peeringAddresses, listen });
  const nat = deriveNat(cluster, { workloads: workloads.local, felix, tunnels });
  const problems = deriveProblems(cluster, [
    ...workloads.problems,
    ...originations.problems,
    ...peers.problems,
    ...policy.problems,
    ...nat.problems,
  ]);
  return derivation.value("host state", (read) => ({
    nodeName: cluster.nodeName,
    speaker: read.value(speaker),
    listen: read.value(listen),
    originations: read.value(originations.originations),
    workloads: read.value(states),
    blackholes: read.value(blocks).filter(isAggregate),
    staticRoutes: read.value(peers.staticRoutes),
    programsLearnedRoutes: read.value(config).programClusterRoutes !== "Disabled",
    routeMetric: read.value(routeMetric),
    tunnels: read.value(tunnels),
    policy: read.value(policy.policy),
    nat: read.value(nat.nat),
    problems: read.value(problems),
  }));
}

type SpeakerInputs = {
  readonly states: Value<HostState["workloads"]>;
  readonly peers: Value<HostState["speaker"]["peers"]>;
  readonly routeMetric: Value<HostState["routeMetric"]>;
};

function deriveSpeaker(
  { derivation, self, globalAsn, nodes, nodeName }: Cluster,
  { states, peers, routeMetric }: SpeakerInputs,
): Value<HostState["speaker"]> {
  const addresses = derivation.list(derivation.table("node addresses", nodes, addressesOf));
  const nodeAddresses = derivation.value("all node addresses", (read) =>
    read.value(addresses).flat(),
  );
  const localWorkloads = derivation.value("local workload prefixes", (read) =>
    read.value(states).flatMap((state) => state.addresses.map(hostPrefix)),
  );
  return derivation.value("speaker", (read) => {
    const own = read.value(self);
    const { ipv4, ipv6 } = read.value(routeMetric);
    return {
      asn: own?.asn ?? read.value(globalAsn),
      routerId: routerIdOf(nodeName, own),
      ...(own?.clusterId !== undefined && { clusterId: own.clusterId }),
      ownAddresses: own ? addressesOf(own) : [],
      localWorkloads: read.value(localWorkloads),
      workloadLocalPref: { ipv4: localPrefOf(ipv4), ipv6: localPrefOf(ipv6) },
      nodeAddresses: read.value(nodeAddresses),
      decision: DEFAULT_DECISION,
      hostName: nodeName,
      peers: read.value(peers),
    };
  });
}

function deriveListen({ derivation, self, config }: Cluster): Value<HostState["listen"]> {
  return derivation.value("listen", (read) => {
    const { listenPort, bindMode } = read.value(config);
    const node = read.value(self);
    const own = node ? addressesOf(node) : [];
    return {
      port: node?.listenPort ?? listenPort ?? DEFAULTS.bgpConfiguration.listenPort,
      addresses: bindMode === "NodeIP" && own.length > 0 ? own : "any",
    };
  });
}

function deriveRouteMetric({ derivation, config }: Cluster): Value<HostState["routeMetric"]> {
  const defaults = DEFAULTS.bgpConfiguration;
  return derivation.value("route metric", (read) => {
    const { ipv4NormalRoutePriority, ipv6NormalRoutePriority } = read.value(config);
    return {
      ipv4: ipv4NormalRoutePriority ?? defaults.ipv4NormalRoutePriority,
      ipv6: ipv6NormalRoutePriority ?? defaults.ipv6NormalRoutePriority,
    };
  });
}

type ProblemTable = Table<{ readonly problems: readonly HostStateProblem[] }>;

/** Sorted, and each once: one BGPPeer can make many sessions with one and the same problem. */
function deriveProblems(
  { derivation, self, nodeName }: Cluster,
  tables: readonly ProblemTable[],
): Value<readonly HostStateProblem[]> {
  const all = derivation.group("problems", tables, ({ problems }) =>
    problems.map((problem) => [`${problem.resource} ${problem.message}`, problem] as const),
  );
  const once = derivation.list(derivation.table("each problem", all, ([problem]) => problem));
  const message = "there is no such Node with spec.bgp: this host peers with nobody";
  return derivation.value("all problems", (read) => [
    ...(read.value(self) === undefined ? [{ resource: `Node/${nodeName}`, message }] : []),
    ...read.value(once),
  ]);
}
