import { z } from "zod";
import { netField } from "../field.ts";
import type { KindSchema } from "../kind-schema.ts";

const spec = z.strictObject({
  nets: z
    .array(netField())
    .optional()
    .describe("Addresses and ranges that selectors in policy match by this object's labels."),
});

/** Addresses outside the cluster under a label; NetworkSet for one namespace, GlobalNetworkSet for all. */
export const networkSetSchema = { spec, rules: () => [] } as const satisfies KindSchema;
