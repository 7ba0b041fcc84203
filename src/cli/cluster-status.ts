import type { PeerReport } from "../api/api-types.ts";
import { ApiClient, DaemonUnreachable } from "../api/client.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import type { Resource } from "../resources/resource.ts";
import type { CommandContext } from "./command.ts";
import { readResources } from "./resource-reader.ts";
import { formatTable, type TableColumn, type TableView } from "./text-table.ts";
import { formatSince } from "./time-text.ts";

/** One node of the cluster: what the resources say of it, what it says of itself, and how it looks from here. */
export type NodeStatus = {
  readonly node: string;
  readonly addresses: readonly string[];
  readonly asn: number;
  /** What the node's daemon last wrote into its CalicoNodeStatus. */
  readonly told?: {
    readonly at: string;
    readonly established: number;
    readonly total: number;
    readonly peers: readonly ToldPeer[];
  };
  /** The sessions of this host with it; none on the node itself, or without a daemon here. */
  readonly fromHere: readonly {
    readonly address: string;
    readonly state: string;
    readonly since: string;
  }[];
};

export type ToldPeer = {
  readonly address: string;
  readonly state: string;
  readonly since?: string;
};

/** The cluster from any host, without root: from the daemon here, or from the datastore. */
export async function readClusterStatus(context: CommandContext): Promise<readonly NodeStatus[]> {
  const nodes = await readResources(context, "Node");
  const statuses = await readResources(context, "CalicoNodeStatus");
  const peers = await peersOfThisHost(context);
  const asn = globalAsNumber(await readResources(context, "BGPConfiguration"));
  return nodes.map((node) => {
    const bgp = (node.spec["bgp"] ?? {}) as { readonly [field: string]: unknown };
    const addresses = [bgp["ipv4Address"], bgp["ipv6Address"]].flatMap((each) =>
      typeof each === "string" ? [each.split("/")[0] ?? each] : [],
    );
    const told = toldBy(statuses, node.metadata.name);
    return {
      node: node.metadata.name,
      addresses,
      asn: typeof bgp["asNumber"] === "number" ? bgp["asNumber"] : asn,
      ...(told !== undefined && { told }),
      fromHere: peers
        .filter(({ address }) => addresses.includes(address))
        .map(({ address, state, stateSince }) => ({ address, state, since: stateSince })),
    };
  });
}

/** The table of nodes. */
export function clusterTable(
  nodes: readonly NodeStatus[],
  {
    now,
    width,
    view,
  }: { readonly now: Date; readonly width: number | undefined; readonly view: TableView },
): string {
  const columns: readonly TableColumn<NodeStatus>[] = [
    { header: "NODE", value: ({ node }) => node },
    { header: "ADDRESS", value: ({ addresses }) => addresses.join(",") || "-" },
    { header: "AS", value: ({ asn }) => String(asn), align: "right" },
    {
      header: "SESSIONS",
      value: ({ told }) => (told === undefined ? "-" : `${told.established}/${told.total}`),
      align: "right",
    },
    {
      header: "TOLD",
      value: ({ told }) => (told === undefined ? "-" : `${formatSince(told.at, now)} ago`),
      align: "right",
      dropOrder: 1,
    },
    {
      header: "FROM HERE",
      value: ({ fromHere }) =>
        fromHere.map(({ state, since }) => `${state} ${formatSince(since, now)}`).join(", ") || "-",
    },
  ];
  return formatTable(columns, nodes, { ...view, width });
}

async function peersOfThisHost({ socket }: CommandContext): Promise<readonly PeerReport[]> {
  try {
    return (await new ApiClient(socket).peers()).items;
  } catch (error) {
    if (error instanceof DaemonUnreachable) return [];
    throw error;
  }
}

function globalAsNumber(configurations: readonly Resource[]): number {
  const found = configurations.find(({ metadata }) => metadata.name === "default");
  const asNumber = found?.spec["asNumber"];
  return typeof asNumber === "number" ? asNumber : DEFAULTS.bgpConfiguration.asNumber;
}

/** The latest of the objects that ask this node for its state, and have an answer. */
function toldBy(statuses: readonly Resource[], node: string): NodeStatus["told"] {
  const answers = statuses.flatMap(({ spec, status }) => {
    const { lastUpdated, bgp } = (status ?? {}) as CalicoStatus;
    if (spec["node"] !== node || lastUpdated === undefined || bgp === undefined) return [];
    const peers = [...(bgp.peersV4 ?? []), ...(bgp.peersV6 ?? [])].map(
      ({ peerIP, state, since }) => ({
        address: peerIP,
        state,
        ...(since !== undefined && { since }),
      }),
    );
    const established = (bgp.numberEstablishedV4 ?? 0) + (bgp.numberEstablishedV6 ?? 0);
    return [{ at: lastUpdated, established, total: peers.length, peers }];
  });
  return answers.toSorted((a, b) => (a.at < b.at ? 1 : -1))[0];
}

type CalicoStatus = {
  readonly lastUpdated?: string;
  readonly bgp?: {
    readonly numberEstablishedV4?: number;
    readonly numberEstablishedV6?: number;
    readonly peersV4?: readonly CalicoPeer[];
    readonly peersV6?: readonly CalicoPeer[];
  };
};

type CalicoPeer = { readonly peerIP: string; readonly state: string; readonly since?: string };
