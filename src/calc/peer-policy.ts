import type { Policy } from "../../protocol/policy/policy.ts";
import { type Prefix, prefixContains } from "../../protocol/types/prefix.ts";
import type { PeeringsAndProblems } from "./addressed-peerings.ts";
import type { Cluster } from "./cluster.ts";
import type { Table, Value } from "./derive/derivation.ts";
import { filterRules } from "./filter-rules.ts";
import { isAggregate } from "./own-blocks.ts";
import type { Peering } from "./peering.ts";
import type { Pool } from "./pools.ts";
import type { PrefixCommunities } from "./prefix-communities.ts";
import { standardExport } from "./standard-export.ts";

/** What passes between us and a peer: one object for all peers that have the same filters. */
export type PeerPolicies = {
  readonly importPolicy: Policy;
  readonly exportPolicy: Policy;
  /** BGPFilters that are named and do not exist. */
  readonly missing: readonly string[];
};

/** Names the policies of a peering: their session's kind and the filters. */
export function policyKey(peering: Peering): string {
  return `${sessionOf(peering)} ${filtersOf(peering).join(",")}`;
}

export function sessionOf({ localAsn, peerAsn }: Peering): "eBGP" | "iBGP" {
  return localAsn === peerAsn ? "iBGP" : "eBGP";
}

function filtersOf({ source }: Peering): readonly string[] {
  return source?.spec.filters ?? [];
}

export type PolicyInputs = {
  readonly peerings: Table<PeeringsAndProblems>;
  readonly pools: Value<readonly Pool[]>;
  readonly advertisements: Value<readonly PrefixCommunities[]>;
  readonly blocks: Value<readonly Prefix[]>;
};

/** By policyKey. In: the BGPFilters, then everything. Out: the BGPFilters, then the standard filter. */
export function derivePolicies(
  { derivation, resources }: Cluster,
  { peerings, pools, advertisements, blocks }: PolicyInputs,
): Table<PeerPolicies> {
  const standard = derivation.value("standard export filter", (read) => {
    const ranges = read.value(pools);
    const inPool = (block: Prefix) => ranges.some(({ cidr }) => prefixContains(cidr, block));
    return standardExport({
      pools: ranges,
      advertisements: read.value(advertisements),
      strayBlocks:
        ranges.length === 0
          ? []
          : read.value(blocks).filter((block) => isAggregate(block) && !inPool(block)),
    });
  });
  const wanted = derivation.group("policies wanted", [peerings], (each) =>
    each.peerings.map((peering) => {
      const demand = { session: sessionOf(peering), names: filtersOf(peering) };
      return [policyKey(peering), demand] as const;
    }),
  );
  return derivation.table("policies", wanted, ([demand], _key, read) => {
    if (demand === undefined) return undefined;
    const { session, names } = demand;
    const filters = names.map((name) => ({ name, filter: read.at(resources.BGPFilter, name) }));
    const incoming = filterRules(filters, { direction: "import", session });
    const outgoing = filterRules(filters, { direction: "export", session });
    const { rules, otherwise } = read.value(standard);
    const suffix = names.length === 0 ? "" : `:${names.join(",")}`;
    return {
      importPolicy: { name: `import${suffix}`, rules: incoming, otherwise: "accept" },
      exportPolicy: { name: `export${suffix}`, rules: [...outgoing, ...rules], otherwise },
      missing: filters.flatMap(({ name, filter }) => (filter === undefined ? [name] : [])),
    };
  });
}
