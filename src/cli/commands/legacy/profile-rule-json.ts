/*
 * The JSON of `profile P rule json` and `rule update`, as in 2015: { id, inbound_rules, outbound_rules }, each rule with
 * action, protocol, icmp_type, icmp_code, src_ and dst_ tag, net and ports.
 */
import {
  type Profile,
  tagOfSelector,
  tagSelector,
  typedName,
} from "../../../resources/legacy-profile.ts";
import { formatRule, type ProfileRule, parseRule } from "./profile-rule.ts";

export type LegacyRules = {
  readonly id: string;
  readonly inbound_rules: readonly LegacyRule[];
  readonly outbound_rules: readonly LegacyRule[];
};

type LegacyRule = Readonly<Record<string, unknown>>;

/** The rules of a profile in that form. */
export function legacyRules(profile: Profile): LegacyRules {
  return {
    id: typedName(profile),
    inbound_rules: (profile.spec.ingress ?? []).map(legacyRule),
    outbound_rules: (profile.spec.egress ?? []).map(legacyRule),
  };
}

export type ReadLegacyRules =
  | {
      readonly type: "rules";
      readonly id: string;
      readonly ingress: readonly ProfileRule[];
      readonly egress: readonly ProfileRule[];
    }
  | { readonly type: "wrong"; readonly why: string };

/** Reads that form; each rule is checked as if it had been typed. */
export function readLegacyRules(text: string): ReadLegacyRules {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { type: "wrong", why: `it is not JSON: ${(error as Error).message}` };
  }
  const { id, inbound_rules, outbound_rules } = (value ?? {}) as Record<string, unknown>;
  if (typeof id !== "string") return { type: "wrong", why: "it has no id" };
  const rules: { ingress: ProfileRule[]; egress: ProfileRule[] } = { ingress: [], egress: [] };
  for (const [direction, list, name] of [
    ["ingress", inbound_rules, "inbound_rules"],
    ["egress", outbound_rules, "outbound_rules"],
  ] as const) {
    if (!Array.isArray(list)) return { type: "wrong", why: `it has no list ${name}` };
    for (const [index, each] of list.entries()) {
      const parsed = parseRule(wordsOf((each ?? {}) as LegacyRule));
      if (parsed.type === "wrong") {
        return { type: "wrong", why: `${name}[${index}]: ${parsed.why}` };
      }
      rules[direction].push(parsed.rule);
    }
  }
  return { type: "rules", id, ...rules };
}

function legacyRule(rule: ProfileRule): LegacyRule {
  const { action, protocol, icmp, source, destination } = rule;
  return {
    action: action.toLowerCase(),
    ...(protocol !== undefined && { protocol: String(protocol).toLowerCase() }),
    ...(icmp?.type !== undefined && { icmp_type: icmp.type }),
    ...(icmp?.code !== undefined && { icmp_code: icmp.code }),
    ...legacyEnd("src", source),
    ...legacyEnd("dst", destination),
    // What those fields cannot say.
    ...(formatRule(rule).includes(" selector ") && { rule: formatRule(rule) }),
  };
}

function legacyEnd(side: "src" | "dst", end: ProfileRule["source"]): LegacyRule {
  const tag = end?.selector === undefined ? undefined : tagOfSelector(end.selector);
  return {
    ...(tag !== undefined && { [`${side}_tag`]: tag }),
    ...(end?.nets?.[0] !== undefined && { [`${side}_net`]: end.nets[0] }),
    ...(end?.ports !== undefined && { [`${side}_ports`]: end.ports }),
  };
}

function wordsOf(rule: LegacyRule): readonly string[] {
  const text = (name: string) => (rule[name] === undefined ? undefined : String(rule[name]));
  const words = [text("action") ?? ""];
  for (const [word, value] of [
    ["", text("protocol")],
    ["type", text("icmp_type")],
    ["code", text("icmp_code")],
  ] as const) {
    if (value !== undefined) words.push(...(word === "" ? [value] : [word, value]));
  }
  for (const [keyword, side] of [
    ["from", "src"],
    ["to", "dst"],
  ] as const) {
    const ports = rule[`${side}_ports`];
    const end = [
      ...(Array.isArray(ports) ? ["ports", ports.join(",")] : []),
      ...tagWords(text(`${side}_tag`)),
      ...(text(`${side}_net`) === undefined ? [] : ["cidr", text(`${side}_net`) ?? ""]),
    ];
    if (end.length > 0) words.push(keyword, ...end);
  }
  return words;
}

function tagWords(tag: string | undefined): readonly string[] {
  return tag === undefined ? [] : ["tag", tagOfSelector(tagSelector(tag)) ?? tag];
}
