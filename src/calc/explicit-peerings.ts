import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { ipVersion } from "../../protocol/types/ip-address.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { asNumberOf } from "../resources/field.ts";
import { parsePeerAddress } from "../resources/peer-address.ts";
import type { ResourceOf } from "../resources/schemas.ts";
import { matchesSelector, parseSelector } from "../resources/selector.ts";
import type { ClusterView, NodeView } from "./cluster-view.ts";
import type { HostStateProblem } from "./host-state.ts";
import {
  addressOf,
  type IpVersion,
  isPassiveTowards,
  type Peering,
  peeringName,
  sessionsBetween,
} from "./peering.ts";
import { workloadAddresses } from "./workloads.ts";

type BgpPeer = ResourceOf<"BGPPeer">;
type Host = ClusterView & { readonly self: NodeView };
export type PeeringsAndProblems = {
  readonly peerings: readonly Peering[];
  readonly problems: readonly HostStateProblem[];
};

/** The peerings that BGPPeers ask of this host: those they name, then those of which this host is the other end. */
export function explicitPeerings(host: Host): PeeringsAndProblems {
  const all = host.peers.map((peer) => forwardPeerings(host, peer));
  return {
    peerings: [
      ...all.flatMap(({ peerings }) => peerings),
      ...host.peers.flatMap((peer) => reversePeerings(host, peer)),
    ],
    problems: all.flatMap(({ problems }) => problems),
  };
}

function forwardPeerings(host: Host, peer: BgpPeer): PeeringsAndProblems {
  if (!isInScope(peer, host.self)) return { peerings: [], problems: [] };
  const { peerIP, peerSelector, localWorkloadSelector } = peer.spec;
  if (peerSelector) return { peerings: selectedNodes(host, peer, peerSelector), problems: [] };
  if (localWorkloadSelector)
    return { peerings: localWorkloads(host, peer, localWorkloadSelector), problems: [] };
  return addressedPeer(host, peer, peerIP ?? "");
}

/** `node` and `nodeSelector` say which nodes have the peering; neither means every node. */
function isInScope({ spec }: BgpPeer, node: NodeView): boolean {
  if (spec.node) return spec.node === node.name;
  return selects(spec.nodeSelector || "all()", node.labels);
}

function isGlobal({ spec }: BgpPeer): boolean {
  return !spec.node && !spec.nodeSelector;
}

function addressedPeer(host: Host, peer: BgpPeer, peerIp: string): PeeringsAndProblems {
  const { self } = host;
  const target = parsePeerAddress(peerIp);
  const peerAsn = asNumberOf(peer.spec.asNumber);
  if (target === undefined || peerAsn === undefined) return { peerings: [], problems: [] };
  const { address, port } = target;
  // A peering of every node with one of them leaves that one out.
  if (address === self.ipv4 || address === self.ipv6) return { peerings: [], problems: [] };
  const version = ipVersion(address);
  const own = addressOf(self, version);
  const usesNodeIp = (peer.spec.sourceAddress ?? DEFAULTS.bgpPeer.sourceAddress) === "UseNodeIP";
  const problems =
    own === undefined && usesNodeIp
      ? [
          {
            resource: `BGPPeer/${peer.metadata.name}`,
            message: `node ${self.name} has no IPv${version} address to peer with ${address} from; give it one, or set sourceAddress: None`,
          },
        ]
      : [];
  if (problems.length > 0) return { peerings: [], problems };
  const node = host.nodes.find(
    (each) => each.asn === peerAsn && addressOf(each, version) === address,
  );
  const peering: Peering = {
    name: peeringName(isGlobal(peer) ? "Global" : "Node", { address, port }),
    origin: isGlobal(peer) ? "global" : "node",
    address,
    port: port ?? node?.listenPort ?? DEFAULTS.bgpPeer.port,
    peerAsn,
    families: familiesWith(self, { version, node, peer }),
    source: peer,
    ...(node && { node }),
    passive: isGlobal(peer) && node !== undefined && isPassiveTowards(own, address),
  };
  return { peerings: [peering], problems };
}

/** The session's own family, and the other one where we have an address for its next hop and may assume that the peer has. */
function familiesWith(
  self: NodeView,
  {
    version,
    node,
    peer,
  }: { readonly version: IpVersion; readonly node: NodeView | undefined; readonly peer: BgpPeer },
): readonly IpVersion[] {
  const wanted = peer.spec.families?.map((family) => (family === "IPv4" ? 4 : 6));
  const offered = ([4, 6] as const).filter(
    (each) =>
      each === version ||
      carriesBoth(peer, version) ||
      (peer.spec.sessions !== "PerFamily" &&
        addressOf(self, each) !== undefined &&
        (node === undefined || addressOf(node, each) !== undefined)),
  );
  return wanted ? offered.filter((each) => wanted.includes(each)) : offered;
}

