import { z } from "zod";
import { cidrField } from "../field.ts";
import { affinityName, parseAffinityName } from "../ipam-names.ts";
import type { KindSchema, RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";

const spec = z.strictObject({
  state: z
    .enum(["confirmed", "pending", "pendingDeletion"])
    .optional()
    .describe("pending: claimed, but its block is not made yet."),
  node: z.string().min(1).describe("The host, or the owner that is no host."),
  type: z.enum(["host", "virtual"]).optional(),
  cidr: cidrField(),
  deleted: z.union([z.boolean(), z.string()]).optional(),
});

/** A host's claim to a block; written by IPAM. */
export const blockAffinitySchema = { spec, rules } as const satisfies KindSchema;

/** The key in etcd is made of the name, so both must say the same. */
function rules({ metadata, spec }: Resource): readonly RuleViolation[] {
  const named = parseAffinityName(metadata.name);
  const matches =
    named !== undefined &&
    named.cidr === spec["cidr"] &&
    named.node === spec["node"] &&
    named.type === (spec["type"] ?? "host");
  if (matches) return [];
  const example = affinityName({ type: "host", node: "NODE", cidr: EXAMPLE });
  return [
    {
      path: ["metadata", "name"],
      message: `must be made of type, cidr and node, as ${example} is`,
    },
  ];
}

const EXAMPLE = "10.0.0.0/26" as Parameters<typeof affinityName>[0]["cidr"];
