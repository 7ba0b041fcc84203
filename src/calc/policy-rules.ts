import { parseNet, parsePortRange } from "../resources/field.ts";
import type { ResourceOf } from "../resources/schemas.ts";
import { parseSelector, type Selector } from "../resources/selector.ts";
import { selectorId } from "../resources/selector-id.ts";
import type { IcmpMatch, PolicyRule, PortRange, RuleSide } from "./policy-state.ts";

/** A rule as a Profile or policy writes it. */
export type WrittenRule = NonNullable<ResourceOf<"Profile">["spec"]["ingress"]>[number];

/** Rules as they are enforced, the selectors that they need, and what could not be done as written. */
export type ReadRules = {
  readonly rules: readonly PolicyRule[];
  readonly selectors: readonly NamedSelector[];
  readonly complaints: readonly string[];
};

export type NamedSelector = { readonly id: string; readonly selector: Selector };

/**
 * Reads rules of one direction. A condition that tortie does not know makes no rule weaker: what allows is left out as a
 * whole, what denies goes without the condition and so denies more, and either is said aloud.
 */
export function readRules(
  written: readonly WrittenRule[] | undefined,
  direction: "ingress" | "egress",
): ReadRules {
  const read = (written ?? []).map((rule, index) => readRule(rule, `${direction}[${index}]`));
  return {
    rules: read.flatMap(({ rules }) => rules),
    selectors: read.flatMap(({ selectors }) => selectors),
    complaints: read.flatMap(({ complaints }) => complaints),
  };
}

function readRule(rule: WrittenRule, where: string): ReadRules {
  const source = readSide(rule.source ?? {});
  const destination = readSide(rule.destination ?? {});
  const unknown = [
    ...source.unknown.map((field) => `source.${field}`),
    ...destination.unknown.map((field) => `destination.${field}`),
    ...(rule.http === undefined ? [] : ["http"]),
  ];
  const left = unknown.length > 0 && rule.action !== "Deny";
  const effect = left ? "the rule is left out" : "it denies without regard to that";
  const selectors = [...source.selectors, ...destination.selectors];
  return {
    rules: left
      ? []
      : [{ ...readMatches(rule), source: source.side, destination: destination.side }],
    selectors: left ? [] : selectors,
    complaints: unknown.map((field) => `${where}: ${field} is not supported: ${effect}`),
  };
}

function readMatches(rule: WrittenRule): Omit<PolicyRule, "source" | "destination"> {
  const protocol = protocolNumber(rule.protocol);
  const notProtocol = protocolNumber(rule.notProtocol);
  const icmp = readIcmp(rule.icmp);
  const notIcmp = readIcmp(rule.notICMP);
  return {
    action: ACTIONS[rule.action],
    ...(rule.ipVersion !== undefined && { ipVersion: rule.ipVersion }),
    ...(protocol !== undefined && { protocol }),
    ...(notProtocol !== undefined && { notProtocol }),
    ...(icmp && { icmp }),
    ...(notIcmp && { notIcmp }),
  };
}

const ACTIONS = { Allow: "allow", Deny: "deny", Log: "log", Pass: "pass" } as const;

/** IANA's numbers of the protocols that have names in rules. */
const PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ["icmp", 1],
  ["tcp", 6],
  ["udp", 17],
  ["icmpv6", 58],
  ["sctp", 132],
  ["udplite", 136],
]);

/** The number of a protocol that a resource names; undefined for none. */
export function protocolNumber(written: string | number | undefined): number | undefined {
  if (written === undefined || written === "") return undefined;
  return PROTOCOL_NUMBERS.get(String(written).toLowerCase()) ?? Number(written);
}

function readIcmp(written: WrittenRule["icmp"]): IcmpMatch | undefined {
  if (written?.type === undefined) return undefined;
  return { type: written.type, ...(written.code !== undefined && { code: written.code }) };
}

type WrittenSide = NonNullable<WrittenRule["source"]>;

