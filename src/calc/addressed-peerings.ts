import { ipVersion } from "../../protocol/types/ip-address.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { asNumberOf } from "../resources/field.ts";
import { parsePeerAddress } from "../resources/peer-address.ts";
import type { Cluster } from "./cluster.ts";
import type { Table } from "./derive/derivation.ts";
import type { HostStateProblem } from "./host-state.ts";
import type { NodeView } from "./node-view.ts";
import { familiesWith } from "./peer-families.ts";
import { type BgpPeer, isGlobal, isInScope, scopeOf } from "./peer-scope.ts";
import { addressOf, isPassiveTowards, type Peering, peeringName } from "./peering.ts";

export type PeeringsAndProblems = {
  readonly peerings: readonly Peering[];
  readonly problems: readonly HostStateProblem[];
};

/** By BGPPeer, the peering of this host with the address that it names. */
export function deriveAddressedPeerings(cluster: Cluster): Table<PeeringsAndProblems> {
  const { derivation, resources, nodesByAddress, self } = cluster;
  return derivation.table("peerings with addresses", resources.BGPPeer, (peer, _name, read) => {
    const own = read.value(self);
    const target = parsePeerAddress(peer.spec.peerIP ?? "");
    if (own === undefined || target === undefined || !isInScope(scopeOf(peer), own)) {
      return undefined;
    }
    const nodes = read.at(nodesByAddress, target.address) ?? [];
    return addressedPeering(own, peer, { target, nodes });
  });
}

type Target = {
  readonly target: NonNullable<ReturnType<typeof parsePeerAddress>>;
  /** The nodes with this address. */
  readonly nodes: readonly NodeView[];
};

function addressedPeering(
  self: NodeView,
  peer: BgpPeer,
  { target: { address, port }, nodes }: Target,
): PeeringsAndProblems | undefined {
  const peerAsn = asNumberOf(peer.spec.asNumber);
  // A peering of every node with one of them leaves that one out.
  if (peerAsn === undefined || address === self.ipv4 || address === self.ipv6) return undefined;
  const version = ipVersion(address);
  const own = addressOf(self, version);
  const usesNodeIp = (peer.spec.sourceAddress ?? DEFAULTS.bgpPeer.sourceAddress) === "UseNodeIP";
  if (own === undefined && usesNodeIp) {
    const message = `node ${self.name} has no IPv${version} address to peer with ${address} from; give it one, or set sourceAddress: None`;
    return { peerings: [], problems: [{ resource: `BGPPeer/${peer.metadata.name}`, message }] };
  }
  const node = nodes.find(({ asn }) => asn === peerAsn);
  const peering: Peering = {
    name: peeringName(isGlobal(peer) ? "Global" : "Node", { address, port }),
    origin: isGlobal(peer) ? "global" : "node",
    address,
    port: port ?? node?.listenPort ?? DEFAULTS.bgpPeer.port,
    localAsn: asNumberOf(peer.spec.localASNumber) ?? self.asn,
    peerAsn,
    families: familiesWith(self, { version, node, peer }),
    source: peer,
    ...(node && { node }),
    passive: isGlobal(peer) && node !== undefined && isPassiveTowards(own, address),
  };
  return { peerings: [peering], problems: [] };
}
