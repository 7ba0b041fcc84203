import { z } from "zod";
import { endpointProtocolField, interfaceNameField, ipAddressField } from "../field.ts";
import { isSet, type KindSchema, type RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";

const spec = z.strictObject({
  node: z.string().min(1).describe("The host that the interface belongs to."),
  interfaceName: interfaceNameField()
    .optional()
    .describe('The interface; "*" stands for all traffic of the host, whatever the interface.'),
  expectedIPs: z
    .array(ipAddressField())
    .optional()
    .describe("Addresses by which the interface is known, or found where interfaceName is absent."),
  profiles: z.array(z.string()).optional(),
  ports: z
    .array(
      z.strictObject({
        name: z.string(),
        protocol: endpointProtocolField(),
        port: z.int().min(1).max(65535),
      }),
    )
    .optional()
    .describe("Names for ports, to be used in policy."),
});

/** An interface of a host, or all of them, as an endpoint of policy. */
export const hostEndpointSchema = {
  spec,
  rules,
  withoutEffect: "can be selected in profiles, but its own policy is not enforced by this version",
} as const satisfies KindSchema;

function rules({ spec }: Resource): readonly RuleViolation[] {
  if (isSet(spec["interfaceName"]) || isSet(spec["expectedIPs"])) return [];
  return [
    {
      path: ["spec"],
      message: "must have interfaceName or expectedIPs",
      fix: 'add interfaceName: "*" for every interface of the host',
    },
  ];
}
