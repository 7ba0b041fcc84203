import { z } from "zod";
import {
  asNumberField,
  cidrField,
  communityField,
  durationField,
  ipAddressOfVersion,
  passwordField,
} from "../field.ts";
import { isSet, type KindSchema, type RuleViolation } from "../kind-schema.ts";
import { passwordViolations } from "../password.ts";
import type { Resource } from "../resource.ts";
import { instanceNameViolations } from "./instance-name.ts";
import { holdTimeViolations } from "./timer-rules.ts";

const cidrs = z.array(z.strictObject({ cidr: cidrField() }));
const routePriority = z.int().min(1).max(2_147_483_646);

const spec = z.strictObject({
  logSeverityScreen: z
    .string()
    .refine((value) => /^(trace|debug|info|warning|error|fatal)$/i.test(value), {
      error: "must be one of Trace, Debug, Info, Warning, Error, Fatal",
    })
    .optional(),
  nodeToNodeMeshEnabled: z
    .boolean()
    .optional()
    .describe("Every node peers with every other that is not a route reflector. On unless false."),
  asNumber: asNumberField()
    .optional()
    .describe("AS number of nodes that have none of their own; 64512."),
  serviceLoadBalancerIPs: cidrs.optional(),
  serviceExternalIPs: cidrs.optional(),
  serviceClusterIPs: cidrs.optional(),
  serviceLoadBalancerAggregation: z.enum(["Enabled", "Disabled"]).optional(),
  communities: z
    .array(z.strictObject({ name: z.string().max(253), value: communityField() }))
    .max(500)
    .optional()
    .describe("Names for communities, used in prefixAdvertisements."),
  prefixAdvertisements: z
    .array(z.strictObject({ cidr: cidrField(), communities: z.array(z.string()).max(50) }))
    .max(500)
    .optional()
    .describe("Communities that routes inside cidr carry when they are announced."),
  listenPort: z.int().min(1).max(65535).optional().describe("TCP port of BGP; 179."),
  nodeMeshPassword: passwordField()
    .optional()
    .describe(
      "TCP-MD5 key of the mesh. In place: a text (tortie). Calico: secretKeyRef, in Kubernetes.",
    ),
  nodeMeshMaxRestartTime: durationField({ min: 0, max: 4095 })
    .optional()
    .describe("How long mesh peers keep our routes while we restart; 120s."),
  bindMode: z
    .enum(["None", "NodeIP"])
    .optional()
    .describe("NodeIP listens on the node's own addresses only."),
  ignoredInterfaces: z.array(z.string()).optional(),
  localWorkloadPeeringIPV4: ipAddressOfVersion(4)
    .optional()
    .describe(
      "Where workloads that speak BGP (localWorkloadSelector) find this host: an address of their interface.",
    ),
  localWorkloadPeeringIPV6: ipAddressOfVersion(6).optional().describe("The same for IPv6."),
  programClusterRoutes: z
    .enum(["Enabled", "Disabled", "EnabledIPIPOnly", "EnabledNoEncapOnly"])
    .optional()
    .describe(
      "Disabled keeps learned routes out of the kernel: a reflector that does not forward. The others, which in Calico divide routes among programs, mean all.",
    ),
  ipv4NormalRoutePriority: routePriority
    .optional()
    .describe("Kernel metric of learned routes; 1024."),
  ipv6NormalRoutePriority: routePriority.optional(),
  // What follows is tortie's, not Calico's.
  nodeMeshHoldTime: durationField({ min: 3, max: 65_535 })
    .optional()
    .describe("tortie: hold time offered on mesh sessions; 90s."),
  nodeMeshKeepaliveTime: durationField({ min: 1, max: 21_845 })
    .optional()
    .describe("tortie: keepalive interval of the mesh; a third of the negotiated hold time."),
  nodeMeshConnectRetryTime: durationField({ min: 1, max: 65_535 })
    .optional()
    .describe("tortie: wait between connection attempts of the mesh; 5s."),
  nodeMeshAdvertisementInterval: durationField({ min: 0, max: 600 })
    .optional()
    .describe("tortie: least time between two announcements of a prefix in the mesh; 0s."),
  nodeMeshSessions: z
    .enum(["Shared", "PerFamily"])
    .optional()
    .describe(
      "tortie: Shared carries IPv4 and IPv6 on one session; PerFamily has one session each, as calico-node.",
    ),
});

/** Settings of the whole cluster ("default") or of one node ("node.NAME"). */
export const bgpConfigurationSchema = {
  spec,
  rules,
  hasEffect: (field) => !WITHOUT_EFFECT.has(field),
} as const satisfies KindSchema;

/** Services are Kubernetes'; what the daemon logs is said in its own configuration. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "ignoredInterfaces",
  "logSeverityScreen",
  "serviceClusterIPs",
  "serviceExternalIPs",
  "serviceLoadBalancerAggregation",
  "serviceLoadBalancerIPs",
]);

/** Fields that a node may set for itself; every other one belongs into "default". */
const PER_NODE = new Set([
  "prefixAdvertisements",
  "communities",
  "listenPort",
  "logSeverityScreen",
]);

function rules({ metadata, spec }: Resource): readonly RuleViolation[] {
  return [
    ...instanceNameViolations(metadata.name),
    ...(metadata.name === "default" ? [] : perNodeViolations(spec)),
    ...communityViolations(spec),
    ...meshViolations(spec),
    ...holdTimeViolations(spec, {
      holdTime: "nodeMeshHoldTime",
      keepaliveTime: "nodeMeshKeepaliveTime",
    }),
    ...passwordViolations(spec["nodeMeshPassword"], ["spec", "nodeMeshPassword"]),
  ];
}

function perNodeViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  const misplaced = Object.keys(spec).filter(
    (field) => !PER_NODE.has(field) && spec[field] !== undefined,
  );
  return misplaced.map((field) => ({
    path: ["spec", field],
    message: "is honoured in BGPConfiguration default only",
    fix: `move ${field} to the BGPConfiguration named default`,
  }));
}

function communityViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  const found: RuleViolation[] = [];
  const advertisements = Array.isArray(spec["prefixAdvertisements"])
    ? spec["prefixAdvertisements"]
    : [];
  if (isSet(spec["communities"]) && advertisements.length === 0) {
    found.push({
      path: ["spec", "communities"],
      message: "has no effect without prefixAdvertisements",
      fix: "add prefixAdvertisements, or remove communities",
    });
  }
  const named = Array.isArray(spec["communities"]) ? spec["communities"] : [];
  const names = new Set(named.map((community) => community?.name));
  for (const [index, advertisement] of advertisements.entries()) {
    const used = Array.isArray(advertisement?.communities) ? advertisement.communities : [];
    for (const [position, community] of used.entries()) {
      if (names.has(community) || communityField().safeParse(community).success) continue;
      found.push({
        path: ["spec", "prefixAdvertisements", index, "communities", position],
        message: `${JSON.stringify(community)} is neither a community nor a name in spec.communities`,
      });
    }
  }
  return found;
}

function meshViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  if (spec["nodeToNodeMeshEnabled"] !== false) return [];
  return (["nodeMeshPassword", "nodeMeshMaxRestartTime"] as const)
    .filter((field) => isSet(spec[field]))
    .map((field) => ({
      path: ["spec", field],
      message: "is for the mesh, and nodeToNodeMeshEnabled is false",
      fix: `remove ${field}, or turn the mesh on`,
    }));
}
