import type { Problem } from "../api/api-types.ts";
import { type CrossIssue, crossCheck } from "../resources/cross-check/cross-check.ts";
import type { AnyResource } from "../resources/schemas.ts";

type Resources = ReadonlyMap<string, AnyResource>;

/** Objects that are named one by one; more are only counted. */
const NAMED = 5;

/**
 * What is wrong with the resources taken together. It looks at all of them, so it is done when somebody asks, and once for each
 * state of the cluster.
 */
export function clusterProblems(resources: Resources): readonly Problem[] {
  const known = problemsOf.get(resources);
  if (known !== undefined) return known;
  const problems = [...contradictions(resources), ...unenforced(resources)];
  problemsOf.set(resources, problems);
  return problems;
}

const problemsOf = new WeakMap<Resources, readonly Problem[]>();

function contradictions(resources: Resources): readonly Problem[] {
  const issues = crossCheck({ after: resources.values() }).filter(isWrong);
  const named = issues.slice(0, NAMED).map(({ resource, path, message, fix }) => ({
    component: "resources",
    what: `${resource}: ${path}: ${message}`,
    ...(fix !== undefined && { fix }),
  }));
  if (issues.length <= NAMED) return named;
  const what = `${issues.length - NAMED} more contradictions between resources`;
  return [...named, { component: "resources", what, fix: "tortie validate -f FILE" }];
}

/** Filters that are missing are told by whoever looks for them, with the peer that it concerns. */
function isWrong({ severity, code }: CrossIssue): boolean {
  return severity === "error" && code !== "unknown-reference";
}

/** Someone may count on a policy that is stored; that nothing enforces it must not be found out by an intruder. */
function unenforced(resources: Resources): readonly Problem[] {
  let count = 0;
  for (const { kind } of resources.values()) {
    if (kind === "NetworkPolicy" || kind === "GlobalNetworkPolicy") count++;
  }
  if (count === 0) return [];
  const what = `${count} ${count === 1 ? "network policy is" : "network policies are"} stored, and this version enforces profiles only`;
  return [
    { component: "policy", what, fix: "say it in profiles, or run Calico's Felix on this host" },
  ];
}
