import { z } from "zod";
import { cidrField } from "../field.ts";
import type { KindSchema } from "../kind-schema.ts";

const spec = z.strictObject({
  reservedCIDRs: z
    .array(cidrField())
    .optional()
    .describe("Addresses that are given only to those who ask for them by name."),
});

/** Addresses that are never given automatically. */
export const ipReservationSchema = { spec, rules: () => [] } as const satisfies KindSchema;
