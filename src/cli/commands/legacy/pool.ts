import { ipVersion, parseIpAddress } from "../../../../protocol/types/ip-address.ts";
import { type Prefix, parsePrefix, prefixAddress } from "../../../../protocol/types/prefix.ts";
import type { Datastore } from "../../../datastore/datastore.ts";
import type { CommandContext } from "../../command.ts";
import { withDatastore } from "../../datastore.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";
import { prefixesOfRange } from "./address-range.ts";
import { boxedTable } from "./boxed-table.ts";
import { notFound, wrongUsage } from "./legacy-usage.ts";
import { addPool, poolName } from "./pool-resource.ts";

/** `pool …`, with the words of 2015. */
export async function pool(context: CommandContext): Promise<number> {
  const [verb, ...words] = context.rest;
  if (verb === "show" && words.length === 0) return show(context);
  if (verb === "add" && words.length > 0)
    return add(
      context,
      words.map((word) => cidrOf(context, word)),
    );
  if (verb === "remove" && words.length > 0) {
    return remove(
      context,
      words.map((word) => cidrOf(context, word)),
    );
  }
  const [second, first, last, ...more] = words;
  if (verb === "range" && second === "add" && first && last && more.length === 0) {
    return add(context, rangeOf(context, { first, last }));
  }
  throw wrongUsage(context, "pool needs other words", USAGE);
}

const USAGE = [
  "pool add CIDR... [--ipip] [--nat-outgoing]",
  "pool remove CIDR...",
  "pool range add FIRST LAST [--ipip] [--nat-outgoing]",
  "pool show [--ipv4|--ipv6]",
] as const;

async function add(context: CommandContext, cidrs: readonly Prefix[]): Promise<number> {
  const { ipip, natOutgoing } = context.options;
  if (ipip === true && cidrs.some((cidr) => ipVersion(prefixAddress(cidr)) === 6)) {
    throw wrongUsage(context, "--ipip is for IPv4 only", [USAGE[0]]);
  }
  return withDatastore(context, async (datastore) => {
    const pools = await poolsOf(datastore);
    for (const cidr of cidrs) {
      if (pools.some((each) => each.cidr === cidr)) {
        throw new CommandFailure({
          what: `there is a pool ${cidr} already`,
          exitCode: ExitCode.conflict,
        });
      }
      await addPool(datastore, {
        cidr,
        name: poolName(cidr),
        ipip: ipip === true,
        natOutgoing: natOutgoing === true,
      });
    }
    return ExitCode.done;
  });
}

async function remove(context: CommandContext, cidrs: readonly Prefix[]): Promise<number> {
  return withDatastore(context, async (datastore) => {
    const pools = await poolsOf(datastore);
    for (const cidr of cidrs) {
      const found = pools.find((each) => each.cidr === cidr);
      if (found === undefined) throw notFound(`there is no pool ${cidr}`, "calicoctl pool show");
      await datastore.delete({ kind: "IPPool", name: found.name });
    }
    return ExitCode.done;
  });
}

async function show(context: CommandContext): Promise<number> {
  const { ipv4, ipv6 } = context.options;
  return withDatastore(context, async (datastore) => {
    const pools = await poolsOf(datastore);
    for (const version of [4, 6] as const) {
      if ((version === 4 ? ipv6 : ipv4) === true) continue;
      const rows = pools
        .filter(({ cidr }) => cidr.includes(":") === (version === 6))
        .map(({ cidr, options }) => [cidr, options.join(",")]);
      context.stdout.write(boxedTable([`IPv${version} CIDR`, "Options"], rows));
    }
    return ExitCode.done;
  });
}

type ListedPool = {
  readonly name: string;
  readonly cidr: string;
  readonly options: readonly string[];
};

async function poolsOf(datastore: Datastore): Promise<readonly ListedPool[]> {
  const { resources } = await datastore.list({ kinds: ["IPPool"] });
  return resources.map(({ metadata, spec }) => ({
    name: metadata.name,
    cidr: String(spec["cidr"]),
    options: [
      ...((spec["ipipMode"] ?? "Never") === "Never" ? [] : ["ipip"]),
      ...(spec["natOutgoing"] === true ? ["nat-outgoing"] : []),
    ],
  }));
}

function cidrOf(context: CommandContext, word: string): Prefix {
  const cidr = parsePrefix(word);
  if (cidr !== undefined) return cidr;
  throw wrongUsage(context, `${JSON.stringify(word)} is not a CIDR`, USAGE);
}

function rangeOf(
  context: CommandContext,
  { first, last }: { readonly first: string; readonly last: string },
): readonly Prefix[] {
  const [from, to] = [parseIpAddress(first), parseIpAddress(last)];
  const prefixes = from && to ? prefixesOfRange(from, to) : undefined;
  if (prefixes !== undefined) return prefixes;
  throw wrongUsage(context, `${first} to ${last} is not a range of addresses`, [USAGE[2]]);
}
