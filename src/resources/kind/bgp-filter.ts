import { z } from "zod";
import { asNumberField, cidrField, communityField, stringField } from "../field.ts";
import { isSet, type KindSchema, type RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";

const priority = z.int().min(1).max(2_147_483_646);

const operation = z.strictObject({
  addCommunity: z.strictObject({ value: communityField() }).optional(),
  prependASPath: z.strictObject({ prefix: z.array(asNumberField()).min(1).max(10) }).optional(),
  setPriority: z.strictObject({ value: priority }).optional(),
});

const rule = z.strictObject({
  cidr: cidrField().optional(),
  matchOperator: z
    .enum(["Equal", "NotEqual", "In", "NotIn"])
    .optional()
    .describe("How the route's prefix relates to cidr."),
  prefixLength: z
    .strictObject({
      min: z.int().min(0).max(128).optional(),
      max: z.int().min(0).max(128).optional(),
    })
    .optional(),
  source: z.enum(["RemotePeers"]).optional().describe("Only routes that were learned from a peer."),
  interface: stringField((value) =>
    /^[^\s/]{1,15}$/.test(value)
      ? undefined
      : "must be an interface name of 1 to 15 characters; * matches any run",
  ).optional(),
  peerType: z.enum(["eBGP", "iBGP"]).optional(),
  communities: z.strictObject({ values: z.array(communityField()).length(1) }).optional(),
  asPathPrefix: z.array(asNumberField()).optional().describe("The AS_PATH begins with these."),
  priority: priority.optional().describe("2147483647 minus the local preference equals this."),
  action: z.enum(["Accept", "Reject"]),
  operations: z
    .array(operation)
    .min(1)
    .max(10)
    .optional()
    .describe("Changes, with action Accept only."),
});

const ruleList = z.array(rule).optional();

const spec = z.strictObject({
  exportV4: ruleList.describe(
    "Announced IPv4 routes. Falling through leads to the standard filter.",
  ),
  importV4: ruleList.describe("Received IPv4 routes. Falling through accepts."),
  exportV6: ruleList,
  importV6: ruleList,
});

/** Rules for routes to and from peers: in order, the first that matches decides. */
export const bgpFilterSchema = { spec, rules } as const satisfies KindSchema;

const LISTS = ["exportV4", "importV4", "exportV6", "importV6"] as const;

function rules({ spec }: Resource): readonly RuleViolation[] {
  return LISTS.flatMap((list) => {
    const written = spec[list];
    if (!Array.isArray(written)) return [];
    return written.flatMap((each, index) =>
      typeof each === "object" && each !== null
        ? ruleViolations(each as Fields, { list, path: ["spec", list, index] })
        : [],
    );
  });
}

type Fields = Readonly<Record<string, unknown>>;
type Place = { readonly list: (typeof LISTS)[number]; readonly path: readonly (string | number)[] };

function ruleViolations(written: Fields, place: Place): readonly RuleViolation[] {
  return [
    ...cidrViolations(written, place),
    ...lengthViolations(written, place),
    ...operationViolations(written, place),
  ];
}

function cidrViolations(written: Fields, { list, path }: Place): readonly RuleViolation[] {
  const [cidr, operator] = [isSet(written["cidr"]), isSet(written["matchOperator"])];
  if (cidr && !operator) {
    return [
      {
        path,
        message: "must have matchOperator, because cidr is set",
        fix: "add matchOperator: In",
      },
    ];
  }
  if (operator && !cidr) {
    return [{ path, message: "must have cidr, because matchOperator is set", fix: "add cidr" }];
  }
  if (!cidr || String(written["cidr"]).includes(":") === list.endsWith("V6")) return [];
  return [
    {
      path: [...path, "cidr"],
      message: `must be an IPv${list.slice(-1)} CIDR in ${list}`,
    },
  ];
}

function lengthViolations(written: Fields, { list, path }: Place): readonly RuleViolation[] {
  const length = written["prefixLength"];
  if (typeof length !== "object" || length === null) return [];
  const at = [...path, "prefixLength"];
  if (!isSet(written["cidr"])) return [{ path: at, message: "needs cidr", fix: "add cidr" }];
  const { min, max } = length as { readonly min?: unknown; readonly max?: unknown };
  const most = list.endsWith("V4") ? 32 : 128;
  const found: RuleViolation[] = [];
  for (const [field, value] of [
    ["min", min],
    ["max", max],
  ] as const) {
    if (typeof value === "number" && value > most) {
      found.push({ path: [...at, field], message: `must be at most ${most}` });
    }
  }
  if (typeof min === "number" && typeof max === "number" && min > max) {
    found.push({ path: at, message: "min must not be greater than max" });
  }
  return found;
}

function operationViolations(written: Fields, { path }: Place): readonly RuleViolation[] {
  const operations = written["operations"];
  if (!Array.isArray(operations)) return [];
  const found: RuleViolation[] = [];
  if (written["action"] === "Reject") {
    found.push({
      path: [...path, "operations"],
      message: "cannot be used together with action Reject",
      fix: "remove operations, or set action to Accept",
    });
  }
  for (const [index, each] of operations.entries()) {
    if (typeof each === "object" && each !== null && Object.keys(each).length !== 1) {
      found.push({
        path: [...path, "operations", index],
        message: "must have exactly one of addCommunity, prependASPath, setPriority",
      });
    }
  }
  return found;
}
