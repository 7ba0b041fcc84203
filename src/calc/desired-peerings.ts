import { deriveAddressedPeerings, type PeeringsAndProblems } from "./addressed-peerings.ts";
import type { Cluster } from "./cluster.ts";
import { compareText, type Table } from "./derive/derivation.ts";
import type { HostStateProblem } from "./host-state.ts";
import { type Candidates, deriveNodePeerings } from "./node-peerings.ts";
import type { NodeView } from "./node-view.ts";
import type { Peering } from "./peering.ts";
import { deriveWorkloadPeerings } from "./workload-peerings.ts";
import type { LocalWorkload } from "./workloads.ts";

export type DesiredPeerings = {
  /** By peer address. */
  readonly peerings: Table<PeeringsAndProblems>;
  readonly problems: readonly Table<{ readonly problems: readonly HostStateProblem[] }>[];
};

/**
 * All peerings of this host, one for each peer. Where several ask for the same address, the more deliberate one wins, as in
 * Calico: of every node, then of some nodes, then the opposite of another node's, then the mesh. Among equals, the first name.
 */
export function derivePeerings(cluster: Cluster, local: Table<LocalWorkload>): DesiredPeerings {
  const { derivation, self, nodesByAddress } = cluster;
  const addressed = deriveAddressedPeerings(cluster);
  const sources: readonly Table<Candidates>[] = [
    addressed,
    deriveNodePeerings(cluster),
    deriveWorkloadPeerings(cluster, local),
  ];
  const candidates = derivation.group("peerings wanted", sources, ({ peerings }) =>
    peerings.map((peering) => [peering.address, peering] as const),
  );
  const peerings = derivation.table("peerings", candidates, (wanted, _address, read) => {
    const own = read.value(self);
    return own && choose(own, wanted);
  });
  const shared = derivation.table("shared addresses", nodesByAddress, sharedAddress);
  return { peerings, problems: [addressed, peerings, shared] };
}

function choose(self: NodeView, candidates: readonly Peering[]): PeeringsAndProblems {
  const peerings: Peering[] = [];
  const problems: HostStateProblem[] = [];
  for (const candidate of candidates.toSorted(byRank)) {
    const rival = peerings.find((each) => collide(each, candidate));
    if (rival === undefined) {
      const problem = whyImpossible(self, candidate);
      if (problem === undefined) peerings.push(candidate);
      else if (candidate.standbyFor === undefined)
        problems.push({ resource: resourceOf(candidate), message: problem });
    } else if (isMistake(rival, candidate)) {
      const message = `${resourceOf(rival)} peers with ${candidate.address} already; this one is not in force`;
      problems.push({ resource: resourceOf(candidate), message });
    }
  }
  return { peerings, problems };
}

const RANKS = { global: 0, node: 1, localWorkload: 2, reverse: 3, mesh: 4 } as const;

function rank({ origin }: Peering): number {
  return RANKS[origin];
}

function byRank(a: Peering, b: Peering): number {
  return (
    rank(a) - rank(b) ||
    compareText(a.source?.metadata.name ?? "", b.source?.metadata.name ?? "") ||
    compareText(a.node?.name ?? "", b.node?.name ?? "") ||
    compareText(a.name, b.name)
  );
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
function sharedAddress(
  [owner, ...others]: readonly NodeView[],
  address: string,
): { readonly problems: readonly HostStateProblem[] } | undefined {
  if (owner === undefined || others.length === 0) return undefined;
  const message = `${address} is the address of node ${owner.name} as well; give each node its own`;
  return { problems: others.map(({ name }) => ({ resource: `Node/${name}`, message })) };
}
