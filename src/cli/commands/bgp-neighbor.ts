import type { EventReport, PeerFamilyReport, PeerReport } from "../../api/api-types.ts";
import { ApiClient } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { formatPairs, formatTable, type TableColumn, type TableOptions } from "../text-table.ts";
import { formatSince } from "../time-text.ts";
import { eventText } from "./events.ts";

const RECENT_EVENTS = 5;

/** `tortie bgp neighbor IP` */
export async function bgpNeighbor(context: CommandContext): Promise<number> {
  const client = new ApiClient(context.socket);
  const peer = await client.peer(context.arguments[0] ?? "");
  const events = await client.events({ peer: peer.name, limit: RECENT_EVENTS });
  const text = await formatOutput(context.output, peer, (view) =>
    [
      formatPairs(pairsOf(peer, context.now)),
      familiesText(peer.families, { ...view, width: context.width }),
      eventsText(events.items),
    ].join("\n"),
  );
  context.stdout.write(text);
  return ExitCode.done;
}

function pairsOf(peer: PeerReport, now: Date): [string, string | undefined][] {
  const client = peer.routeReflectorClient ? ", route-reflector client" : "";
  return [
    ["Peer", `${peer.address} port ${peer.port}  (${peer.name})`],
    ["Type", `${peer.type}, from ${peer.origin}${client}`],
    ["AS", `ours ${peer.localAsn}  theirs ${peer.peerAsn}`],
    ["Local address", peer.localAddress],
    [
      "State",
      `${peer.state} for ${formatSince(peer.stateSince, now)}  (came up ${peer.establishedCount} times)`,
    ],
    [
      "Next attempt",
      peer.nextConnectAt && `in ${formatSince(now.toISOString(), new Date(peer.nextConnectAt))}`,
    ],
    ["Last error", lastErrorText(peer, now)],
    ["Router id", peer.routerId],
    ["Timers", timersText(peer)],
    [
      "Messages",
      `received ${peer.messagesReceived} (${peer.updatesReceived} updates, ${peer.bytesReceived} octets)  sent ${peer.messagesSent} (${peer.updatesSent} updates, ${peer.bytesSent} octets)`,
    ],
    ["We offered", peer.capabilitiesSent.join("; ") || undefined],
    ["They offered", peer.capabilitiesReceived.join("; ") || undefined],
  ];
}

function timersText({ holdTimeSeconds, keepaliveSeconds }: PeerReport): string | undefined {
  if (holdTimeSeconds === undefined) return undefined;
  return `hold ${holdTimeSeconds}s  keepalive ${keepaliveSeconds ?? "-"}s`;
}

function lastErrorText({ lastError }: PeerReport, now: Date): string | undefined {
  if (lastError === undefined) return undefined;
  const { at, text, code, subcode, direction } = lastError;
  const notification =
    code === undefined ? "" : ` [NOTIFICATION ${code}/${subcode} ${direction ?? ""}]`;
  return `${text}${notification.trimEnd()}, ${formatSince(at, now)} ago`;
}

const FAMILY_COLUMNS: readonly TableColumn<PeerFamilyReport>[] = [
  { header: "FAMILY", value: ({ family }) => family },
  { header: "NEGOTIATED", value: ({ negotiated }) => yesNo(negotiated) },
  { header: "RECEIVED", value: ({ received }) => String(received), align: "right" },
  { header: "ACCEPTED", value: ({ accepted }) => String(accepted), align: "right" },
  { header: "BEST", value: ({ best }) => String(best), align: "right" },
  { header: "ADVERTISED", value: ({ advertised }) => String(advertised), align: "right" },
  {
    header: "END-OF-RIB IN/OUT",
    value: (family) => `${yesNo(family.endOfRibReceived)}/${yesNo(family.endOfRibSent)}`,
  },
  { header: "STALE", value: ({ stale }) => yesNo(stale) },
];

function familiesText(families: readonly PeerFamilyReport[], options: TableOptions): string {
  if (families.length === 0) return "No families yet.\n";
  return formatTable(FAMILY_COLUMNS, families, options);
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

function eventsText(events: readonly EventReport[]): string {
  if (events.length === 0) return "No events yet.\n";
  return `Last events\n${events.map((event) => `  ${eventText(event)}\n`).join("")}`;
}
