import { z } from "zod";
import { IPAM_CONFIGURATION_NAME } from "../ipam-names.ts";
import { isSet, type KindSchema, type RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";

const spec = z.strictObject({
  strictAffinity: z
    .boolean()
    .optional()
    .describe("A host takes addresses from its own blocks only; false."),
  autoAllocateBlocks: z
    .boolean()
    .optional()
    .describe("Hosts take new blocks when theirs are full. On unless false."),
  maxBlocksPerHost: z
    .int()
    .min(0)
    .max(0x7fff_ffff)
    .optional()
    .describe("How many blocks a host may take; 0 means 20. Needs strictAffinity."),
  kubeVirtVMAddressPersistence: z.enum(["Enabled", "Disabled"]).optional(),
  ipCooldownSeconds: z
    .int()
    .min(0)
    .max(1200)
    .optional()
    .describe("How long a released address rests before it is given again; 0."),
});

/** How addresses are given. There is one such object, named "default". */
export const ipamConfigurationSchema = {
  spec,
  rules,
  hasEffect: (field) => field !== "kubeVirtVMAddressPersistence",
} as const satisfies KindSchema;

function rules({ metadata, spec }: Resource): readonly RuleViolation[] {
  const found: RuleViolation[] = [];
  if (metadata.name !== IPAM_CONFIGURATION_NAME) {
    found.push({
      path: ["metadata", "name"],
      message: `${JSON.stringify(metadata.name)} has no meaning`,
      fix: `name it "${IPAM_CONFIGURATION_NAME}"`,
    });
  }
  if (spec["autoAllocateBlocks"] === false && spec["strictAffinity"] !== true) {
    found.push({
      path: ["spec", "autoAllocateBlocks"],
      message: "cannot be false without strictAffinity",
      fix: "set strictAffinity to true, or autoAllocateBlocks to true",
    });
  }
  if (isSet(spec["maxBlocksPerHost"]) && spec["strictAffinity"] !== true) {
    found.push({
      path: ["spec", "maxBlocksPerHost"],
      message: "needs strictAffinity",
      fix: "set strictAffinity to true, or maxBlocksPerHost to 0",
    });
  }
  return found;
}
