import { ipVersion } from "../../protocol/types/ip-address.ts";
import {
  type Prefix,
  parsePrefix,
  prefixAddress,
  prefixContains,
  prefixLength,
} from "../../protocol/types/prefix.ts";
import type { ResourceOf } from "../resources/schemas.ts";
import type { Cluster } from "./cluster.ts";
import type { Value } from "./derive/derivation.ts";

/**
 * The IPAM blocks that are this host's, sorted. Only an affinity that is confirmed counts (one without a state is from before
 * there were states), and only while the block itself does not name another owner: an affinity is an index that may be late.
 */
export function deriveOwnBlocks({
  derivation,
  resources,
  nodeName,
}: Cluster): Value<readonly Prefix[]> {
  const owners = derivation.table("owners of blocks", resources.IPAMBlock, (block) => {
    const cidr = parsePrefix(block.spec.cidr);
    return cidr === undefined || block.spec.deleted ? undefined : { cidr, owner: ownerOf(block) };
  });
  const byCidr = derivation.group("blocks by CIDR", [owners], ({ cidr, owner }) => [
    [cidr, owner] as const,
  ]);
  const own = derivation.table(
    "own affinities",
    resources.BlockAffinity,
    ({ spec }, _name, read) => {
      const cidr = parsePrefix(spec.cidr);
      const { state = "confirmed", type = "host", node, deleted } = spec;
      const claimed =
        state === "confirmed" && type === "host" && node === nodeName && !isTrue(deleted);
      if (cidr === undefined || !claimed) return undefined;
      const [owner = nodeName] = read.at(byCidr, cidr) ?? [];
      return owner === nodeName ? cidr : undefined;
    },
  );
  const distinct = derivation.group("own blocks", [own], (cidr) => [[cidr, cidr] as const]);
  return derivation.list(derivation.table("own block", distinct, ([cidr]) => cidr));
}

/** A block of one address is that address: nothing is aggregated by it. */
export function isAggregate(block: Prefix): boolean {
  return prefixLength(block) < (ipVersion(prefixAddress(block)) === 4 ? 32 : 128);
}

/** The block that speaks for a prefix inside it. */
export function aggregateOf(blocks: readonly Prefix[], prefix: Prefix): Prefix | undefined {
  return blocks.find((block) => isAggregate(block) && prefixContains(block, prefix));
}

/** The host that owns the block; "" when nobody does, or somebody who is no host. */
function ownerOf({ spec }: ResourceOf<"IPAMBlock">): string {
  const { affinity, hostAffinity } = spec;
  if (affinity) return affinity.startsWith("host:") ? affinity.slice("host:".length) : "";
  return hostAffinity || "";
}

/** Calico writes this field as text, too. */
function isTrue(value: boolean | string | undefined): boolean {
  return value === true || value === "true";
}
