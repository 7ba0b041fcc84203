import { z } from "zod";
import { parsePrefix, prefixAddress, prefixLength } from "../../../protocol/types/prefix.ts";
import { cidrField, ipAddressField, ipAddressOfVersion, stringField } from "../field.ts";
import type { KindSchema, RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";

const protocol = z.union([z.string(), z.int().min(1).max(255)], {
  error: "must be a protocol such as TCP, or its number",
});

const spec = z.strictObject({
  orchestrator: z.string().optional().describe("Who runs the workload: k8s, cni, docker, libvirt."),
  workload: z.string().optional(),
  node: z.string().describe("The node that the workload runs on."),
  containerID: z.string().optional(),
  pod: z.string().optional(),
  endpoint: z.string().optional(),
  serviceAccountName: z.string().optional(),
  ipNetworks: z
    .array(workloadAddressField())
    .optional()
    .describe("The workload's addresses; a length, if any, is /32 or /128."),
  ipNATs: z
    .array(z.strictObject({ internalIP: ipAddressField(), externalIP: ipAddressField() }))
    .optional(),
  ipv4Gateway: ipAddressOfVersion(4).optional(),
  ipv6Gateway: ipAddressOfVersion(6).optional(),
  profiles: z.array(z.string()).optional(),
  interfaceName: stringField((value) =>
    /^[^\s/]{1,15}$/.test(value) ? undefined : "must be an interface name of 1 to 15 characters",
  )
    .optional()
    .describe("The host's end of the workload's interface."),
  mac: stringField((value) =>
    /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(value) ? undefined : "must be a MAC address",
  ).optional(),
  ports: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        protocol,
        port: z.int().min(0).max(65535),
        hostPort: z.int().min(0).max(65535).optional(),
        hostIP: z.string().optional(),
      }),
    )
    .optional(),
  allowSpoofedSourcePrefixes: z.array(cidrField()).optional(),
  qosControls: z.looseObject({}).optional(),
});

/** One interface of a workload: a container, a virtual machine, anything with an address of its own. */
export const workloadEndpointSchema = { spec, rules } as const satisfies KindSchema;

function rules({ spec }: Resource): readonly RuleViolation[] {
  const found: RuleViolation[] = [];
  if (spec["node"] === "") found.push({ path: ["spec", "node"], message: "must not be empty" });
  const networks = Array.isArray(spec["ipNetworks"]) ? spec["ipNetworks"] : [];
  const seen = new Set<string>();
  for (const [index, network] of networks.entries()) {
    const address = String(network).split("/")[0] ?? "";
    if (seen.has(address)) {
      found.push({ path: ["spec", "ipNetworks", index], message: "is listed twice" });
    }
    seen.add(address);
  }
  return found;
}

function workloadAddressField(): z.ZodString {
  return stringField((value) => {
    const prefix = parsePrefix(
      value.includes("/") ? value : `${value}/${value.includes(":") ? 128 : 32}`,
    );
    if (prefix === undefined) return "must be an IP address, alone or with /32 or /128";
    const whole = prefixAddress(prefix).includes(":") ? 128 : 32;
    return prefixLength(prefix) === whole ? undefined : `must be one address: /${whole}`;
  });
}
