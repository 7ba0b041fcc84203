import type { RulesStatus } from "../dataplane/rules/rules-messages.ts";
import type { API_VERSION } from "./api-types.ts";

/** GET /v1/rules: what of policy and NAT is in the kernel, and who else has a say there. */
export type RulesReport = RulesStatus & {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: "Rules";
};
