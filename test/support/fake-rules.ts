import { API_VERSION } from "../../src/api/api-types.ts";
import type { RulesReport } from "../../src/api/rules-report.ts";

/** Policy in force beside a docker that drops what is forwarded, and a table that somebody has locked. */
export const FAKE_RULES: RulesReport = {
  apiVersion: API_VERSION,
  kind: "Rules",
  state: "in-force",
  chains: 25,
  rules: 68,
  sets: 24,
  elements: 43,
  applied: 3,
  repaired: 1,
  refusals: 0,
  applyMilliseconds: 12.5,
  foreignForwards: [
    {
      chain: "ip filter FORWARD",
      reason: "policy drop",
      remedy: { type: "accepted", in: "ip filter DOCKER-USER" },
    },
    {
      chain: "inet locked forward",
      reason: "rule 3 drops everything",
      remedy: { type: "refused", reason: "rule in locked forward: EPERM" },
    },
  ],
};
