import { z } from "zod";
import { selectorField } from "../field.ts";
import { isSet, type KindSchema, type RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";
import { policyRuleField, policyRuleViolations } from "./policy-rule.ts";

const MAX_RULES = 1024;

const common = {
  tier: z.string().optional().describe("The tier that the policy belongs to; default."),
  order: z
    .number()
    .optional()
    .describe("Policies of a tier with lower numbers come first; absent is last."),
  selector: selectorField().optional().describe("The endpoints that it is for; all()."),
  ingress: z.array(policyRuleField).max(MAX_RULES).optional(),
  egress: z.array(policyRuleField).max(MAX_RULES).optional(),
  types: z
    .array(z.enum(["Ingress", "Egress"]))
    .max(2)
    .optional()
    .describe("Directions that it decides; those that have rules, and Ingress if none has."),
  serviceAccountSelector: selectorField().optional(),
  performanceHints: z.array(z.enum(["AssumeNeededOnEveryNode"])).optional(),
};

const namespaced = z.strictObject(common);

const global = z.strictObject({
  ...common,
  namespaceSelector: selectorField().optional(),
  doNotTrack: z
    .boolean()
    .optional()
    .describe("Decide before connection tracking. Host endpoints only."),
  preDNAT: z.boolean().optional().describe("Decide before destination NAT. Host endpoints only."),
  applyOnForward: z.boolean().optional().describe("Decide on forwarded traffic, too."),
});

const NOT_ENFORCED = "is kept, but not enforced by this version: only profiles are";

/** Who may talk to the endpoints of a namespace. */
export const networkPolicySchema = {
  spec: namespaced,
  rules,
  withoutEffect: NOT_ENFORCED,
} as const satisfies KindSchema;

/** Who may talk to endpoints of any namespace, and to hosts. */
export const globalNetworkPolicySchema = {
  spec: global,
  rules: (resource) => [...rules(resource), ...hostViolations(resource.spec)],
  withoutEffect: NOT_ENFORCED,
} as const satisfies KindSchema;

function rules(resource: Resource): readonly RuleViolation[] {
  const { spec } = resource;
  return [
    ...tierViolations(resource),
    ...typeViolations(spec),
    ...policyRuleViolations(spec["ingress"], { direction: "ingress", path: ["spec", "ingress"] }),
    ...policyRuleViolations(spec["egress"], { direction: "egress", path: ["spec", "egress"] }),
  ];
}

/** The name begins with the tier, so that two tiers can hold policies of one name; the default tier may be left out. */
function tierViolations({ metadata, spec }: Resource): readonly RuleViolation[] {
  const { tier } = spec;
  if (!isSet(tier) || tier === "default" || metadata.name.startsWith(`${tier}.`)) return [];
  return [
    {
      path: ["metadata", "name"],
      message: `must begin with "${tier}.", the tier that the policy belongs to`,
      fix: `name it ${tier}.${metadata.name}`,
    },
  ];
}

function typeViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  const { types } = spec;
  if (!Array.isArray(types) || types.length === 0) return [];
  const found: RuleViolation[] = [];
  if (new Set(types).size < types.length) {
    found.push({ path: ["spec", "types"], message: "names a direction twice" });
  }
  for (const [field, type] of [
    ["ingress", "Ingress"],
    ["egress", "Egress"],
  ] as const) {
    if (!isSet(spec[field]) || types.includes(type)) continue;
    found.push({
      path: ["spec", field],
      severity: "warning",
      message: `has no effect: types does not name ${type}`,
      fix: `add ${type} to types`,
    });
  }
  return found;
}

function hostViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  const found: RuleViolation[] = [];
  const [doNotTrack, preDnat] = [spec["doNotTrack"] === true, spec["preDNAT"] === true];
  if (doNotTrack && preDnat) {
    found.push({
      path: ["spec", "preDNAT"],
      message: "cannot be used together with doNotTrack",
      fix: "keep one of the two",
    });
  }
  for (const field of ["doNotTrack", "preDNAT"]) {
    if (spec[field] !== true || spec["applyOnForward"] === true) continue;
    found.push({
      path: ["spec", field],
      message: "needs applyOnForward: true",
      fix: "add applyOnForward: true",
    });
  }
  const egress =
    isSet(spec["egress"]) || (Array.isArray(spec["types"]) && spec["types"].includes("Egress"));
  if (preDnat && egress) {
    found.push({ path: ["spec", "preDNAT"], message: "is for ingress only" });
  }
  return found;
}
