import { DEFAULTS } from "../resources/defaults.ts";
import type { SpecOf } from "../resources/schemas.ts";
import type { NodeView } from "./node-view.ts";
import {
  addressOf,
  isPassiveTowards,
  type Peering,
  peeringName,
  sessionsBetween,
} from "./peering.ts";

/** The full mesh: with every other node, unless either of the two is a route reflector. */
export function meshPeerings(
  self: NodeView,
  node: NodeView,
  config: SpecOf<"BGPConfiguration">,
): readonly Peering[] {
  const enabled = config.nodeToNodeMeshEnabled ?? DEFAULTS.bgpConfiguration.nodeToNodeMeshEnabled;
  if (!enabled || self.clusterId !== undefined || node.clusterId !== undefined) return [];
  const mode = config.nodeMeshSessions ?? DEFAULTS.bgpConfiguration.sessions;
  return sessionsBetween(self, node, mode).map(({ address, version, ...session }) => ({
    name: peeringName("Mesh", { address }),
    origin: "mesh" as const,
    address,
    port: node.listenPort,
    localAsn: self.asn,
    peerAsn: node.asn,
    ...session,
    node,
    passive: isPassiveTowards(addressOf(self, version), address),
  }));
}
