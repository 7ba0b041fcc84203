import { ipVersion } from "../../protocol/types/ip-address.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { asNumberOf } from "../resources/field.ts";
import { parsePeerAddress } from "../resources/peer-address.ts";
import { matchesSelector, type Selector } from "../resources/selector.ts";
import type { Cluster } from "./cluster.ts";
import type { Table } from "./derive/derivation.ts";
import { meshPeerings } from "./mesh.ts";
import type { NodeView } from "./node-view.ts";
import { familiesWith, wantedFamilies } from "./peer-families.ts";
import {
  type BgpPeer,
  isGlobal,
  isInScope,
  type PeerScope,
  scopeOf,
  selectorOf,
} from "./peer-scope.ts";
import {
  addressOf,
  type IpVersion,
  isPassiveTowards,
  type Peering,
  peeringName,
  sessionsBetween,
} from "./peering.ts";

/** What a peering resource says to a table of peerings. */
export type Candidates = { readonly peerings: readonly Peering[] };

/**
 * By node, the peerings of this host with it: of the mesh, of BGPPeers that select it, and of those by which it peers with us. The
 * other end of a peering between nodes comes by itself: a node that is selected as a peer, or whose address is peerIP, peers with
 * each node that has the peering.
 */
export function deriveNodePeerings(cluster: Cluster): Table<Candidates> {
  const { derivation, resources, nodes, self, config } = cluster;
  const all = derivation.list(resources.BGPPeer);
  const rules = derivation.value("BGPPeers between nodes", (read) => {
    const own = read.value(self);
    return own === undefined ? [] : read.value(all).flatMap((peer) => ruleOf(own, peer));
  });
  return derivation.table("peerings with nodes", nodes, (node, name, read) => {
    const own = read.value(self);
    if (own === undefined || name === own.name) return undefined;
    const peerings = [
      ...read.value(rules).flatMap((rule) => peeringsOf(own, node, rule)),
      ...meshPeerings(own, node, read.value(config)),
    ];
    return peerings.length === 0 ? undefined : { peerings };
  });
}

/** A BGPPeer that can make a peering between this host and another node. */
type NodeRule = {
  readonly peer: BgpPeer;
  /** This host has the peering, with the nodes selected. */
  readonly forward?: Selector;
  /** This host is the other end, of the nodes in scope: by a selector, or because peerIP is its address. */
  readonly reverse?: { readonly scope: PeerScope; readonly version?: IpVersion };
};

function ruleOf(self: NodeView, peer: BgpPeer): readonly NodeRule[] {
  const { peerSelector, localWorkloadSelector } = peer.spec;
  if (localWorkloadSelector) return [];
  const scope = scopeOf(peer);
  const forward = peerSelector && isInScope(scope, self) ? selectorOf(peerSelector) : undefined;
  const reverse = reverseOf(self, peer);
  if (forward === undefined && reverse === undefined) return [];
  return [{ peer, ...(forward && { forward }), ...(reverse && { reverse }) }];
}

function reverseOf(self: NodeView, peer: BgpPeer): NodeRule["reverse"] {
  const { spec } = peer;
  if ((spec.reversePeering ?? DEFAULTS.bgpPeer.reversePeering) === "Manual") return undefined;
  const scope = scopeOf(peer);
  if (spec.peerSelector) {
    const selected = matchesSelector(selectorOf(spec.peerSelector), self.labels);
    return selected ? { scope } : undefined;
  }
  const target = parsePeerAddress(spec.peerIP ?? "");
  if (target === undefined || asNumberOf(spec.asNumber) !== self.asn) return undefined;
  const version = ipVersion(target.address);
  return addressOf(self, version) === target.address ? { scope, version } : undefined;
}

function peeringsOf(self: NodeView, node: NodeView, rule: NodeRule): readonly Peering[] {
  const { peer, forward, reverse } = rule;
  const out: Peering[] = [];
  if (forward && matchesSelector(forward, node.labels)) {
    out.push(...withNode(self, node, { peer, origin: isGlobal(peer) ? "global" : "node" }));
  }
  if (reverse && isInScope(reverse.scope, node)) {
    out.push(
      ...(reverse.version === undefined
        ? withNode(self, node, { peer, origin: "reverse" })
        : reverseOfAddress(self, node, { peer, version: reverse.version })),
    );
  }
  return out;
}

function withNode(
  self: NodeView,
  node: NodeView,
  { peer, origin }: { readonly peer: BgpPeer; readonly origin: "global" | "node" | "reverse" },
): readonly Peering[] {
  const mode = peer.spec.sessions ?? DEFAULTS.bgpConfiguration.sessions;
  return sessionsBetween(self, node, mode).map(({ address, version, families, ...session }) => ({
    ...common(self, node, { peer, version }),
    origin,
    address,
    ...asNumbers(self, node, { peer, origin }),
    ...session,
    families: wantedFamilies(peer, families),
  }));
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
      ...common(self, node, { peer, version }),
      origin: "reverse",
      address,
      ...asNumbers(self, node, { peer, origin: "reverse" }),
      families: familiesWith(self, { version, node, peer }),
    },
  ];
}

/** What both ends of a peering between nodes have in common. */
function common(
  self: NodeView,
  node: NodeView,
  { peer, version }: { readonly peer: BgpPeer; readonly version: IpVersion },
): Pick<Peering, "name" | "port" | "source" | "node" | "passive"> {
  const address = addressOf(node, version) as Peering["address"];
  return {
    name: peeringName(isGlobal(peer) ? "Global" : "Node", { address }),
    port: node.listenPort,
    source: peer,
    node,
    // Both ends of a peering of every node decide alike. One of some nodes is opened from either end, as in Calico.
    passive: isGlobal(peer) && isPassiveTowards(addressOf(self, version), address),
  };
}

/** localASNumber is the AS of the end that has the peering: on the far end it is the peer's. */
function asNumbers(
  self: NodeView,
  node: NodeView,
  { peer, origin }: { readonly peer: BgpPeer; readonly origin: Peering["origin"] },
): Pick<Peering, "localAsn" | "peerAsn"> {
  const local = asNumberOf(peer.spec.localASNumber);
  return origin === "reverse"
    ? { localAsn: self.asn, peerAsn: local ?? node.asn }
    : { localAsn: local ?? self.asn, peerAsn: node.asn };
}
