import { type Prefix, parsePrefix, prefixLength } from "../../../protocol/types/prefix.ts";
import type { Datastore } from "../../datastore/datastore.ts";
import { blockAt } from "../../ipam/address-range.ts";
import { objectOf } from "../../ipam/ipam-objects.ts";
import { settingsOf } from "../../ipam/settings.ts";
import type { Resource } from "../../resources/resource.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { usage } from "../ipam-words.ts";

const PARTS = ["2", "4", "8", "16", "32"];

/**
 * `tortie ipam split`. Calico's asks for a locked datastore, because the old pool goes before the new ones come; here all of
 * it is one step, blocks stay as they are, and each lies in one of the new pools.
 */
export async function ipamSplit(context: CommandContext): Promise<number> {
  const { arguments: words, options, stdout } = context;
  if (!PARTS.includes(words[0] ?? "")) {
    throw usage(`a pool is split into ${PARTS.join(", ")} parts, not "${words[0] ?? ""}"`);
  }
  return withDatastore(context, async (datastore) => {
    const pool = await findPool(datastore, options);
    const cidr = parsePrefix(String(pool.spec["cidr"]));
    if (cidr === undefined) throw usage(`the pool ${pool.metadata.name} has no CIDR`);
    const parts = partsOf(pool, { cidr, count: Number(words[0]) });
    const text = parts
      .map(({ metadata, spec }) => `  ${metadata.name}  ${spec["cidr"]}\n`)
      .join("");
    if (options["dryRun"] === true) {
      stdout.write(`would split ${pool.metadata.name} (${cidr}) into\n${text}`);
      return ExitCode.done;
    }
    await replace(datastore, pool, parts);
    stdout.write(`Split ${pool.metadata.name} (${cidr}) into\n${text}`);
    return ExitCode.done;
  });
}

async function findPool(
  datastore: Datastore,
  options: CommandContext["options"],
): Promise<Resource> {
  const { cidr } = options;
  const name = options["pool"] ?? options["name"];
  if ((name === undefined) === (cidr === undefined))
    throw usage("name the pool: --pool NAME, or --cidr CIDR");
  const { resources } = await datastore.list({ kinds: ["IPPool"] });
  const found = resources.find(({ metadata, spec }) =>
    name === undefined ? spec["cidr"] === cidr : metadata.name === name,
  );
  if (found !== undefined) return found;
  throw new CommandFailure({
    what: `there is no pool ${name ?? cidr}`,
    fix: `one of: ${resources.map(({ metadata }) => metadata.name).join(", ") || "none"}`,
    exitCode: ExitCode.failed,
  });
}

function partsOf(
  pool: Resource,
  { cidr, count }: { readonly cidr: Prefix; readonly count: number },
): readonly Resource[] {
  const length = prefixLength(cidr) + Math.log2(count);
  const [{ blockLength } = { blockLength: 0 }] = settingsOf([pool]).pools;
  if (length > blockLength) {
    throw new CommandFailure({
      what: `${cidr} has no ${count} parts that hold a block (/${blockLength}) each`,
      fix: "split it into fewer",
      exitCode: ExitCode.invalidInput,
    });
  }
  return Array.from({ length: count }, (_, index) => {
    const part = blockAt({ pool: cidr, blockLength: length, index: BigInt(index) });
    const { name, labels, annotations } = pool.metadata;
    const key = { kind: "IPPool", name: `split-${name}-${index}` };
    // The block size that was in force stays in force, whatever the default of the part would be.
    const spec = { ...pool.spec, cidr: part, blockSize: blockLength };
    return objectOf(key, spec, {
      name: key.name,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    });
  });
}

async function replace(
  datastore: Datastore,
  pool: Resource,
  parts: readonly Resource[],
): Promise<void> {
  const { name, resourceVersion = "" } = pool.metadata;
  const result = await datastore.transact([
    { type: "delete", key: { kind: "IPPool", name }, resourceVersion },
    ...parts.map((resource) => ({ type: "create", resource }) as const),
  ]);
  if (result.type === "written") return;
  throw new CommandFailure({
    what: `${name} was not split: it was changed at the same time, or a pool split-${name}-N is there already`,
    fix: "look with 'tortie get ippools', and do it again",
    exitCode: ExitCode.conflict,
  });
}
