import type { Origination, PeerConfig } from "../../protocol/speaker/speaker-config.ts";
import { type IpAddress, ipv4ToNumber } from "../../protocol/types/ip-address.ts";
import { hostPrefix, parsePrefix, prefixContains } from "../../protocol/types/prefix.ts";
import { RouterId } from "../../protocol/types/router-id.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { parsePeerAddress } from "../resources/peer-address.ts";
import type { AnyResource } from "../resources/schemas.ts";
import { type ClusterView, type NodeView, viewCluster } from "./cluster-view.ts";
import { desiredPeerings } from "./desired-peerings.ts";
import { communityOf } from "./filter-rules.ts";
import type { HostState, HostStateProblem, WorkloadState } from "./host-state.ts";
import { peerConfig } from "./peer-config.ts";
import { localWorkloads } from "./workloads.ts";

export type CalcInput = { readonly nodeName: string; readonly resources: Iterable<AnyResource> };

/**
 * Computes what this host should be from the cluster's resources and nothing else. Pure: the order of the resources does not
 * matter, and the same resources give the same state.
 */
export function computeHostState({ nodeName, resources }: CalcInput): HostState {
  const cluster = viewCluster(nodeName, resources);
  const { self, config } = cluster;
  const defaults = DEFAULTS.bgpConfiguration;
  const own = self ? addressesOf(self) : [];
  const local = localWorkloads(cluster, { nodeName });
  const addresses = local.workloads.flatMap((workload) => workload.addresses);
  const bgp = computeBgp(cluster, nodeName);
  const problems = [
    ...bgp.problems,
    ...local.problems,
    ...outsideOfPools(cluster, local.workloads),
  ];
  return {
    nodeName,
    speaker: {
      asn: self?.asn ?? cluster.globalAsn,
      routerId: routerIdOf(nodeName, self),
      ...(self?.clusterId !== undefined && { clusterId: self.clusterId }),
      ownAddresses: own,
      localWorkloads: addresses.map(hostPrefix),
      nodeAddresses: cluster.nodes.flatMap(addressesOf),
      decision: DEFAULTS.decision,
      hostName: nodeName,
      peers: bgp.peers,
    },
    listen: {
      port: self?.listenPort ?? config.listenPort ?? defaults.listenPort,
      addresses: config.bindMode === "NodeIP" && own.length > 0 ? own : "any",
    },
    originations: addresses.map((address) => originationOf(address, cluster)),
    workloads: local.workloads,
    blackholes: [],
    staticRoutes: bgp.staticRoutes,
    programsLearnedRoutes: config.programClusterRoutes !== "Disabled",
    routeMetric: {
      ipv4: config.ipv4NormalRoutePriority ?? defaults.ipv4NormalRoutePriority,
      ipv6: config.ipv6NormalRoutePriority ?? defaults.ipv6NormalRoutePriority,
    },
    problems: withoutRepeats(problems),
  };
}

type Bgp = {
  readonly peers: readonly PeerConfig[];
  readonly staticRoutes: HostState["staticRoutes"];
  readonly problems: readonly HostStateProblem[];
};

function computeBgp({ self, ...cluster }: ClusterView, nodeName: string): Bgp {
  if (self === undefined) {
    const message = "there is no such Node with spec.bgp: this host peers with nobody";
    return { peers: [], staticRoutes: [], problems: [{ resource: `Node/${nodeName}`, message }] };
  }
  const host = { ...cluster, self };
  const { peerings, problems } = desiredPeerings(host);
  const configs = peerings.map((peering) => peerConfig(host, peering));
  return {
    peers: configs.map(({ peer }) => peer),
    staticRoutes: peerings.flatMap(({ address, source, origin }) => {
      const gateway = parsePeerAddress(source?.spec.reachableBy ?? "")?.address;
      if (gateway === undefined || origin === "reverse") return [];
      return [{ prefix: hostPrefix(address), gateway }];
    }),
    problems: [...problems, ...configs.flatMap((config) => config.problems)],
  };
}

function addressesOf({ ipv4, ipv6 }: NodeView): readonly IpAddress[] {
  return [ipv4, ipv6].filter((address) => address !== undefined);
}

/** The IPv4 address, as Calico does; a node with IPv6 alone takes a hash of its name (FNV-1a). RFC 6286 §2.1 asks for no more. */
function routerIdOf(nodeName: string, self: NodeView | undefined): RouterId {
  if (self?.ipv4 !== undefined) return RouterId(ipv4ToNumber(self.ipv4));
  let hash = 0x811c_9dc5;
  for (const octet of new TextEncoder().encode(nodeName)) {
    hash = Math.imul(hash ^ octet, 0x0100_0193) >>> 0;
  }
  return RouterId(hash || 1);
}

/** A workload's address, with the communities that prefixAdvertisements gives to its range. */
function originationOf(address: IpAddress, { config }: ClusterView): Origination {
  const prefix = hostPrefix(address);
  const named = new Map((config.communities ?? []).map(({ name, value }) => [name, value]));
  const texts = (config.prefixAdvertisements ?? []).flatMap(({ cidr, communities }) => {
    const range = parsePrefix(cidr);
    return range && prefixContains(range, prefix) ? communities : [];
  });
  const communities = [...new Set(texts)].flatMap(
    (text) => communityOf(named.get(text) ?? text) ?? [],
  );
  return { prefix, kind: "workload", ...(communities.length > 0 && { communities }) };
}

/** The standard export filter announces only what lies in a pool; who put an address elsewhere should hear of it. */
function outsideOfPools(
  { pools }: ClusterView,
  workloads: readonly WorkloadState[],
): readonly HostStateProblem[] {
  const ranges = pools.flatMap(({ spec }) => parsePrefix(spec.cidr) ?? []);
  if (ranges.length === 0) return [];
  return workloads.flatMap(({ name, addresses }) =>
    addresses
      .filter((address) => !ranges.some((range) => prefixContains(range, hostPrefix(address))))
      .map((address) => ({
        resource: `WorkloadEndpoint/${name}`,
        message: `${address} is in no IPPool: not announced`,
      })),
  );
}

/** One BGPPeer can make many sessions with one and the same problem. */
function withoutRepeats(problems: readonly HostStateProblem[]): readonly HostStateProblem[] {
  const byText = new Map(problems.map((each) => [`${each.resource} ${each.message}`, each]));
  return [...byText.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}
