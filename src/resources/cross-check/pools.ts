import { type Prefix, parsePrefix, prefixContains } from "../../../protocol/types/prefix.ts";
import { formatKey, keyOf } from "../resource.ts";
import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import type { CrossIssue } from "./cross-check.ts";

/** Two pools with an address in common would give it away twice. */
export function overlappingPools(snapshot: ClusterSnapshot): readonly CrossIssue[] {
  const pools = snapshot.of("IPPool").flatMap((pool) => {
    const { cidr } = pool.spec;
    const prefix = typeof cidr === "string" ? parsePrefix(cidr) : undefined;
    return prefix === undefined ? [] : [{ key: formatKey(keyOf(pool)), prefix }];
  });
  return pools.flatMap((pool, index) => {
    const other = pools.slice(0, index).find(({ prefix }) => overlap(prefix, pool.prefix));
    if (other === undefined) return [];
    return [
      {
        code: "overlapping-pools",
        severity: "error",
        resource: pool.key,
        path: "spec.cidr",
        message: `${pool.prefix} overlaps with ${other.prefix} of ${other.key}`,
        fix: "choose a range that no other pool holds; a pool's cidr cannot be changed, so make a new pool",
      },
    ];
  });
}

function overlap(a: Prefix, b: Prefix): boolean {
  return prefixContains(a, b) || prefixContains(b, a);
}
