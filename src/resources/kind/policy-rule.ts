import { z } from "zod";
import { netField, policyProtocolField, portRangeField, selectorField } from "../field.ts";
import { isSet, type RuleViolation } from "../kind-schema.ts";

const MAX_NETS = 256;
const MAX_PORTS = 50;

const icmp = z.strictObject({
  type: z.int().min(0).max(254).optional(),
  code: z.int().min(0).max(255).optional(),
});

const entity = z.strictObject({
  nets: z.array(netField()).max(MAX_NETS).optional(),
  notNets: z.array(netField()).max(MAX_NETS).optional(),
  selector: selectorField().optional().describe("Endpoints and network sets, by their labels."),
  notSelector: selectorField().optional(),
  namespaceSelector: selectorField()
    .optional()
    .describe("Endpoints of namespaces with these labels; global() means those of none."),
  services: z
    .strictObject({ name: z.string().min(1), namespace: z.string().optional() })
    .optional()
    .describe("A Kubernetes Service."),
  ports: z.array(portRangeField()).max(MAX_PORTS).optional().describe('80, "8000:8100" or a name.'),
  notPorts: z.array(portRangeField()).max(MAX_PORTS).optional(),
  serviceAccounts: z
    .strictObject({ names: z.array(z.string()).optional(), selector: selectorField().optional() })
    .optional(),
});

/** One rule of a policy or profile. */
export const policyRuleField = z.strictObject({
  action: z.enum(["Allow", "Deny", "Log", "Pass"]),
  ipVersion: z.union([z.literal(4), z.literal(6)], { error: "must be 4 or 6" }).optional(),
  protocol: policyProtocolField().optional(),
  notProtocol: policyProtocolField().optional(),
  icmp: icmp.optional(),
  notICMP: icmp.optional(),
  source: entity.optional(),
  destination: entity.optional(),
  http: z
    .strictObject({
      methods: z.array(z.string()).optional(),
      paths: z
        .array(z.strictObject({ exact: z.string().optional(), prefix: z.string().optional() }))
        .optional(),
    })
    .optional(),
  metadata: z.strictObject({ annotations: z.record(z.string(), z.string()).optional() }).optional(),
});

type Path = readonly (string | number)[];
type Fields = Readonly<Record<string, unknown>>;
type Place = { readonly direction: "ingress" | "egress"; readonly path: Path };

/** What the single fields of rules cannot say. Expects anything. */
export function policyRuleViolations(rules: unknown, { direction, path }: Place): RuleViolation[] {
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule, index) =>
    isFields(rule) ? ruleViolations(rule, { direction, path: [...path, index] }) : [],
  );
}

function ruleViolations(rule: Fields, place: Place): readonly RuleViolation[] {
  return [
    ...portViolations(rule, place.path),
    ...icmpViolations(rule, place.path),
    ...familyViolations(rule, place.path),
    ...serviceViolations(rule, place),
    ...httpViolations(rule, place),
  ];
}

const SIDES = ["source", "destination"] as const;
const WITH_PORTS = /^(tcp|udp|sctp|udplite|6|17|132|136)$/i;

function portViolations(rule: Fields, path: Path): readonly RuleViolation[] {
  const protocol = rule["protocol"];
  if (isSet(protocol) && WITH_PORTS.test(String(protocol))) return [];
  return SIDES.flatMap((side) => {
    const given = isFields(rule[side]) ? rule[side] : {};
    return ["ports", "notPorts"]
      .filter((field) => isSet(given[field]))
      .map((field) => ({
        path: [...path, side, field],
        message: "needs a protocol that has ports",
        fix: "add protocol: TCP, UDP or SCTP to the rule",
      }));
  });
}

function icmpViolations(rule: Fields, path: Path): readonly RuleViolation[] {
  const found: RuleViolation[] = [];
  for (const field of ["icmp", "notICMP"]) {
    const given = rule[field];
    if (!isFields(given)) continue;
    if (!/^(icmp|icmpv6|1|58)$/i.test(String(rule["protocol"]))) {
      found.push({
        path: [...path, field],
        message: "needs protocol ICMP or ICMPv6",
        fix: "add protocol: ICMP to the rule",
      });
    }
    if (given["code"] !== undefined && given["type"] === undefined) {
      found.push({ path: [...path, field, "code"], message: "needs type", fix: "add type" });
    }
  }
  const wanted = /^icmp$/i.test(String(rule["protocol"]))
    ? 4
    : /^icmpv6$/i.test(String(rule["protocol"]))
      ? 6
      : undefined;
  if (wanted !== undefined && isSet(rule["ipVersion"]) && rule["ipVersion"] !== wanted) {
    found.push({
      path: [...path, "ipVersion"],
      message: `must be ${wanted} with protocol ${String(rule["protocol"])}`,
    });
  }
  return found;
}

/** A packet has one family, so a rule whose parts speak of two can never match. */
function familyViolations(rule: Fields, path: Path): readonly RuleViolation[] {
  const { ipVersion } = rule;
  const sides = SIDES.map((side) => familiesOf(rule[side]));
  const found: RuleViolation[] = [];
  for (const [index, families] of sides.entries()) {
    if ((ipVersion === 4 || ipVersion === 6) && families.size > 0 && !families.has(ipVersion)) {
      found.push({
        path: [...path, SIDES[index] ?? "", "nets"],
        message: `must hold IPv${ipVersion} addresses, as ipVersion says`,
      });
    }
  }
  const [source, destination] = sides;
  if (source && destination && source.size > 0 && destination.size > 0) {
    if (![...source].some((family) => destination.has(family))) {
      found.push({
        path: [...path, "destination", "nets"],
        message: "must hold addresses of the family of source.nets",
      });
    }
  }
  return found;
}

function familiesOf(side: unknown): ReadonlySet<number> {
  const nets = isFields(side) && Array.isArray(side["nets"]) ? side["nets"] : [];
  return new Set(nets.map((net) => (String(net).includes(":") ? 6 : 4)));
}

/** A Service stands alone: it says addresses and ports by itself. */
function serviceViolations(rule: Fields, { direction, path }: Place): readonly RuleViolation[] {
  const found: RuleViolation[] = [];
  for (const side of SIDES) {
    const given = rule[side];
    if (!isFields(given) || !isSet(given["services"])) continue;
    if (side !== (direction === "ingress" ? "source" : "destination")) {
      found.push({
        path: [...path, side, "services"],
        message: `cannot be used in the ${side} of an ${direction} rule`,
      });
    }
    const others = ["nets", "notNets", "selector", "notSelector", "namespaceSelector"];
    const excluded = side === "destination" ? [...others, "ports", "notPorts"] : others;
    const [with_] = [...excluded, "serviceAccounts"].filter((field) => isSet(given[field]));
    if (with_ !== undefined) {
      found.push({
        path: [...path, side, "services"],
        message: `cannot be used together with ${with_}`,
        fix: "keep one of the two",
      });
    }
  }
  return found;
}

function httpViolations(rule: Fields, { direction, path }: Place): readonly RuleViolation[] {
  if (!isSet(rule["http"])) return [];
  const at = [...path, "http"];
  if (rule["action"] !== "Allow") return [{ path: at, message: "needs action Allow" }];
  if (isSet(rule["protocol"]) && !/^(tcp|6)$/i.test(String(rule["protocol"]))) {
    return [{ path: at, message: "needs protocol TCP" }];
  }
  return direction === "ingress"
    ? []
    : [{ path: at, message: "can be used in ingress rules only" }];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