type ReadSide = {
  readonly side: RuleSide;
  readonly selectors: readonly NamedSelector[];
  readonly unknown: readonly string[];
};

function readSide(written: WrittenSide): ReadSide {
  const ports = readPorts(written.ports);
  const notPorts = readPorts(written.notPorts);
  const set = named(positiveSelector(written));
  const notSet = named(written.notSelector ? selectorOf(written.notSelector) : undefined);
  const side: RuleSide = {
    ...(written.nets?.length && { nets: written.nets.flatMap((net) => parseNet(net) ?? []) }),
    ...(written.notNets?.length && {
      notNets: written.notNets.flatMap((net) => parseNet(net) ?? []),
    }),
    ...(set && { set: set.id }),
    ...(notSet && { notSet: notSet.id }),
    ...(ports.ranges.length > 0 && { ports: ports.ranges }),
    ...(notPorts.ranges.length > 0 && { notPorts: notPorts.ranges }),
  };
  return {
    side,
    selectors: [set, notSet].filter((each) => each !== undefined),
    unknown: [
      ...(written.services ? ["services"] : []),
      ...ports.names.map((name) => `ports "${name}"`),
      ...notPorts.names.map((name) => `notPorts "${name}"`),
    ],
  };
}

function readPorts(written: WrittenSide["ports"]): {
  readonly ranges: readonly PortRange[];
  readonly names: readonly string[];
} {
  const parsed = (written ?? []).flatMap((port) => parsePortRange(port) ?? []);
  return {
    ranges: parsed.flatMap((port) => ("min" in port ? [{ first: port.min, last: port.max }] : [])),
    names: parsed.flatMap((port) => ("name" in port ? [port.name] : [])),
  };
}

/** Everything that says whom a side means, as one selector: labels of namespaces and accounts are inherited with a prefix. */
function positiveSelector(written: WrittenSide): Selector | undefined {
  const { selector, namespaceSelector, serviceAccounts } = written;
  const accounts = serviceAccounts?.names ?? [];
  const parts = [
    selector ? selectorOf(selector) : undefined,
    namespaceSelector ? ofNamespaces(selectorOf(namespaceSelector)) : undefined,
    accounts.length > 0
      ? ({ type: "in", label: SERVICE_ACCOUNT, values: accounts.toSorted() } as const)
      : undefined,
    serviceAccounts?.selector ? prefixed(selectorOf(serviceAccounts.selector), "pcsa.") : undefined,
  ].filter((part) => part !== undefined);
  const [only, ...more] = parts;
  return more.length === 0 ? only : { type: "and", operands: parts };
}

/** Labels that every endpoint of a namespace, or with an account, has besides its own. */
export const NAMESPACE = "projectcalico.org/namespace";
export const SERVICE_ACCOUNT = "projectcalico.org/serviceaccount";
const IN_SOME_NAMESPACE: Selector = { type: "has", label: NAMESPACE };

/** all() means any namespace, global() what is in none. */
function ofNamespaces(selector: Selector): Selector {
  if (selector.type === "all") return IN_SOME_NAMESPACE;
  if (selector.type === "global") return { type: "not", operand: IN_SOME_NAMESPACE };
  return prefixed(selector, "pcns.");
}

function prefixed(selector: Selector, prefix: string): Selector {
  switch (selector.type) {
    case "all":
    case "global":
      return selector;
    case "not":
      return { ...selector, operand: prefixed(selector.operand, prefix) };
    case "and":
    case "or":
      return { ...selector, operands: selector.operands.map((each) => prefixed(each, prefix)) };
    default:
      return { ...selector, label: `${prefix}${selector.label}` };
  }
}

/** Validation has parsed it before; what does not parse selects nothing. */
function selectorOf(text: string): Selector {
  const parsed = parseSelector(text);
  return parsed.ok ? parsed.selector : { type: "not", operand: { type: "all" } };
}

function named(selector: Selector | undefined): NamedSelector | undefined {
  return selector && { id: selectorId(selector), selector };
}
