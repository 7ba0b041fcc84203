import type { PolicyMatch, PolicyOperation, PolicyRule } from "../../protocol/policy/policy.ts";
import { Asn } from "../../protocol/types/asn.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { Prefix, prefixLength } from "../../protocol/types/prefix.ts";
import { localPrefOf } from "../lib/route-priority.ts";
import { asNumberOf } from "../resources/field.ts";
import type { ResourceOf, SpecOf } from "../resources/schemas.ts";
import { communityOf } from "./prefix-communities.ts";

type Rule = NonNullable<SpecOf<"BGPFilter">["exportV4"]>[number];

/** A filter that a BGPPeer names, if there is one. */
export type NamedFilter = {
  readonly name: string;
  readonly filter: ResourceOf<"BGPFilter"> | undefined;
};

/** The rules of BGPFilters, in order. A filter that does not exist rejects everything: absence is never permission. */
export function filterRules(
  filters: readonly NamedFilter[],
  options: {
    readonly direction: "import" | "export";
    /** Of which kind the session is that the rules are for: a rule's peerType is decided here. */
    readonly session: "eBGP" | "iBGP";
  },
): readonly PolicyRule[] {
  return filters.flatMap(({ name, filter }): readonly PolicyRule[] =>
    filter === undefined
      ? [{ name: `${name}: does not exist`, match: {}, action: "reject" }]
      : rulesOf(filter, options),
  );
}

function rulesOf(
  { spec, metadata }: ResourceOf<"BGPFilter">,
  { direction, session }: { readonly direction: "import" | "export"; readonly session: string },
): readonly PolicyRule[] {
  const lists = [
    { list: `${direction}V4` as const, family: IPV4_UNICAST },
    { list: `${direction}V6` as const, family: IPV6_UNICAST },
  ];
  return lists.flatMap(({ list, family }) =>
    (spec[list] ?? []).flatMap((rule, index) => {
      if (rule.peerType !== undefined && rule.peerType !== session) return [];
      const name = `${metadata.name}.${list}[${index}]`;
      return [policyRule(rule, { family, name })];
    }),
  );
}

type RulePlace = { readonly family: Family; readonly name: string };

function policyRule(rule: Rule, { family, name }: RulePlace): PolicyRule {
  const action = rule.action === "Accept" ? "accept" : "reject";
  const operations = (rule.operations ?? []).flatMap(policyOperations);
  return {
    name,
    match: policyMatch(rule, family),
    action,
    ...(operations.length > 0 && { operations }),
  };
}

function policyMatch(rule: Rule, family: Family): PolicyMatch {
  const community = communityOf(rule.communities?.values[0]);
  const asPathPrefix = (rule.asPathPrefix ?? []).map((asn) => asNumberOf(asn) ?? Asn(23456));
  return {
    family,
    ...(rule.cidr && { prefix: prefixMatch(rule, Prefix(rule.cidr)) }),
    ...(rule.source === "RemotePeers" && { source: "peer" as const }),
    ...(community !== undefined && { community }),
    ...(asPathPrefix.length > 0 && { asPathPrefix }),
    ...(rule.priority && { localPref: localPrefOf(rule.priority) }),
    ...(rule.interface && { interface: rule.interface }),
  };
}

const OPERATORS = { Equal: "equal", NotEqual: "notEqual", In: "in", NotIn: "notIn" } as const;

/** With bounds, the length starts at the CIDR's own unless `min` says otherwise. */
function prefixMatch(rule: Rule, cidr: Prefix): NonNullable<PolicyMatch["prefix"]> {
  const operator = OPERATORS[rule.matchOperator ?? "In"];
  if (rule.prefixLength === undefined) return { cidr, operator };
  const { min, max } = rule.prefixLength;
  const longest = cidr.includes(":") ? 128 : 32;
  return { cidr, operator, minLength: min ?? prefixLength(cidr), maxLength: max ?? longest };
}

function policyOperations(
  operation: NonNullable<Rule["operations"]>[number],
): readonly PolicyOperation[] {
  const { addCommunity, prependASPath, setPriority } = operation;
  const community = communityOf(addCommunity?.value);
  const asns = (prependASPath?.prefix ?? []).flatMap((asn) => asNumberOf(asn) ?? []);
  return [
    ...(community !== undefined ? [{ type: "addCommunity", community } as const] : []),
    ...(asns.length > 0 ? [{ type: "prependAsPath", asns } as const] : []),
    ...(setPriority
      ? [{ type: "setLocalPref", localPref: localPrefOf(setPriority.value) } as const]
      : []),
  ];
}
