import type { PeerFamilyReport, PeerReport } from "../../api/api-types.ts";
import { ApiClient } from "../../api/client.ts";
import { readClusterStatus } from "../cluster-status.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { formatTable, type TableColumn } from "../text-table.ts";
import { formatSince } from "../time-text.ts";

/** `tortie bgp peers` */
export async function bgpPeers(context: CommandContext): Promise<number> {
  const list = await new ApiClient(context.socket).peers();
  const otherEnds = context.options["bothEnds"] === true ? await readOtherEnds(context) : undefined;
  const text = await formatOutput(context.output, list, (view) =>
    list.items.length === 0
      ? "No peers are configured.\n"
      : formatTable(columnsOf(context.now, otherEnds), list.items, {
          ...view,
          width: context.width,
        }),
  );
  context.stdout.write(text);
  const allUp = list.items.every(
    ({ state, standsBy }) => state === "Established" || standsBy !== undefined,
  );
  return context.options["check"] === true && !allUp ? ExitCode.failed : ExitCode.done;
}

type OtherEnds = (peer: PeerReport) => string;

/** What the node behind an address last said of its session with this host. */
async function readOtherEnds(context: CommandContext): Promise<OtherEnds> {
  const nodes = await readClusterStatus(context);
  const self = (await new ApiClient(context.socket).status()).node;
  const own = new Set(nodes.find(({ node }) => node === self)?.addresses);
  return ({ address }) => {
    const other = nodes.find(({ addresses }) => addresses.includes(address));
    if (other === undefined) return "(external)";
    if (other.told === undefined) return "(says nothing)";
    const { at, peers } = other.told;
    const session = peers.find((each) => own.has(each.address));
    const age = formatSince(at, context.now);
    return session === undefined ? `no such peer, ${age} ago` : `${session.state}, ${age} ago`;
  };
}

function columnsOf(
  now: Date,
  otherEnds: OtherEnds | undefined,
): readonly TableColumn<PeerReport>[] {
  if (otherEnds === undefined) return columns(now);
  return [...columns(now), { header: "OTHER END SAYS", value: otherEnds }];
}

function columns(now: Date): readonly TableColumn<PeerReport>[] {
  return [
    { header: "PEER", value: ({ address }) => address },
    { header: "NAME", value: ({ name }) => name, dropOrder: 4 },
    { header: "AS", value: ({ peerAsn }) => String(peerAsn), align: "right" },
    { header: "TYPE", value: typeText, dropOrder: 2 },
    { header: "STATE", value: ({ state }) => state },
    {
      header: "SINCE",
      value: ({ stateSince }) => formatSince(stateSince, now),
      align: "right",
      dropOrder: 1,
    },
    { header: "IN/OK/OUT", value: prefixText, align: "right" },
    { header: "ROUTER ID", value: ({ routerId }) => routerId ?? "-", wide: true },
    {
      header: "HOLD",
      value: ({ holdTimeSeconds }) => String(holdTimeSeconds ?? "-"),
      align: "right",
      wide: true,
    },
    {
      header: "UPS",
      value: ({ establishedCount }) => String(establishedCount),
      align: "right",
      wide: true,
    },
    { header: "LOCAL", value: ({ localAddress }) => localAddress ?? "-", wide: true },
    { header: "NOTE", value: noteText, dropOrder: 3 },
  ];
}

function typeText({ origin, type, routeReflectorClient }: PeerReport): string {
  return `${origin} ${type}${routeReflectorClient ? " client" : ""}`;
}

/** Received, accepted and advertised prefixes of all families together. */
function prefixText({ families }: PeerReport): string {
  const sum = (of: (family: PeerFamilyReport) => number) =>
    families.reduce((total, family) => total + of(family), 0);
  return [
    sum(({ received }) => received),
    sum(({ accepted }) => accepted),
    sum(({ advertised }) => advertised),
  ].join("/");
}

/** Why it is down; or that its routes are kept while it restarts. */
function noteText({ state, lastError, families, standsBy }: PeerReport): string {
  if (standsBy !== undefined) return standsBy;
  if (families.some(({ stale }) => stale)) return "restarting; its routes are kept";
  return state === "Established" ? "" : (lastError?.text ?? "");
}
