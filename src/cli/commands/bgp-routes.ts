import { parseIpAddress } from "../../../protocol/types/ip-address.ts";
import { parsePrefix } from "../../../protocol/types/prefix.ts";
import type { RouteList, RouteReport, RouteTableName } from "../../api/api-types.ts";
import { ApiClient, type RoutesQuery } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { formatOutput } from "../output.ts";
import { formatTable, type TableColumn } from "../text-table.ts";

const PAGE = 1000;

/** `tortie bgp routes [PREFIX]` */
export async function bgpRoutes(context: CommandContext): Promise<number> {
  const limit = limitOption(context);
  const client = new ApiClient(context.socket);
  const lists: RouteList[] = [];
  for (const query of queriesOf(context)) lists.push(await readAll(client, query, limit));
  const items = lists.flatMap((list) => list.items).slice(0, limit);
  const more = lists.some(({ cursor }) => cursor !== undefined);
  const list = { apiVersion: "tortie/v1", kind: "RouteList", items } as const;
  const text = await formatOutput(context.output, list, (view) =>
    items.length === 0 ? "" : formatTable(ROUTE_COLUMNS, items, { ...view, width: context.width }),
  );
  context.stdout.write(text);
  if (more) context.stderr.write(`Only the first ${limit} routes are shown; --limit shows more.\n`);
  if (items.length > 0 || context.arguments[0] === undefined) {
    if (items.length === 0) context.stderr.write("No routes.\n");
    return ExitCode.done;
  }
  throw new CommandFailure({
    what: `no route for ${context.arguments[0]}`,
    why: "this table holds none",
    fix: "tortie bgp routes",
    exitCode: ExitCode.failed,
  });
}

/** Columns of every table of routes; `explain` adds its own. */
export const ROUTE_COLUMNS: readonly TableColumn<RouteReport>[] = [
  { header: "", value: marks },
  { header: "PREFIX", value: ({ prefix }) => prefix },
  {
    header: "NEXT HOP",
    value: ({ nextHop, peer }) => nextHop ?? (peer === "local" ? "local" : "-"),
  },
  { header: "FROM", value: ({ peer }) => peer },
  {
    header: "LP",
    value: ({ localPref }) => String(localPref ?? "-"),
    align: "right",
    dropOrder: 2,
  },
  { header: "MED", value: ({ med }) => String(med ?? "-"), align: "right", dropOrder: 3 },
  {
    header: "AS PATH",
    value: ({ asPath, origin }) => `${asPath} ${ORIGIN_LETTER[origin]}`.trim(),
    dropOrder: 1,
  },
  { header: "PATH ID", value: ({ pathId }) => String(pathId ?? "-"), align: "right", wide: true },
  { header: "COMMUNITIES", value: communityText, wide: true },
  { header: "ORIGINATOR", value: ({ originatorId }) => originatorId ?? "-", wide: true },
  { header: "CLUSTERS", value: ({ clusterList }) => clusterList?.join(",") ?? "-", wide: true },
  { header: "NOTE", value: noteText, wide: true },
];

const ORIGIN_LETTER = { igp: "i", egp: "e", incomplete: "?" } as const;

/** ">" best, "=" used together with the best, "s" stale, "x" not eligible. */
function marks({ best, multipath, stale, eligible }: RouteReport): string {
  const rank = best ? ">" : multipath ? "=" : eligible ? " " : "x";
  return `${rank}${stale ? "s" : ""}`;
}

function communityText({
  communities,
  largeCommunities,
  extendedCommunities,
}: RouteReport): string {
  const all = [...(communities ?? []), ...(largeCommunities ?? []), ...(extendedCommunities ?? [])];
  return all.join(" ") || "-";
}

function noteText({ reason, eliminatedBy }: RouteReport): string {
  if (reason === undefined) return "";
  return eliminatedBy === undefined ? reason : `${reason} (lost to ${eliminatedBy})`;
}

/** Without a prefix or a family, one query for each family. */
function queriesOf({ arguments: [prefix], options }: CommandContext): RoutesQuery[] {
  const shared: RoutesQuery = {
    table: (options["table"] ?? "loc") as RouteTableName,
    ...(typeof options["peer"] === "string" && { peer: options["peer"] }),
  };
  if (prefix === undefined) {
    const family = options["family"];
    const families = typeof family === "string" ? [family] : ["ipv4-unicast", "ipv6-unicast"];
    return families.map((each) => ({ ...shared, family: each }));
  }
  if (parsePrefix(prefix) === undefined && parseIpAddress(prefix) === undefined) {
    throw new CommandFailure({
      what: `${prefix} is neither a prefix nor an address`,
      why: prefix.includes("/") ? "no bits may be set behind a prefix's length" : undefined,
      fix: "tortie bgp routes 192.168.0.0/26, or an address for its longest match",
      exitCode: ExitCode.usage,
    });
  }
  if (prefix.includes("/")) {
    const match = options["longer"] === true ? "within" : "exact";
    return [{ ...shared, prefix, match }];
  }
  const host = `${prefix}/${prefix.includes(":") ? 128 : 32}`;
  return [{ ...shared, prefix: host, match: "longest" }];
}

async function readAll(client: ApiClient, query: RoutesQuery, limit: number): Promise<RouteList> {
  const items: RouteReport[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.routes({
      ...query,
      limit: Math.min(PAGE, limit - items.length),
      ...(cursor !== undefined && { cursor }),
    });
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined && items.length < limit);
  return {
    apiVersion: "tortie/v1",
    kind: "RouteList",
    items,
    ...(cursor !== undefined && { cursor }),
  };
}

function limitOption({ options }: CommandContext): number {
  const limit = Number(options["limit"]);
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new CommandFailure({
    what: `--limit ${options["limit"]} is not a positive whole number`,
    exitCode: ExitCode.usage,
  });
}
