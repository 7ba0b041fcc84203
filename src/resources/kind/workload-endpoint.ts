import { z } from "zod";
import { parsePrefix, prefixAddress, prefixLength } from "../../../protocol/types/prefix.ts";
import {
  cidrField,
  endpointProtocolField,
  interfaceNameField,
  ipAddressField,
  ipAddressOfVersion,
  stringField,
} from "../field.ts";
import { isSet, type KindSchema, type RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";

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
  interfaceName: interfaceNameField()
    .optional()
    .describe("The host's end of the workload's interface."),
  mac: stringField((value) =>
    /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(value) ? undefined : "must be a MAC address",
  ).optional(),
  ports: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        protocol: endpointProtocolField(),
        port: z.int().min(0).max(65535),
        hostPort: z
          .int()
          .min(0)
          .max(65535)
          .optional()
          .describe("The host's port that leads to this one."),
        hostIP: ipAddressField().optional().describe("Only on this address of the host."),
      }),
    )
    .optional()
    .describe("Names for ports, to be used in policy, and ports of the host that lead here."),
  allowSpoofedSourcePrefixes: z.array(cidrField()).optional(),
  qosControls: z
    .looseObject({})
    .optional()
    .describe("Limits of bandwidth, packets and connections."),
});

/** One interface of a workload: a container, a virtual machine, anything with an address of its own. */
export const workloadEndpointSchema = {
  spec,
  rules,
  hasEffect: (field) => !WITHOUT_EFFECT.has(field),
} as const satisfies KindSchema;

const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "allowSpoofedSourcePrefixes",
  "ipNATs",
  "ipv4Gateway",
  "ipv6Gateway",
  "qosControls",
]);

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
  return [...found, ...natViolations(spec, seen), ...portViolations(spec)];
}

/** One external address leads to one address of the workload, of the same family. */
function natViolations(
  spec: Resource["spec"],
  addresses: ReadonlySet<string>,
): readonly RuleViolation[] {
  const nats = Array.isArray(spec["ipNATs"]) ? spec["ipNATs"] : [];
  const found: RuleViolation[] = [];
  const external = new Set<string>();
  for (const [index, nat] of nats.entries()) {
    const path = ["spec", "ipNATs", index];
    const [inner, outer] = [String(nat?.internalIP), String(nat?.externalIP)];
    if (inner.includes(":") !== outer.includes(":")) {
      found.push({ path, message: "internalIP and externalIP must be of one family" });
    } else if (!addresses.has(inner)) {
      found.push({ path: [...path, "internalIP"], message: "must be one of spec.ipNetworks" });
    }
    if (external.has(outer)) {
      found.push({ path: [...path, "externalIP"], message: "is listed twice" });
    }
    external.add(outer);
  }
  return found;
}

function portViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  const ports = Array.isArray(spec["ports"]) ? spec["ports"] : [];
  return ports.flatMap((port, index) => {
    const path = ["spec", "ports", index];
    if (isSet(port?.hostIP) && !isSet(port?.hostPort)) {
      return [{ path: [...path, "hostIP"], message: "needs hostPort", fix: "add hostPort" }];
    }
    if (isSet(port?.name) || isSet(port?.hostPort)) return [];
    return [
      { path, message: "must have name or hostPort", fix: "add name, to use the port in policy" },
    ];
  });
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
