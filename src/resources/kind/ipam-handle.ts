import { z } from "zod";
import type { KindSchema } from "../kind-schema.ts";

const spec = z.strictObject({
  handleID: z.string().min(1),
  block: z
    .record(z.string(), z.int().min(0))
    .describe("How many addresses the handle has in each block."),
  deleted: z.boolean().optional(),
});

/** Addresses by who holds them, such as the interface of a container; written by IPAM. */
export const ipamHandleSchema = { spec, rules: () => [] } as const satisfies KindSchema;
