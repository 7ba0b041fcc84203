import type { ClusterView, NodeView } from "./cluster-view.ts";
import { explicitPeerings, type PeeringsAndProblems } from "./explicit-peerings.ts";
import type { HostStateProblem } from "./host-state.ts";
import { meshPeerings } from "./mesh.ts";
import type { Peering } from "./peering.ts";

/**
 * All peerings of this host, one for each peer. Where several ask for the same address, the more deliberate one wins, as in
 * Calico: of every node, then of some nodes, then the opposite of another node's, then the mesh. Among equals, the first name.
 */
export function desiredPeerings(
  host: ClusterView & { readonly self: NodeView },
): PeeringsAndProblems {
  const explicit = explicitPeerings(host);
  const candidates = [...explicit.peerings, ...meshPeerings(host)];
  const problems: HostStateProblem[] = [...explicit.problems, ...sharedAddresses(host)];
  const chosen = new Map<string, Peering[]>();
  for (const candidate of candidates.toSorted((a, b) => rank(a) - rank(b))) {
    const alike = chosen.get(candidate.address) ?? [];
    const rival = alike.find((each) => collide(each, candidate));
    if (rival === undefined) {
      const problem = whyImpossible(host.self, candidate);
      if (problem === undefined) chosen.set(candidate.address, [...alike, candidate]);
      else problems.push({ resource: resourceOf(candidate), message: problem });
    } else if (isMistake(rival, candidate)) {
      const message = `${resourceOf(rival)} peers with ${candidate.address} already; this one is not in force`;
      problems.push({ resource: resourceOf(candidate), message });
    }
  }
  return {
    peerings: [...chosen.values()].flat().toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    problems,
  };
}

const RANKS = { global: 0, node: 1, localWorkload: 2, reverse: 3, mesh: 4 } as const;

function rank({ origin }: Peering): number {
  return RANKS[origin];
}

/** For two with one address: explicit peers may share it if their ports differ; what comes by itself gives way to any other. */
function collide(chosen: Peering, candidate: Peering): boolean {
  return chosen.port === candidate.port || rank(candidate) >= RANKS.reverse;
}

/** Overlap of peerings is how people override; two BGPPeers of one kind for one address are not. */
function isMistake(rival: Peering, candidate: Peering): boolean {
  return (
    rival.origin === candidate.origin &&
    rival.source !== candidate.source &&
    rank(candidate) < RANKS.reverse
  );
}

function resourceOf({ source, node }: Peering): string {
  return source ? `BGPPeer/${source.metadata.name}` : `Node/${node?.name}`;
}

function whyImpossible(self: NodeView, { address, families }: Peering): string | undefined {
  if (address === self.ipv4 || address === self.ipv6) {
    return `has the address ${address} of this node: there is no peering with it`;
  }
  return families.length === 0
    ? `the session with ${address} can carry none of the families asked for`
    : undefined;
}

/** Nodes that claim one address: the peering goes to the first by name. */
function sharedAddresses({ nodes }: ClusterView): readonly HostStateProblem[] {
  const owners = new Map<string, string>();
  const problems: HostStateProblem[] = [];
  for (const { name, ipv4, ipv6 } of nodes) {
    for (const address of [ipv4, ipv6]) {
      if (address === undefined) continue;
      const owner = owners.get(address);
      if (owner === undefined) owners.set(address, name);
      else {
        const message = `${address} is the address of node ${owner} as well; give each node its own`;
        problems.push({ resource: `Node/${name}`, message });
      }
    }
  }
  return problems;
}
