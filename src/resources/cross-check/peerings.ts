import { isSet } from "../kind-schema.ts";
import { formatKey, keyOf, type Resource } from "../resource.ts";
import { type ClusterSnapshot, isRouteReflector, selects } from "./cluster-snapshot.ts";
import type { CrossIssue } from "./cross-check.ts";

/**
 * Nodes and reflectors that a change takes out of the network: a mesh that is turned off before other peerings are there,
 * and a peering with "the reflectors" when the last of them has lost its label.
 */
export function lostPeerings(
  snapshot: ClusterSnapshot,
  before: ClusterSnapshot | undefined,
): readonly CrossIssue[] {
  return [...nodesLeftAlone(snapshot, before), ...emptySelectors(snapshot, before)];
}

function nodesLeftAlone(
  snapshot: ClusterSnapshot,
  before: ClusterSnapshot | undefined,
): readonly CrossIssue[] {
  if (snapshot.isMeshOn() || before?.isMeshOn() === false) return [];
  return snapshot
    .bgpNodes()
    .filter((node) => !hasPeering(node, snapshot))
    .map((node) => ({
      code: "node-left-alone",
      severity: before === undefined ? "warning" : "error",
      resource: formatKey(keyOf(node)),
      path: "",
      message: "has no BGP peering: the node-to-node mesh is off, and no BGPPeer selects the node",
      fix: "make a BGPPeer for it first, or see tortie bgp plan-rr",
    }));
}

/** By a BGPPeer that is for the node, or by one towards it whose other end gets its peering by itself. */
function hasPeering(node: Resource, snapshot: ClusterSnapshot): boolean {
  const others = snapshot.bgpNodes().filter((each) => each !== node);
  return snapshot.of("BGPPeer").some((peer) => {
    const { peerSelector, reversePeering } = peer.spec;
    if (!isSet(peerSelector)) return isFor(peer, node);
    if (isFor(peer, node) && others.some((each) => selects(peerSelector, each))) return true;
    if (reversePeering === "Manual") return false;
    return selects(peerSelector, node) && others.some((each) => isFor(peer, each));
  });
}

function isFor({ spec }: Resource, node: Resource): boolean {
  if (isSet(spec["node"])) return spec["node"] === node.metadata.name;
  return isSet(spec["nodeSelector"]) ? selects(spec["nodeSelector"], node) : true;
}

function emptySelectors(
  snapshot: ClusterSnapshot,
  before: ClusterSnapshot | undefined,
): readonly CrossIssue[] {
  return snapshot.of("BGPPeer").flatMap((peer) => {
    const { peerSelector } = peer.spec;
    if (!isSet(peerSelector) || selected(peerSelector, snapshot).length > 0) return [];
    const earlier = before
      ?.of("BGPPeer")
      .find(({ metadata }) => metadata.name === peer.metadata.name);
    const had = before === undefined ? [] : selected(earlier?.spec["peerSelector"], before);
    if (before !== undefined && had.length === 0) return [];
    const names = had.map(({ metadata }) => metadata.name).join(", ");
    const reflectors = had.some(isRouteReflector) ? "no route reflector" : "no node";
    return [
      {
        code: "no-route-reflector",
        severity: before === undefined ? "warning" : "error",
        resource: formatKey(keyOf(peer)),
        path: "spec.peerSelector",
        message:
          before === undefined
            ? `selects no node: ${String(peerSelector)}`
            : `would select ${reflectors} any more; it selects ${names} now`,
        fix: "label another node first, or delete the BGPPeer",
      },
    ];
  });
}

function selected(selector: unknown, snapshot: ClusterSnapshot): readonly Resource[] {
  return isSet(selector) ? snapshot.bgpNodes().filter((node) => selects(selector, node)) : [];
}
