import { z } from "zod";
import {
  asNumberField,
  interfaceAddressField,
  ipAddressField,
  ipAddressOfVersion,
} from "../field.ts";
import type { KindSchema, RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";

const bgp = z.strictObject({
  asNumber: asNumberField()
    .optional()
    .describe("AS number of this node; absent, that of BGPConfiguration default."),
  ipv4Address: interfaceAddressField(4)
    .optional()
    .describe("IPv4 address that peers connect to; its length says which nodes are in one subnet."),
  ipv6Address: interfaceAddressField(6).optional().describe("The same for IPv6."),
  ipv4IPIPTunnelAddr: ipAddressOfVersion(4).optional().describe("Address of the IP-in-IP tunnel."),
  routeReflectorClusterID: ipAddressOfVersion(4)
    .optional()
    .describe("Makes the node a route reflector of this cluster, and takes it out of the mesh."),
});

const spec = z.strictObject({
  bgp: bgp.optional().describe("Absent, the node does not take part in BGP."),
  ipv4VXLANTunnelAddr: ipAddressOfVersion(4).optional(),
  vxlanTunnelMACAddr: z.string().optional(),
  ipv6VXLANTunnelAddr: ipAddressOfVersion(6).optional(),
  vxlanTunnelMACAddrV6: z.string().optional(),
  orchRefs: z
    .array(z.strictObject({ nodeName: z.string().optional(), orchestrator: z.string() }))
    .optional(),
  wireguard: z
    .strictObject({
      interfaceIPv4Address: ipAddressOfVersion(4).optional(),
      interfaceIPv6Address: ipAddressOfVersion(6).optional(),
    })
    .optional(),
  addresses: z
    .array(
      z.strictObject({
        address: interfaceOrPlainAddress(),
        type: z.enum(["CalicoNodeIP", "InternalIP", "ExternalIP"]).optional(),
      }),
    )
    .optional(),
  interfaces: z
    .array(
      z.looseObject({ name: z.string().optional(), addresses: z.array(z.string()).optional() }),
    )
    .optional(),
});

/** A host of the cluster. */
export const nodeSchema = { spec, rules } as const satisfies KindSchema;

function interfaceOrPlainAddress(): z.ZodUnion<readonly [z.ZodString, z.ZodString, z.ZodString]> {
  return z.union([ipAddressField(), interfaceAddressField(4), interfaceAddressField(6)], {
    error: "must be an IP address, with or without /length",
  });
}

function rules({ spec }: Resource): readonly RuleViolation[] {
  const given = spec["bgp"];
  if (given === undefined || given === null || typeof given !== "object") return [];
  if (Object.keys(given).length > 0) return [];
  return [
    {
      path: ["spec", "bgp"],
      message: "must not be empty",
      fix: "give bgp.ipv4Address or bgp.ipv6Address, or leave bgp out if the node takes no part in BGP",
    },
  ];
}
