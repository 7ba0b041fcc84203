import { API_VERSION, type Problem } from "../api/api-types.ts";
import type { RulesReport } from "../api/rules-report.ts";
import type { RulesLink } from "./rules-link.ts";

/** What the rules worker said last, as the API shows it. */
export function rulesReport({ status }: Pick<RulesLink, "status">): RulesReport {
  return { apiVersion: API_VERSION, kind: "Rules", ...status };
}

/** What of policy is not as it should be. */
export function rulesProblems({ status }: Pick<RulesLink, "status">): Problem[] {
  const fix = "tortie doctor";
  const problems: Problem[] = [];
  if (status.state === "refused") {
    const what = "the kernel does not take this host's policy; what was in force before still is";
    problems.push({ component: "policy", what, cause: status.refused ?? "", fix });
  }
  for (const { chain, reason, remedy } of status.foreignForwards) {
    if (remedy.type === "accepted") continue;
    const what = `${chain} of another program drops what workloads send and get (${reason})`;
    problems.push({ component: "policy", what, cause: remedy.reason, fix });
  }
  return problems;
}
