import { z } from "zod";
import {
  durationField,
  ipAddressField,
  ipAddressOfVersion,
  netField,
  portRangeField,
  stringField,
} from "../field.ts";
import type { KindSchema, RuleViolation } from "../kind-schema.ts";
import { editDistance } from "../nearest.ts";
import type { Resource } from "../resource.ts";
import { instanceNameViolations } from "./instance-name.ts";

const interval = durationField({ min: 0, max: 86_400 });
const enabled = z.enum(["Enabled", "Disabled"]);
const routePriority = z.int().min(1).max(2_147_483_646);
const mtu = z.int().min(0).max(65_535);
const failsafePorts = z.array(
  z.strictObject({
    protocol: z.string().optional(),
    port: z.int().min(0).max(65_535),
    net: netField().optional(),
  }),
);

/** Settings of Felix whose values are checked; every other one is taken as it is. */
const spec = z.looseObject({
  routeRefreshInterval: interval.optional().describe("Full check of the kernel's routes; 90s."),
  interfacePrefix: stringField((value) =>
    value.split(",").every((prefix) => /^[^\s/]{1,15}$/.test(prefix))
      ? undefined
      : "must be beginnings of interface names, with commas between them",
  )
    .optional()
    .describe("Interfaces of workloads begin so; cali."),
  deviceRouteProtocol: z.int().min(0).max(255).optional(),
  deviceRouteSourceAddress: ipAddressOfVersion(4).optional(),
  deviceRouteSourceAddressIPv6: ipAddressOfVersion(6).optional(),
  removeExternalRoutes: z.boolean().optional(),
  programClusterRoutes: z
    .enum(["Enabled", "Disabled", "EnabledIPIPOnly", "EnabledNoEncapOnly"])
    .optional(),
  routeSource: z.enum(["CalicoIPAM", "WorkloadIPs"]).optional(),
  routeSyncDisabled: z.boolean().optional(),
  ipForwarding: enabled.optional().describe("Whether the kernel is told to forward; Enabled."),
  ipipEnabled: z.boolean().optional(),
  ipipMTU: mtu.optional().describe("MTU of the IP-in-IP tunnel; 0 finds it out."),
  vxlanEnabled: z.boolean().optional(),
  vxlanMTU: mtu.optional(),
  vxlanMTUV6: mtu.optional(),
  vxlanPort: z.int().min(1).max(65_535).optional().describe("UDP port of VXLAN; 4789."),
  vxlanVNI: z.int().min(1).max(16_777_215).optional().describe("VXLAN network identifier; 4096."),
  defaultEndpointToHostAction: z
    .enum(["Drop", "Return", "Accept", "DROP", "RETURN", "ACCEPT"])
    .optional()
    .describe("What becomes of traffic from workloads to their host that policy allows; Drop."),
  iptablesFilterAllowAction: z.enum(["Accept", "Return", "ACCEPT", "RETURN"]).optional(),
  iptablesMangleAllowAction: z.enum(["Accept", "Return", "ACCEPT", "RETURN"]).optional(),
  iptablesFilterDenyAction: z.enum(["Drop", "Reject", "DROP", "REJECT"]).optional(),
  chainInsertMode: z.enum(["Insert", "Append", "insert", "append"]).optional(),
  failsafeInboundHostPorts: failsafePorts
    .optional()
    .describe("Ports of hosts that stay open whatever policy says."),
  failsafeOutboundHostPorts: failsafePorts.optional(),
  natOutgoingAddress: ipAddressField()
    .optional()
    .describe("Source of what leaves the pools of its family, in place of masquerading."),
  natOutgoingAddressIPv6: ipAddressOfVersion(6)
    .optional()
    .describe("The same for IPv6, where natOutgoingAddress is an IPv4 address."),
  natPortRange: portRangeField().optional().describe("Source ports of what is translated."),
  iptablesNATOutgoingInterfaceFilter: z
    .string()
    .optional()
    .describe("Only what leaves by this interface is translated."),
  natOutgoingExclusions: z.enum(["IPPoolsOnly", "IPPoolsAndHostIPs"]).optional(),
  allowIPIPPacketsFromWorkloads: z.boolean().optional(),
  allowVXLANPacketsFromWorkloads: z.boolean().optional(),
  externalNodesList: z.array(netField()).optional().describe("Others that may send IP-in-IP."),
  serviceLoopPrevention: z.enum(["Drop", "Reject", "Disabled"]).optional(),
  workloadSourceSpoofing: z.enum(["Any", "Disabled"]).optional(),
  floatingIPs: enabled.optional(),
  mtuIfacePattern: z.string().optional(),
  ipv4NormalRoutePriority: routePriority.optional(),
  ipv6NormalRoutePriority: routePriority.optional(),
  ipv4ElevatedRoutePriority: routePriority.optional(),
  ipv6ElevatedRoutePriority: routePriority.optional(),
  localSubnetL2Reachability: enabled.optional(),
});

/**
 * The settings that change what tortie does. Whoever makes another one work adds it here; all others are accepted, and said
 * to be without effect.
 */
export const HONOURED: ReadonlySet<string> = new Set([
  "allowIPIPPacketsFromWorkloads",
  "allowVXLANPacketsFromWorkloads",
  "defaultEndpointToHostAction",
  "externalNodesList",
  "interfacePrefix",
  "ipipEnabled",
  "ipipMTU",
  "iptablesNATOutgoingInterfaceFilter",
  "mtuIfacePattern",
  "natOutgoingAddress",
  "natOutgoingAddressIPv6",
  "natOutgoingExclusions",
  "natPortRange",
  "vxlanEnabled",
  "vxlanMTU",
  "vxlanMTUV6",
  "vxlanPort",
  "vxlanVNI",
]);

/** Settings of hosts, of all ("default") or of one ("node.NAME"). */
export const felixConfigurationSchema = {
  spec,
  rules,
  hasEffect: (field) => HONOURED.has(field),
} as const satisfies KindSchema;

function rules({ metadata, spec: written }: Resource): readonly RuleViolation[] {
  return [...instanceNameViolations(metadata.name), ...misspelled(written)];
}

/** Felix has some two hundred settings, so an unknown one is no mistake, unless it is nearly the name of one above. */
function misspelled(written: Resource["spec"]): readonly RuleViolation[] {
  const known = Object.keys(spec.shape);
  return Object.keys(written).flatMap((field) => {
    if (known.includes(field)) return [];
    const near = known.find((each) => editDistance(field.toLowerCase(), each.toLowerCase()) <= 2);
    if (near === undefined) return [];
    const message = `unknown field spec.${field}; did you mean spec.${near}?`;
    return [{ path: ["spec", field], severity: "warning", message }];
  });
}
