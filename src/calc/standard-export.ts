/*
 * What Calico's standard export filter lets out, after the BGPFilters: nothing of a pool with disableBGPExport, what lies in
 * another pool, and this host's own blocks wherever they lie; with the communities of prefixAdvertisements. Rules are first match, and CIDRs are
 * disjoint or nested, so "add the communities of every range that the prefix lies in" is one rule a range, the longest first.
 */
import type { Policy, PolicyOperation, PolicyRule } from "../../protocol/policy/policy.ts";
import { type Prefix, prefixContains, prefixLength } from "../../protocol/types/prefix.ts";
import { compareText } from "./derive/derivation.ts";
import type { Pool } from "./pools.ts";
import type { PrefixCommunities } from "./prefix-communities.ts";

export type StandardExportInputs = {
  readonly pools: readonly Pool[];
  readonly advertisements: readonly PrefixCommunities[];
  /** Blocks of this host that lie in no pool any more; its workloads still do. */
  readonly strayBlocks: readonly Prefix[];
};

/** A cluster without pools has nothing to measure by, and announces everything. */
export function standardExport({
  pools,
  advertisements,
  strayBlocks,
}: StandardExportInputs): Pick<Policy, "rules" | "otherwise"> {
  const hidden = pools.filter((pool) => pool.hidden).map(rejectPool);
  const shown = pools
    .filter((pool) => !pool.hidden)
    .flatMap(({ name, cidr }) => acceptRange(`IPPool ${name}`, cidr, advertisements));
  const stray = strayBlocks.map((cidr): PolicyRule => {
    const operations = operationsAt(cidr, advertisements);
    return {
      name: `block ${cidr}`,
      match: { prefix: { cidr, operator: "equal" } },
      action: "accept",
      ...(operations.length > 0 && { operations }),
    };
  });
  const everything = pools.length === 0 ? acceptAdvertised(advertisements) : [];
  return {
    rules: [...hidden, ...stray, ...shown, ...everything],
    otherwise: pools.length === 0 ? "accept" : "reject",
  };
}

function rejectPool({ name, cidr }: Pool): PolicyRule {
  return {
    name: `IPPool ${name} (disableBGPExport)`,
    match: { prefix: { cidr, operator: "in" } },
    action: "reject",
  };
}

/** The range, and before it the smaller ones inside it that have communities of their own. */
function acceptRange(
  name: string,
  range: Prefix,
  advertisements: readonly PrefixCommunities[],
): readonly PolicyRule[] {
  const inside = advertisements
    .map(({ cidr }) => cidr)
    .filter((cidr) => cidr !== range && prefixContains(range, cidr));
  return [...longestFirst(inside), range].map((cidr) =>
    acceptRule(cidr === range ? name : `${name}, ${cidr}`, cidr, advertisements),
  );
}

function acceptAdvertised(advertisements: readonly PrefixCommunities[]): readonly PolicyRule[] {
  return longestFirst(advertisements.map(({ cidr }) => cidr)).map((cidr) =>
    acceptRule(`prefixAdvertisements ${cidr}`, cidr, advertisements),
  );
}

function acceptRule(
  name: string,
  cidr: Prefix,
  advertisements: readonly PrefixCommunities[],
): PolicyRule {
  const operations = operationsAt(cidr, advertisements);
  return {
    name,
    match: { prefix: { cidr, operator: "in" } },
    action: "accept",
    ...(operations.length > 0 && { operations }),
  };
}

/** The communities of every range around this one. */
function operationsAt(
  cidr: Prefix,
  advertisements: readonly PrefixCommunities[],
): readonly PolicyOperation[] {
  const around = advertisements.filter((each) => prefixContains(each.cidr, cidr));
  const communities = new Set(around.flatMap((each) => each.communities));
  return [...communities].map((community) => ({ type: "addCommunity", community }));
}

function longestFirst(cidrs: readonly Prefix[]): readonly Prefix[] {
  return [...new Set(cidrs)].toSorted(
    (a, b) => prefixLength(b) - prefixLength(a) || compareText(a, b),
  );
}
