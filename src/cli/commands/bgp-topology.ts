import {
  type Topology,
  type TopologySession,
  topologyDot,
  topologyMermaid,
  topologyOf,
} from "../../analyse/topology.ts";
import { KINDS } from "../../resources/kinds.ts";
import type { AnyResource } from "../../resources/schemas.ts";
import { validateResource } from "../../resources/validate.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { readResources } from "../resource-reader.ts";
import { formatTable, type TableColumn } from "../text-table.ts";

/** Kinds from which peerings are computed. */
const PEERING_KINDS = ["Node", "BGPConfiguration", "BGPPeer", "BGPFilter", "IPPool"];

/** `tortie bgp topology`: who should peer with whom, as the resources have it; exits with 1 where something is wrong. */
export async function bgpTopology(context: CommandContext): Promise<number> {
  const topology = topologyOf(await readCluster(context));
  context.stdout.write(await topologyText(context, topology));
  if (context.options["format"] === "table") {
    for (const warning of topology.warnings) context.stderr.write(`warning: ${warning}\n`);
  }
  return context.options["check"] === true && topology.warnings.length > 0
    ? ExitCode.failed
    : ExitCode.done;
}

async function readCluster(context: CommandContext): Promise<readonly AnyResource[]> {
  const resources: AnyResource[] = [];
  for (const { kind } of KINDS.filter(({ kind: each }) => PEERING_KINDS.includes(each))) {
    for (const resource of await readResources(context, kind)) {
      const validated = validateResource(resource, { unknownFields: "warning" });
      if (validated.ok) resources.push(validated.resource);
    }
  }
  return resources;
}

async function topologyText(
  { options, output, width }: CommandContext,
  topology: Topology,
): Promise<string> {
  if (options["format"] === "dot") return topologyDot(topology);
  if (options["format"] === "mermaid") return topologyMermaid(topology);
  const value = {
    apiVersion: "tortie/v1",
    kind: "Topology",
    items: topology.sessions,
    warnings: topology.warnings,
  };
  return formatOutput(output, value, (view) =>
    formatTable(COLUMNS, topology.sessions, { ...view, width }),
  );
}

const COLUMNS: readonly TableColumn<TopologySession>[] = [
  { header: "NODE", value: ({ node }) => node },
  { header: "PEER", value: ({ peerNode, address }) => peerNode ?? address },
  { header: "ADDRESS", value: ({ address }) => address, dropOrder: 2 },
  { header: "AS", value: ({ peerAsn }) => String(peerAsn), align: "right" },
  {
    header: "TYPE",
    value: ({ type, client }) => `${type}${client ? " client" : ""}`,
    dropOrder: 1,
  },
  {
    header: "BOTH ENDS",
    value: ({ bothEnds }) => (bothEnds === undefined ? "(external)" : bothEnds ? "yes" : "NO"),
  },
];
