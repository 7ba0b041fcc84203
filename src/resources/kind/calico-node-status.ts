import { z } from "zod";
import type { KindSchema } from "../kind-schema.ts";

const spec = z.strictObject({
  node: z.string().describe("The node whose state is told in the object's status."),
  classes: z
    .array(z.enum(["Agent", "BGP", "Routes"]))
    .optional()
    .describe("What is told."),
  updatePeriodSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .optional()
    .describe("How often; 0 or nothing: never."),
});

/** Asks a node to write its state into the object. */
export const calicoNodeStatusSchema = {
  spec,
  rules: () => [],
} as const satisfies KindSchema;
