import { DEFAULTS } from "../resources/defaults.ts";
import type { ClusterView } from "./cluster-view.ts";
import {
  addressOf,
  isPassiveTowards,
  type Peering,
  peeringName,
  sessionsBetween,
} from "./peering.ts";

/** The full mesh: with every other node, unless either of the two is a route reflector. */
export function meshPeerings({ self, nodes, config }: ClusterView): readonly Peering[] {
  const enabled = config.nodeToNodeMeshEnabled ?? DEFAULTS.bgpConfiguration.nodeToNodeMeshEnabled;
  if (!enabled || self === undefined || self.clusterId !== undefined) return [];
  const others = nodes.filter(
    ({ name, clusterId }) => name !== self.name && clusterId === undefined,
  );
  const mode = config.nodeMeshSessions ?? DEFAULTS.bgpConfiguration.sessions;
  return others.flatMap((node) =>
    sessionsBetween(self, node, mode).map(({ address, version, families }) => ({
      name: peeringName("Mesh", { address }),
      origin: "mesh" as const,
      address,
      port: node.listenPort,
      peerAsn: node.asn,
      families,
      node,
      passive: isPassiveTowards(addressOf(self, version), address),
    })),
  );
}
