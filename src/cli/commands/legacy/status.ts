import type { PeerReport } from "../../../api/api-types.ts";
import { ApiClient } from "../../../api/client.ts";
import type { CommandContext } from "../../command.ts";
import { ExitCode } from "../../exit-code.ts";
import { boxedTable } from "./boxed-table.ts";

/** `status --legacy`: the tables that scripts and articles of 2015 and 2016 show. */
export async function legacyStatus(context: CommandContext): Promise<number> {
  const client = new ApiClient(context.socket);
  const report = await client.status();
  const peers = (await client.peers()).items;
  const up = upText(new Date(report.startedAt), context.now);
  const lines = [`calico-node container is running. Status: Up ${up}\n`];
  for (const version of [4, 6] as const) {
    const listed = peers.filter(({ address }) => address.includes(":") === (version === 6));
    lines.push(`\nIPv${version} BGP status\n`);
    if (listed.length === 0) lines.push(`No IPv${version} address configured.\n`);
    else {
      const headers = ["Peer address", "Peer type", "State", "Since", "Info"];
      lines.push(boxedTable(headers, listed.map(row)));
    }
  }
  context.stdout.write(lines.join(""));
  return ExitCode.done;
}

function row(peer: PeerReport): readonly string[] {
  const since = new Date(peer.stateSince).toTimeString().slice(0, 8);
  const up = peer.state === "Established";
  return [peer.address, typeOf(peer.name), up ? "up" : "start", since, peer.state];
}

/** Peers are named after where they come from. */
function typeOf(name: string): string {
  if (name.startsWith("Mesh_")) return "node-to-node mesh";
  return name.startsWith("Node_") ? "node specific" : "global";
}

function upText(since: Date, now: Date): string {
  const minutes = Math.max(0, Math.floor((now.getTime() - since.getTime()) / 60_000));
  if (minutes === 0) return "Less than a minute";
  if (minutes < 120) return minutes === 1 ? "About a minute" : `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
