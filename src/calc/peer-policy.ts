import type { Policy, PolicyRule } from "../../protocol/policy/policy.ts";
import { parsePrefix } from "../../protocol/types/prefix.ts";
import type { ClusterView } from "./cluster-view.ts";
import { filterRules } from "./filter-rules.ts";
import type { HostStateProblem } from "./host-state.ts";
import type { Peering } from "./peering.ts";

export type PeerPolicies = {
  readonly importPolicy: Policy;
  readonly exportPolicy: Policy;
  readonly problems: readonly HostStateProblem[];
};

/**
 * What passes between us and a peer. In: the BGPFilters, then everything. Out: the BGPFilters, then Calico's standard filter:
 * nothing of a pool with disableBGPExport, and only what lies in a pool. A cluster without pools has nothing to measure by, and
 * announces everything.
 */
export function peerPolicies(
  cluster: ClusterView,
  { source, session }: Pick<Peering, "source"> & { readonly session: "eBGP" | "iBGP" },
): PeerPolicies {
  const names = source?.spec.filters ?? [];
  const options = { session, filters: cluster.filters, usedBy: `BGPPeer/${source?.metadata.name}` };
  const incoming = filterRules(names, { direction: "import", ...options });
  const outgoing = filterRules(names, { direction: "export", ...options });
  const standard = standardExportRules(cluster);
  const suffix = names.length === 0 ? "" : `:${names.join(",")}`;
  return {
    importPolicy: { name: `import${suffix}`, rules: incoming.rules, otherwise: "accept" },
    exportPolicy: {
      name: `export${suffix}`,
      rules: [...outgoing.rules, ...standard.rules],
      otherwise: standard.otherwise,
    },
    problems: [...incoming.problems, ...outgoing.problems],
  };
}

function standardExportRules({ pools }: ClusterView): Pick<Policy, "rules" | "otherwise"> {
  const rules = pools.flatMap(({ metadata, spec }): readonly PolicyRule[] => {
    const cidr = parsePrefix(spec.cidr);
    if (cidr === undefined) return [];
    const hidden = spec.disableBGPExport === true;
    return [
      {
        name: `IPPool ${metadata.name}${hidden ? " (disableBGPExport)" : ""}`,
        match: { prefix: { cidr, operator: "in" } },
        action: hidden ? "reject" : "accept",
      },
    ];
  });
  const first = ({ action }: PolicyRule) => (action === "reject" ? 0 : 1);
  return {
    rules: rules.toSorted((a, b) => first(a) - first(b)),
    otherwise: pools.length === 0 ? "accept" : "reject",
  };
}
