import { z } from "zod";
import { ipVersion } from "../../../protocol/types/ip-address.ts";
import { parsePrefix, prefixAddress, prefixLength } from "../../../protocol/types/prefix.ts";
import { cidrField, stringField, wholeNumberField } from "../field.ts";
import { parseBlockName } from "../ipam-names.ts";
import type { KindSchema, RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";

const attribute = z.strictObject({
  handle_id: z.string().nullish().describe("Who holds the addresses with this attribute."),
  secondary: z
    .record(z.string(), z.string())
    .nullish()
    .describe("What is known of the holder: node, pod, namespace, type, timestamp."),
  alternateOwnerAttrs: z.record(z.string(), z.string()).nullish(),
  releasedAt: z.string().nullish().describe("Released then, and resting."),
});

const spec = z.strictObject({
  cidr: cidrField(),
  affinity: stringField((value) =>
    /^(host|virtual):./.test(value) ? undefined : "must be host:NAME or virtual:NAME",
  )
    .nullish()
    .describe("Whose block it is; nobody's, if absent."),
  affinityClaimTime: z.string().nullish(),
  allocations: z
    .array(z.int().min(0).nullable())
    .describe("For each address the position of its attribute; null is free."),
  unallocated: z
    .array(z.int().min(0))
    .describe("Free addresses by their position, longest free first."),
  attributes: z.array(attribute).nullable(),
  sequenceNumber: wholeNumberField().optional().describe("Changes with each write."),
  sequenceNumberForAllocation: z
    .record(z.string(), wholeNumberField())
    .nullish()
    .describe("For each address in use the sequence number of its allocation."),
  deleted: z.boolean().optional(),
  hostAffinity: z.string().nullish().describe("Old form of affinity."),
});

/** A block of addresses and who has which; written by IPAM. */
export const ipamBlockSchema = { spec, rules } as const satisfies KindSchema;

function rules({ metadata, spec }: Resource): readonly RuleViolation[] {
  const cidr = typeof spec["cidr"] === "string" ? parsePrefix(spec["cidr"]) : undefined;
  if (cidr === undefined) return [];
  const found: RuleViolation[] = [];
  if (parseBlockName(metadata.name) !== cidr) {
    found.push({ path: ["metadata", "name"], message: "must be that of spec.cidr" });
  }
  const bits = ipVersion(prefixAddress(cidr)) === 4 ? 32 : 128;
  if (bits - prefixLength(cidr) > MAX_HOST_BITS) {
    return [{ path: ["spec", "cidr"], message: `must be /${bits - MAX_HOST_BITS} or longer` }];
  }
  const size = 2 ** (bits - prefixLength(cidr));
  const { allocations, attributes, unallocated } = spec;
  if (!Array.isArray(allocations) || !Array.isArray(unallocated)) return found;
  if (allocations.length !== size) {
    found.push({ path: ["spec", "allocations"], message: `must have ${size} items` });
  }
  const known = Array.isArray(attributes) ? attributes.length : 0;
  if (allocations.some((each) => typeof each === "number" && each >= known)) {
    found.push({ path: ["spec", "allocations"], message: "names an attribute that is not there" });
  }
  if (unallocated.some((each) => each >= size || typeof allocations[each] === "number")) {
    found.push({ path: ["spec", "unallocated"], message: "names an address that is not free" });
  }
  return found;
}

/** The largest block of a pool: /20 or /116. */
const MAX_HOST_BITS = 12;
