import { z } from "zod";
import type { KindSchema, RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";
import { policyRuleField, policyRuleViolations } from "./policy-rule.ts";

const spec = z.strictObject({
  ingress: z
    .array(policyRuleField)
    .optional()
    .describe("In order; the first that matches decides."),
  egress: z.array(policyRuleField).optional(),
  labelsToApply: z
    .record(z.string(), z.string())
    .optional()
    .describe("Labels that endpoints with this profile have besides their own."),
});

/** Rules for the endpoints that name it, asked after all policy. */
export const profileSchema = { spec, rules } as const satisfies KindSchema;

function rules({ spec }: Resource): readonly RuleViolation[] {
  return [
    ...policyRuleViolations(spec["ingress"], { direction: "ingress", path: ["spec", "ingress"] }),
    ...policyRuleViolations(spec["egress"], { direction: "egress", path: ["spec", "egress"] }),
  ];
}
