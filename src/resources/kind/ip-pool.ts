import { z } from "zod";
import { ipVersion } from "../../../protocol/types/ip-address.ts";
import {
  Prefix,
  parsePrefix,
  prefixAddress,
  prefixContains,
  prefixLength,
} from "../../../protocol/types/prefix.ts";
import { DEFAULTS } from "../defaults.ts";
import { cidrField, selectorField } from "../field.ts";
import { isSet, type KindSchema, type RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";

const encapsulation = z.enum(["Never", "Always", "CrossSubnet"]);

const spec = z.strictObject({
  cidr: cidrField().describe("The addresses of the pool. Cannot be changed later."),
  blockSize: z
    .int()
    .optional()
    .describe(
      "Prefix length of the blocks that nodes claim: 26 for IPv4, 122 for IPv6 unless set.",
    ),
  ipipMode: encapsulation.optional().describe("IP-in-IP between nodes. IPv4 only."),
  vxlanMode: encapsulation.optional().describe("VXLAN between nodes."),
  natOutgoing: z.boolean().optional().describe("Masquerade what leaves every pool."),
  disabled: z.boolean().optional().describe("Take no more addresses from the pool."),
  disableBGPExport: z
    .boolean()
    .optional()
    .describe("Never announce the pool's addresses to peers."),
  nodeSelector: selectorField().optional().describe("Which nodes may take addresses."),
  namespaceSelector: selectorField().optional().describe("Which namespaces may take addresses."),
  allowedUses: z.array(z.enum(["Workload", "Tunnel", "LoadBalancer"])).optional(),
  assignmentMode: z
    .enum(["Automatic", "Manual"])
    .optional()
    .describe("Manual: only addresses that somebody asks for."),
});

/** A range of addresses for workloads and tunnels. */
export const ipPoolSchema = { spec, rules } as const satisfies KindSchema;

const LINK_LOCAL = [Prefix("169.254.0.0/16"), Prefix("fe80::/10")];

function rules({ spec }: Resource): readonly RuleViolation[] {
  const cidr = typeof spec["cidr"] === "string" ? parsePrefix(spec["cidr"]) : undefined;
  const found: RuleViolation[] = [];
  if (spec["cidr"] === "") found.push({ path: ["spec", "cidr"], message: "must not be empty" });
  if (isSet(spec["ipipMode"]) && spec["ipipMode"] !== "Never") {
    if (cidr && ipVersion(prefixAddress(cidr)) === 6) {
      found.push({ path: ["spec", "ipipMode"], message: "must be Never for an IPv6 pool" });
    }
    if (isSet(spec["vxlanMode"]) && spec["vxlanMode"] !== "Never") {
      found.push({
        path: ["spec", "vxlanMode"],
        message: "cannot be used together with ipipMode",
        fix: "set one of the two to Never",
      });
    }
  }
  if (cidr) found.push(...complaintsAboutCidr(cidr), ...complaintsAboutBlockSize(cidr, spec));
  return [...found, ...complaintsAboutUses(spec)];
}

function complaintsAboutCidr(cidr: Prefix): readonly RuleViolation[] {
  const linkLocal = LINK_LOCAL.some((range) => prefixContains(range, cidr));
  return linkLocal ? [{ path: ["spec", "cidr"], message: "must not be link-local" }] : [];
}

function complaintsAboutBlockSize(cidr: Prefix, spec: Resource["spec"]): readonly RuleViolation[] {
  const version = ipVersion(prefixAddress(cidr));
  const [min, max] = version === 4 ? [20, 32] : [116, 128];
  const written = spec["blockSize"];
  const size =
    typeof written === "number" && written !== 0
      ? written
      : version === 4
        ? DEFAULTS.ipPool.ipv4BlockSize
        : DEFAULTS.ipPool.ipv6BlockSize;
  if (size < min || size > max) {
    return [
      {
        path: ["spec", "blockSize"],
        message: `must be ${min} to ${max} for an IPv${version} pool`,
      },
    ];
  }
  if (prefixLength(cidr) <= size || spec["disabled"] === true) return [];
  return [
    {
      path: ["spec", isSet(written) ? "blockSize" : "cidr"],
      message: `the pool (/${prefixLength(cidr)}) is smaller than one block (/${size})`,
      fix: `make cidr /${size} or shorter, or set blockSize to ${prefixLength(cidr)} or longer`,
    },
  ];
}

/** Load balancer addresses share their pool with nothing and travel without encapsulation. */
function complaintsAboutUses(spec: Resource["spec"]): readonly RuleViolation[] {
  const uses = spec["allowedUses"];
  if (!Array.isArray(uses) || !uses.includes("LoadBalancer")) return [];
  const found: RuleViolation[] = [];
  if (uses.length > 1) {
    found.push({
      path: ["spec", "allowedUses"],
      message: "LoadBalancer cannot be combined with other uses",
    });
  }
  for (const field of ["ipipMode", "vxlanMode"] as const) {
    if (isSet(spec[field]) && spec[field] !== "Never") {
      found.push({ path: ["spec", field], message: "must be Never in a LoadBalancer pool" });
    }
  }
  if (isSet(spec["nodeSelector"]) && spec["nodeSelector"] !== "all()") {
    found.push({ path: ["spec", "nodeSelector"], message: "must be all() in a LoadBalancer pool" });
  }
  if (spec["disableBGPExport"] === true) {
    found.push({
      path: ["spec", "disableBGPExport"],
      message: "must be false in a LoadBalancer pool",
    });
  }
  return found;
}
