import type { Prefix } from "../../../protocol/types/prefix.ts";
import type { Datastore } from "../../datastore/datastore.ts";
import { blockCount, blockIndex } from "../../ipam/address-range.ts";
import type { Assignment } from "../../ipam/assign-request.ts";
import { Ipam } from "../../ipam/ipam.ts";
import {
  type BlockUsage,
  type IpamUsage,
  type PoolUsage,
  readUsage,
  type Usage,
} from "../../ipam/usage.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { addressWord } from "../ipam-words.ts";
import { formatOutput } from "../output.ts";
import { formatPairs } from "../text-table.ts";
import { boxedTable } from "./legacy/boxed-table.ts";

/** `tortie ipam show` */
export async function ipamShow(context: CommandContext): Promise<number> {
  return withDatastore(context, async (datastore) => {
    if (context.options["ip"] !== undefined) return showAddress(context, datastore);
    const usage = await readUsage(datastore);
    const shown = { ...usage, pools: wantedPools(usage, context.options["pool"]) };
    const text = await formatOutput(context.output, reportOf(shown), () => tableOf(shown, context));
    context.stdout.write(text);
    return ExitCode.done;
  });
}

async function showAddress(context: CommandContext, datastore: Datastore): Promise<number> {
  const address = addressWord(context.options["ip"]);
  const found = await new Ipam({ datastore }).ownerOf(address);
  const value = { kind: "IPAMAddress", address, assigned: found !== undefined, ...found };
  const text = await formatOutput(context.output, value, () =>
    found === undefined
      ? `IP ${address} is not assigned\n`
      : `IP ${address} is in use\n${attributesText(found)}`,
  );
  context.stdout.write(text);
  return ExitCode.done;
}

function attributesText({ handle, block, pool, attributes, borrowed }: Assignment): string {
  const known = Object.entries(attributes).map(([name, value]) => [name, value] as const);
  return formatPairs([
    ["handle", handle ?? "(none)"],
    ["block", `${block}${borrowed ? " (borrowed)" : ""}`],
    ["pool", pool ?? "(no pool holds it)"],
    ...known,
  ]);
}

function wantedPools({ pools }: IpamUsage, word: string | boolean | undefined) {
  if (word === undefined) return pools;
  const wanted = pools.filter(({ name, cidr }) => name === word || cidr === word);
  if (wanted.length > 0) return wanted;
  throw new CommandFailure({
    what: `there is no pool ${word}`,
    fix: `one of: ${pools.map(({ name }) => name).join(", ") || "none; create one first"}`,
    exitCode: ExitCode.failed,
  });
}

/** What programs get, whatever the options for eyes are. */
function reportOf({ settings, pools, strayBlocks }: IpamUsage): unknown {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost, cooldownSeconds } = settings;
  return {
    kind: "IPAMUsage",
    configuration: { strictAffinity, autoAllocateBlocks, maxBlocksPerHost, cooldownSeconds },
    reservations: settings.reserved,
    items: pools,
    strayBlocks,
  };
}

function tableOf(usage: IpamUsage, context: CommandContext): string {
  const { options } = context;
  if (options["showConfiguration"] === true) return configurationTable(usage);
  if (options["showBorrowed"] === true) return borrowedTable(usage);
  if (options["heatmap"] === true) {
    return usage.pools.map((pool) => heatmap(pool)).join("\n") || "There are no pools.\n";
  }
  if (usage.pools.length === 0 && usage.strayBlocks.length === 0) return "There are no pools.\n";
  const withBlocks = options["showBlocks"] === true;
  const rows = usage.pools.flatMap((pool) => [
    usageRow("IP Pool", pool.cidr, pool),
    ...(withBlocks ? pool.blocks.map((block) => usageRow("Block", block.cidr, block)) : []),
  ]);
  const stray = usage.strayBlocks.map((block) => usageRow("Block, no pool", block.cidr, block));
  const headers = ["GROUPING", "CIDR", "IPS TOTAL", "IPS IN USE", "IPS RESERVED", "IPS FREE"];
  return boxedTable(headers, [...rows, ...stray]);
}

function usageRow(grouping: string, cidr: Prefix, usage: Usage): readonly string[] {
  const { total, inUse, reserved, free } = usage;
  const share = (part: bigint) => `${part} (${(part * 100n) / total}%)`;
  return [grouping, cidr, String(total), share(inUse), share(reserved), share(free)];
}

function configurationTable({ settings }: IpamUsage): string {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost, cooldownSeconds } = settings;
  return boxedTable(
    ["PROPERTY", "VALUE"],
    [
      ["StrictAffinity", String(strictAffinity)],
      ["AutoAllocateBlocks", String(autoAllocateBlocks)],
      ["MaxBlocksPerHost", String(maxBlocksPerHost)],
      ["IPCooldownSeconds", String(cooldownSeconds)],
    ],
  );
}

function borrowedTable(usage: IpamUsage): string {
  const blocks = [...usage.pools.flatMap((pool) => pool.blocks), ...usage.strayBlocks];
  const rows = blocks.flatMap(({ borrowed, owner, cidr }) =>
    borrowed.map(({ address, handle, attributes }) => [
      address,
      attributes["node"] ?? "-",
      cidr,
      owner?.replace(/^host:/, "") ?? "(none)",
      handle ?? "-",
    ]),
  );
  if (rows.length === 0) return "No address is borrowed.\n";
  return boxedTable(["IP", "BORROWING-NODE", "BLOCK", "BLOCK OWNER", "HANDLE"], rows);
}

const SHADES = " .:-=+*#%@";
const CELLS_A_LINE = 64n;
/** A larger pool is shown as far as its blocks go. */
const MOST_CELLS = 4096n;

/** Two characters a block: how full it is, and the letter of its owner. */
function heatmap({ name, cidr, blockLength, blocks }: PoolUsage): string {
  const owners = [...new Set(blocks.flatMap(({ owner }) => owner ?? []))].toSorted();
  const byIndex = new Map(blocks.map((block) => [blockIndex(cidr, block.cidr), block]));
  const last = [...byIndex.keys()].reduce((most, each) => (each > most ? each : most), 0n);
  const count = blockCount(cidr, blockLength);
  const used = count < MOST_CELLS ? count : last + 1n;
  const shown = used < MOST_CELLS ? used : MOST_CELLS;
  const lines: string[] = [
    `${name} ${cidr}: ${blocks.length} of ${count} blocks (/${blockLength})`,
  ];
  for (let first = 0n; first < shown; first += CELLS_A_LINE) {
    let line = "";
    for (let index = first; index < first + CELLS_A_LINE && index < shown; index++) {
      line += cell(byIndex.get(index), owners);
    }
    lines.push(`|${line}|`);
  }
  const legend = owners.map((owner, index) => `${letterOf(index)} ${owner.replace(/^host:/, "")}`);
  lines.push(
    `shade: "${SHADES}" from empty to full; ? nobody's; ${legend.join(", ") || "no owners"}`,
  );
  if (shown < used) lines.push(`and ${used - shown} more, not shown`);
  return `${lines.join("\n")}\n`;
}

function cell(block: BlockUsage | undefined, owners: readonly string[]): string {
  if (block === undefined) return "··";
  const step = Number((block.inUse * BigInt(SHADES.length - 1) + block.total - 1n) / block.total);
  const letter = block.owner === undefined ? "?" : letterOf(owners.indexOf(block.owner));
  return `${SHADES[step] ?? "@"}${letter}`;
}

/** After the alphabet, capitals; after these, all look alike. */
function letterOf(index: number): string {
  return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[index] ?? "*";
}
