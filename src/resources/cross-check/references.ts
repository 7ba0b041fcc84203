import { isSet } from "../kind-schema.ts";
import type { Kind } from "../kinds.ts";
import { nearest } from "../nearest.ts";
import { formatKey, keyOf, type Resource } from "../resource.ts";
import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import type { CrossIssue } from "./cross-check.ts";

/** Names of objects that are not there. A filter that is missing lets routes pass that somebody wanted to stop. */
export function unknownReferences(
  snapshot: ClusterSnapshot,
  { isWhole }: { readonly isWhole: boolean },
): readonly CrossIssue[] {
  const issues = allUnknown(snapshot);
  // Files may hold a part of the cluster only; of a kind that they do not hold at all, nothing can be said.
  if (isWhole) return issues.map(({ kind: _, ...issue }) => issue);
  return issues
    .filter(({ kind }) => snapshot.of(kind).length > 0)
    .map(({ kind: _, ...issue }) => ({ ...issue, severity: "warning" }));
}

type UnknownName = CrossIssue & { readonly kind: Kind };

function allUnknown(snapshot: ClusterSnapshot): readonly UnknownName[] {
  return [
    ...snapshot.of("BGPPeer").flatMap((peer) => filtersOf(peer, snapshot)),
    ...snapshot.of("BGPPeer").flatMap((peer) => nodeOf(peer, snapshot)),
    ...snapshot.of("WorkloadEndpoint").flatMap((each) => profilesOf(each, snapshot)),
    ...snapshot.of("HostEndpoint").flatMap((each) => profilesOf(each, snapshot)),
    ...snapshot.of("NetworkPolicy").flatMap((each) => tierOf(each, snapshot)),
    ...snapshot.of("GlobalNetworkPolicy").flatMap((each) => tierOf(each, snapshot)),
  ];
}

function filtersOf(peer: Resource, snapshot: ClusterSnapshot): readonly UnknownName[] {
  return unknownIn(peer, { field: "filters", kind: "BGPFilter", severity: "error" }, snapshot);
}

function profilesOf(endpoint: Resource, snapshot: ClusterSnapshot): readonly UnknownName[] {
  return unknownIn(endpoint, { field: "profiles", kind: "Profile", severity: "warning" }, snapshot);
}

type ListOfNames = {
  readonly field: string;
  readonly kind: Kind;
  readonly severity: CrossIssue["severity"];
};

function unknownIn(
  resource: Resource,
  { field, kind, severity }: ListOfNames,
  snapshot: ClusterSnapshot,
): readonly UnknownName[] {
  const written = resource.spec[field];
  if (!Array.isArray(written)) return [];
  const known = snapshot.names(kind);
  return written.flatMap((name, index) =>
    typeof name !== "string" || known.includes(name)
      ? []
      : [unknown(resource, { path: `spec.${field}[${index}]`, kind, name, known, severity })],
  );
}

function nodeOf(peer: Resource, snapshot: ClusterSnapshot): readonly UnknownName[] {
  const name = peer.spec["node"];
  const known = snapshot.names("Node");
  if (!isSet(name) || typeof name !== "string" || known.includes(name)) return [];
  return [unknown(peer, { path: "spec.node", kind: "Node", name, known, severity: "warning" })];
}

function tierOf(policy: Resource, snapshot: ClusterSnapshot): readonly UnknownName[] {
  const name = policy.spec["tier"];
  const known = [...snapshot.names("Tier"), "default"];
  if (!isSet(name) || typeof name !== "string" || known.includes(name)) return [];
  return [unknown(policy, { path: "spec.tier", kind: "Tier", name, known, severity: "warning" })];
}

function unknown(
  resource: Resource,
  {
    path,
    kind,
    name,
    known,
    severity,
  }: {
    readonly path: string;
    readonly kind: Kind;
    readonly name: string;
    readonly known: readonly string[];
    readonly severity: CrossIssue["severity"];
  },
): UnknownName {
  const near = nearest(name, known);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return {
    kind,
    code: "unknown-reference",
    severity,
    resource: formatKey(keyOf(resource)),
    path,
    message: `no ${kind} is called ${JSON.stringify(name)}${hint}`,
    fix: `create the ${kind}, or take the name out`,
  };
}
