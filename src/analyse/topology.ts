import type { PeerConfig } from "../../protocol/speaker/speaker-config.ts";
import { computeHostState } from "../calc/calc.ts";
import type { AnyResource } from "../resources/schemas.ts";

/** One session as one of its ends has it configured. */
export type TopologySession = {
  readonly node: string;
  readonly address: string;
  /** The node behind the address; absent where it is no node of the cluster. */
  readonly peerNode?: string;
  readonly peerAsn: number;
  readonly type: PeerConfig["origin"];
  /** The peer is a route-reflector client of the node. */
  readonly client: boolean;
  /** The other node has it configured as well; absent for peers that are no nodes. */
  readonly bothEnds?: boolean;
};

export type Topology = {
  readonly sessions: readonly TopologySession[];
  /** What will not work, or works only as long as nothing breaks. */
  readonly warnings: readonly string[];
};

/** Every session that the cluster's resources ask for, computed as each host computes its own. */
export function topologyOf(resources: readonly AnyResource[]): Topology {
  const nodes = resources
    .filter(({ kind }) => kind === "Node")
    .map(({ metadata }) => metadata.name)
    .toSorted();
  const states = nodes.map((nodeName) => computeHostState({ nodeName, resources }));
  const owners = new Map(
    states.flatMap(({ nodeName, speaker }) =>
      (speaker.ownAddresses ?? []).map((address) => [address as string, nodeName] as const),
    ),
  );
  const ends = new Set(
    states.flatMap(({ nodeName, speaker }) =>
      speaker.peers.map(({ address }) => `${nodeName} ${owners.get(address) ?? address}`),
    ),
  );
  const sessions = states.flatMap(({ nodeName, speaker }) =>
    speaker.peers.map((peer): TopologySession => {
      const peerNode = owners.get(peer.address);
      return {
        node: nodeName,
        address: peer.address,
        ...(peerNode !== undefined && { peerNode, bothEnds: ends.has(`${peerNode} ${nodeName}`) }),
        peerAsn: peer.peerAsn,
        type: peer.origin,
        client: peer.routeReflectorClient,
      };
    }),
  );
  return { sessions, warnings: warningsOf(nodes, sessions) };
}

function warningsOf(
  nodes: readonly string[],
  sessions: readonly TopologySession[],
): readonly string[] {
  const oneSided = sessions
    .filter(({ bothEnds }) => bothEnds === false)
    .map(({ node, peerNode }) => `${node} peers with ${peerNode}, which does not peer with it`);
  const islands = islandsOf(nodes, sessions);
  const apart =
    islands.length > 1
      ? [
          `${islands.length} groups of nodes are not connected: ${islands.map((each) => each.join(" ")).join(" | ")}`,
        ]
      : [];
  const reflectors = new Set(sessions.filter(({ client }) => client).map(({ node }) => node));
  const single =
    reflectors.size === 1
      ? [
          `${[...reflectors][0]} is the only route reflector; when it is down, no node learns of another`,
        ]
      : [];
  return [...oneSided, ...apart, ...single];
}

/** Groups of nodes that sessions between nodes connect. */
function islandsOf(
  nodes: readonly string[],
  sessions: readonly TopologySession[],
): readonly (readonly string[])[] {
  const group = new Map(nodes.map((node) => [node, node]));
  const find = (node: string): string => {
    const parent = group.get(node) ?? node;
    return parent === node ? node : find(parent);
  };
  for (const { node, peerNode, bothEnds } of sessions) {
    if (peerNode !== undefined && bothEnds === true) group.set(find(node), find(peerNode));
  }
  const islands = Map.groupBy(nodes, find);
  return [...islands.values()];
}

/** For Graphviz: a line a session, one-sided ones dashed. */
export function topologyDot({ sessions }: Topology): string {
  const lines = edges(sessions).map(
    ({ from, to, bothEnds }) => `  "${from}" -- "${to}"${bothEnds ? "" : " [style=dashed]"};\n`,
  );
  return `graph bgp {\n${lines.join("")}}\n`;
}

/** For Mermaid, which code hosts render. */
export function topologyMermaid({ sessions }: Topology): string {
  const names = new Map<string, string>();
  const id = (name: string) => {
    const known = names.get(name) ?? `n${names.size}`;
    names.set(name, known);
    return `${known}["${name}"]`;
  };
  const lines = edges(sessions).map(
    ({ from, to, bothEnds }) => `  ${id(from)} ${bothEnds ? "---" : "-.-"} ${id(to)}\n`,
  );
  return `graph LR\n${lines.join("")}`;
}

type Edge = { readonly from: string; readonly to: string; readonly bothEnds: boolean };

/** Each session once, whichever end told of it. */
function edges(sessions: readonly TopologySession[]): readonly Edge[] {
  const found = new Map<string, Edge>();
  for (const { node, peerNode, address, peerAsn, bothEnds } of sessions) {
    const to = peerNode ?? `${address} AS ${peerAsn}`;
    const key = [node, to].toSorted().join(" ");
    if (!found.has(key)) found.set(key, { from: node, to, bothEnds: bothEnds ?? true });
  }
  return [...found.values()];
}