/** IPv4 over IPv6 next hops needs no IPv4 address at either end. RFC 8950 §3. */
function carriesBoth({ spec }: BgpPeer, version: IpVersion): boolean {
  return spec.extendedNextHop === true && version === 6 && spec.sessions !== "PerFamily";
}

function selectedNodes(host: Host, peer: BgpPeer, selector: string): readonly Peering[] {
  const others = host.nodes.filter(
    ({ name, labels }) => name !== host.self.name && selects(selector, labels),
  );
  return others.flatMap((node) =>
    peeringsWithNode(host.self, node, { peer, origin: forwardOrigin(peer) }),
  );
}

function forwardOrigin(peer: BgpPeer): "global" | "node" {
  return isGlobal(peer) ? "global" : "node";
}

function peeringsWithNode(
  self: NodeView,
  node: NodeView,
  { peer, origin }: { readonly peer: BgpPeer; readonly origin: "global" | "node" | "reverse" },
): readonly Peering[] {
  const mode = peer.spec.sessions ?? DEFAULTS.bgpConfiguration.sessions;
  return sessionsBetween(self, node, mode).map(({ address, version, families }) => ({
    name: peeringName(isGlobal(peer) ? "Global" : "Node", { address }),
    origin,
    address,
    port: node.listenPort,
    peerAsn: (origin === "reverse" ? asNumberOf(peer.spec.localASNumber) : undefined) ?? node.asn,
    families: wantedFamilies(peer, carriesBoth(peer, version) ? [4, 6] : families),
    source: peer,
    node,
    passive: isGlobal(peer) && isPassiveTowards(addressOf(self, version), address),
  }));
}

function wantedFamilies(peer: BgpPeer, offered: readonly IpVersion[]): readonly IpVersion[] {
  const wanted = peer.spec.families?.map((family) => (family === "IPv4" ? 4 : 6));
  return wanted ? offered.filter((each) => wanted.includes(each)) : offered;
}

/**
 * The other end of a peering between nodes comes by itself: a node that is selected as a peer, or whose address is peerIP, peers
 * with each node that has the peering.
 */
function reversePeerings(host: Host, peer: BgpPeer): readonly Peering[] {
  const { self, nodes } = host;
  const { spec } = peer;
  if ((spec.reversePeering ?? DEFAULTS.bgpPeer.reversePeering) === "Manual") return [];
  if (spec.localWorkloadSelector) return [];
  const opposite = nodes.filter((node) => node.name !== self.name && isInScope(peer, node));
  if (spec.peerSelector) {
    if (!selects(spec.peerSelector, self.labels)) return [];
    return opposite.flatMap((node) => peeringsWithNode(self, node, { peer, origin: "reverse" }));
  }
  const target = parsePeerAddress(spec.peerIP ?? "");
  if (target === undefined || asNumberOf(spec.asNumber) !== self.asn) return [];
  const version = ipVersion(target.address);
  if (addressOf(self, version) !== target.address) return [];
  return opposite.flatMap((node) => reverseOfAddress(self, node, { peer, version }));
}

/** The opposite of a peerIP has that address's family, and on our sessions the other one too. */
function reverseOfAddress(
  self: NodeView,
  node: NodeView,
  { peer, version }: { readonly peer: BgpPeer; readonly version: IpVersion },
): readonly Peering[] {
  const address = addressOf(node, version);
  if (address === undefined) return [];
  return [
    {
      name: peeringName(isGlobal(peer) ? "Global" : "Node", { address }),
      origin: "reverse",
      address,
      port: node.listenPort,
      peerAsn: asNumberOf(peer.spec.localASNumber) ?? node.asn,
      families: familiesWith(self, { version, node, peer }),
      source: peer,
      node,
      passive: isGlobal(peer) && isPassiveTowards(addressOf(self, version), address),
    },
  ];
}

/** A workload of this host that speaks BGP itself. It comes to us; we never go to it. */
function localWorkloads(host: Host, peer: BgpPeer, selector: string): readonly Peering[] {
  const peerAsn = asNumberOf(peer.spec.asNumber);
  if (peerAsn === undefined) return [];
  const local = host.endpoints.filter(
    ({ spec, metadata }) =>
      spec.node === host.self.name && selects(selector, metadata.labels ?? {}),
  );
  return local.flatMap((endpoint) =>
    workloadAddresses(endpoint).map((address: IpAddress) => ({
      name: peeringName("Local_Workload", { address }),
      origin: "localWorkload" as const,
      address,
      port: DEFAULTS.bgpPeer.port,
      peerAsn,
      families: wantedFamilies(peer, [ipVersion(address)]),
      source: peer,
      passive: true,
    })),
  );
}

function selects(text: string, labels: Readonly<Record<string, string>>): boolean {
  const parsed = parseSelector(text);
  return parsed.ok && matchesSelector(parsed.selector, labels);
}
