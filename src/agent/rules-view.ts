import { API_VERSION } from "../api/api-types.ts";
import type { RulesReport } from "../api/rules-report.ts";
import type { RulesLink } from "./rules-link.ts";

/** What the rules worker said last, as the API shows it. */
export function rulesReport({ status }: Pick<RulesLink, "status">): RulesReport {
  return { apiVersion: API_VERSION, kind: "Rules", ...status };
}
