import { z } from "zod";
import type { KindSchema } from "../kind-schema.ts";

const spec = z.strictObject({
  order: z.number().optional().describe("Tiers with lower numbers come first; absent is last."),
  defaultAction: z
    .enum(["Deny", "Pass"])
    .optional()
    .describe("For what policies of the tier select and none of them decides: Deny."),
});

/** A group of policies; tiers are asked one after another. */
export const tierSchema = {
  spec,
  rules: () => [],
  withoutEffect: "is kept, but not enforced by this version: only profiles are",
} as const satisfies KindSchema;
