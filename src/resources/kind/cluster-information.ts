import { z } from "zod";
import type { KindSchema } from "../kind-schema.ts";

const spec = z.strictObject({
  clusterGUID: z.string().optional(),
  clusterType: z.string().optional(),
  calicoVersion: z.string().optional(),
  datastoreReady: z
    .boolean()
    .optional()
    .describe("False while the datastore is being migrated: then nothing may be written."),
  variant: z.string().optional(),
});

/** What Calico notes about the cluster. There is one such object, named "default". */
export const clusterInformationSchema = { spec, rules: () => [] } as const satisfies KindSchema;
