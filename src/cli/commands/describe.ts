import type { EventReport, PeerReport } from "../../api/api-types.ts";
import { ApiClient, DaemonUnreachable } from "../../api/client.ts";
import { formatKey, keyOf, type Resource } from "../../resources/resource.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { toYaml } from "../output.ts";
import { keyOfArguments, notThere } from "../resource-names.ts";
import { readResources } from "../resource-reader.ts";
import { formatTable, type TableColumn } from "../text-table.ts";
import { formatSince } from "../time-text.ts";
import { eventText } from "./events.ts";

const RECENT_EVENTS = 10;

/** `tortie describe KIND NAME`: the object, what this host's daemon makes of it, and what happened lately. */
export async function describe(context: CommandContext): Promise<number> {
  const key = keyOfArguments(context);
  const all = await readResources(context, key.kind);
  const resource = all.find((each) => formatKey(keyOf(each)) === formatKey(key));
  if (resource === undefined) throw notThere(key);
  const { apiVersion: _, kind, ...rest } = resource;
  context.stdout.write(`${kind} ${key.name}\n\n${await toYaml(rest)}`);
  const related = await relatedSessions(context, resource);
  if (related !== undefined) context.stdout.write(related);
  return ExitCode.done;
}

/** What only the daemon knows; nothing where there is none. */
async function relatedSessions(
  { socket, now, width }: CommandContext,
  resource: Resource,
): Promise<string | undefined> {
  const client = new ApiClient(socket);
  try {
    const { items } = await client.peers();
    const sessions = items.filter((peer) => belongsTo(peer, resource));
    if (sessions.length === 0) return undefined;
    const events: EventReport[] = [];
    for (const { name } of sessions.slice(0, RECENT_EVENTS)) {
      events.push(...(await client.events({ peer: name, limit: RECENT_EVENTS })).items);
    }
    const latest = events.toSorted((a, b) => (a.at < b.at ? 1 : -1)).slice(0, RECENT_EVENTS);
    return [
      `\nSessions of this host\n${formatTable(sessionColumns(now), sessions, { wide: false, width })}`,
      ...(latest.length === 0
        ? []
        : [`\nLast events\n${latest.map((event) => `  ${eventText(event)}\n`).join("")}`]),
    ].join("");
  } catch (error) {
    if (error instanceof DaemonUnreachable) return undefined;
    throw error;
  }
}

/** A node's sessions are those with its addresses; a peer's are those that carry its address or its name. */
function belongsTo({ address, name }: PeerReport, { kind, metadata, spec }: Resource): boolean {
  if (kind === "BGPPeer") {
    const { peerIP } = spec as { readonly peerIP?: string };
    return peerIP === undefined ? name.includes(metadata.name) : peerIP.includes(address);
  }
  if (kind !== "Node") return false;
  const { bgp } = spec as { readonly bgp?: { readonly [field: string]: unknown } };
  const own = [bgp?.["ipv4Address"], bgp?.["ipv6Address"]].map(
    (each) => String(each).split("/")[0],
  );
  return own.includes(address);
}

function sessionColumns(now: Date): readonly TableColumn<PeerReport>[] {
  return [
    { header: "PEER", value: ({ address }) => address },
    { header: "NAME", value: ({ name }) => name },
    { header: "STATE", value: ({ state }) => state },
    { header: "SINCE", value: ({ stateSince }) => formatSince(stateSince, now), align: "right" },
    {
      header: "NOTE",
      value: ({ state, lastError }) => (state === "Established" ? "" : (lastError?.text ?? "")),
    },
  ];
}
