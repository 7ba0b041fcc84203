import type { PeerReport } from "../../api/api-types.ts";
import { ApiClient, DaemonUnreachable } from "../../api/client.ts";
import { clusterTable, readClusterStatus } from "../cluster-status.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { notThere } from "../resource-names.ts";
import { boxedTable } from "./legacy/boxed-table.ts";

/** `tortie node status`: the words and tables of `calicoctl node status`, which scripts cut apart. */
export async function nodeStatus({ socket, stdout, output }: CommandContext): Promise<number> {
  let peers: readonly PeerReport[];
  try {
    peers = (await new ApiClient(socket).peers()).items;
  } catch (error) {
    if (!(error instanceof DaemonUnreachable)) throw error;
    stdout.write("Calico process is not running.\n");
    return ExitCode.failed;
  }
  const text = await formatOutput(output, { items: peers }, () =>
    [
      "Calico process is running.\n",
      familyText(
        "IPv4",
        peers.filter(({ address }) => !address.includes(":")),
      ),
      familyText(
        "IPv6",
        peers.filter(({ address }) => address.includes(":")),
      ),
    ].join("\n"),
  );
  stdout.write(text);
  return ExitCode.done;
}

/** `tortie node list`: every node, as it says of itself and as it looks from here. */
export async function nodeList(context: CommandContext): Promise<number> {
  const items = await readClusterStatus(context);
  const value = { apiVersion: "tortie/v1", kind: "NodeStatusList", items };
  const { now, width } = context;
  context.stdout.write(
    await formatOutput(context.output, value, (view) =>
      items.length === 0 ? "No nodes.\n" : clusterTable(items, { now, width, view }),
    ),
  );
  return ExitCode.done;
}

/** `tortie node show [NAME]`: one node, by default this one. */
export async function nodeShow(context: CommandContext): Promise<number> {
  const name = context.arguments[0] ?? (await new ApiClient(context.socket).status()).node;
  const nodes = await readClusterStatus(context);
  const node = nodes.find((each) => each.node === name);
  if (node === undefined) throw notThere({ kind: "Node", name }, "tortie node list");
  const { now, width } = context;
  context.stdout.write(
    await formatOutput(context.output, node, (view) => {
      const peers = node.told?.peers.map(
        ({ address, state, since }) =>
          `  ${address}  ${state}${since === undefined ? "" : `  since ${since}`}\n`,
      );
      return `${clusterTable([node], { now, width, view })}${peers === undefined ? "" : `\nWhat it says of its sessions\n${peers.join("")}`}`;
    }),
  );
  return ExitCode.done;
}

function familyText(family: string, peers: readonly PeerReport[]): string {
  if (peers.length === 0) return `No ${family} peers found.\n`;
  const rows = peers.map(({ address, origin, state, stateSince, lastError }) => [
    address,
    PEER_TYPES[origin] ?? origin,
    state === "Established" ? "up" : "start",
    timeOfDay(stateSince),
    state === "Established" ? "Established" : (lastError?.text ?? state),
  ]);
  return `${family} BGP status\n${boxedTable(["PEER ADDRESS", "PEER TYPE", "STATE", "SINCE", "INFO"], rows)}`;
}

const PEER_TYPES: { readonly [origin: string]: string } = {
  mesh: "node-to-node mesh",
  node: "node specific",
  global: "global",
};

/** As BIRD tells it: the time today, otherwise the date. */
function timeOfDay(instant: string): string {
  const at = new Date(instant);
  const recent = Date.now() - at.getTime() < 20 * 3_600_000;
  return recent ? at.toTimeString().slice(0, 8) : at.toISOString().slice(0, 10);
}
