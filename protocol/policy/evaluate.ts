import type { AttributeSetListener, AttributeSetTable } from "../rib/attribute-set-table.ts";
import { maskWords, wordsOfPrefix } from "../rib/prefix-words.ts";
import type { RouteInterfaces } from "../rib/route-interfaces.ts";
import { type Family, IPV6_UNICAST } from "../types/family.ts";
import { unreachable } from "../types/never.ts";
import { Prefix } from "../types/prefix.ts";
import {
  addCommunity,
  asPathStartsWith,
  communityOctets,
  containsCommunity,
  prependAsns,
  uint32Octets,
} from "./attribute-value.ts";
import { ATTRIBUTE, CanonicalEditor, findAttribute } from "./canonical-editor.ts";
import type { Policy, PolicyMatch, PolicyOperation, PolicyRule } from "./policy.ts";

/** What a policy must know of a route besides its prefix and attributes. */
export type RouteSource = "local" | "ebgp" | "ibgp";

/** The deciding rule by its place; NO_RULE when none matched and `otherwise` decides. */
export type RuleIndex = number;
export const NO_RULE: RuleIndex = -1;

const SOURCES: readonly RouteSource[] = ["local", "ebgp", "ibgp"];

/**
 * A policy made ready for one attribute set table. Most conditions look at the attribute set only: which rules a set could
 * match is worked out once a set and source, and remembered until the set is freed; per route only prefixes remain to
 * be compared, and interfaces where a rule asks for one. A policy that looks at neither costs one look-up a route, accept-all
 * nothing.
 */
export class PolicyEvaluator implements AttributeSetListener {
  readonly policy: Policy;
  readonly #attributeSets: AttributeSetTable;
  readonly #rules: readonly CompiledRule[];
  readonly #interfaces: Pick<RouteInterfaces, "of">;
  readonly #editor = new CanonicalEditor();
  #closed = false;
  /** Places of the rules whose set conditions hold, by set × 4 + source; up to the first one without another condition. */
  readonly #candidates = new Map<number, readonly RuleIndex[]>();
  /** Set after the operations of a rule, by set × 4 + source, one map a rule; only for rules with operations. */
  readonly #results: readonly Map<number, number>[];

  constructor(policy: Policy, tables: RouteTables) {
    const { attributeSets } = tables;
    this.policy = policy;
    this.#attributeSets = attributeSets;
    this.#interfaces = tables.interfaces;
    this.#rules = policy.rules.map(compileRule);
    this.#results = policy.rules.map(() => new Map());
    attributeSets.listen(this);
  }

  /** What it remembers is let go. It still evaluates (a slice of work may be under way), but remembers nothing any more. */
  close(): void {
    this.#closed = true;
    this.#attributeSets.unlisten(this);
    for (const results of this.#results) {
      for (const [set, result] of results) if (result !== set) this.#attributeSets.release(result);
      results.clear();
    }
    this.#candidates.clear();
  }

  /** Whether two routes with one attribute set can fare differently. */
  looksBeyondSet(): boolean {
    return this.#rules.some((rule) => !dependsOnSetOnly(rule));
  }

  /** Whether routes fare differently when they come to lead over another interface. */
  looksAtInterface(): boolean {
    return this.#rules.some((rule) => rule.interface !== undefined);
  }

  /** The id of the set after the operations of the deciding rule, or 0 when the route is rejected. */
  evaluate(words: Uint32Array, length: number, attributeSet: number, source: RouteSource): number {
    const rule = this.decide(words, length, attributeSet, source);
    if (!this.accepts(rule)) return 0;
    if (!this.changes(rule)) return attributeSet;
    const results = this.#results[rule] as Map<number, number>;
    const known = results.get(attributeSet);
    if (known !== undefined) return known;
    this.#editor.open(this.#attributeSets.octets(attributeSet));
    this.applyOperations(rule, this.#editor);
    const edited = this.#editor.finish();
    const result = this.#attributeSets.intern(edited, 0, edited.length);
    if (this.#closed) return result;
    // A set that comes out as it went in must not hold itself.
    if (result !== attributeSet) this.#attributeSets.retain(result);
    results.set(attributeSet, result);
    return result;
  }

  /** Which rule decides. */
  decide(words: Uint32Array, length: number, attributeSet: number, source: RouteSource): RuleIndex {
    if (this.#rules.length === 0) return NO_RULE;
    for (const index of this.#candidatesOf(attributeSet, source)) {
      const rule = this.#rules[index] as CompiledRule;
      if (rule.prefix !== undefined && !matchesPrefix(rule.prefix, words, length)) continue;
      if (rule.interface === undefined) return index;
      if (rule.interface.test(this.#interfaces.of(words, length, attributeSet) ?? "")) return index;
    }
    return NO_RULE;
  }

  accepts(rule: RuleIndex): boolean {
    return (this.#rules[rule]?.action ?? this.policy.otherwise) === "accept";
  }

  /** Whether the rule has operations. */
  changes(rule: RuleIndex): boolean {
    return (this.#rules[rule]?.operations.length ?? 0) > 0;
  }

  /** Performs the operations of the rule on a set that is open in the editor. */
  applyOperations(rule: RuleIndex, editor: CanonicalEditor): void {
    for (const operation of this.#rules[rule]?.operations ?? []) perform(operation, editor);
  }

  /** Which rule decides: its name, or undefined when none matches and `otherwise` decides. */
  explain(
    words: Uint32Array,
    length: number,
    attributeSet: number,
    source: RouteSource,
  ): { readonly rule: string | undefined; readonly action: "accept" | "reject" } {
    const index = this.decide(words, length, attributeSet, source);
    return {
      rule: this.policy.rules[index]?.name,
      action: this.accepts(index) ? "accept" : "reject",
    };
  }

  attributeSetFreed(id: number): void {
    if (this.#rules.length === 0) return;
    for (let source = 0; source < SOURCES.length; source++)
      this.#candidates.delete(id * 4 + source);
    for (const results of this.#results) {
      const result = results.get(id);
      if (result === undefined) continue;
      results.delete(id);
      if (result !== id) this.#attributeSets.release(result);
    }
  }

  #candidatesOf(attributeSet: number, source: RouteSource): readonly RuleIndex[] {
    const key = attributeSet * 4 + SOURCES.indexOf(source);
    const known = this.#candidates.get(key);
    if (known !== undefined) return known;
    const candidates: RuleIndex[] = [];
    const octets = this.#attributeSets.octets(attributeSet);
    const localPref = this.#attributeSets.localPref(attributeSet);
    for (const [index, rule] of this.#rules.entries()) {
      if (!matchesSet(rule, octets, localPref, source)) continue;
      candidates.push(index);
      if (dependsOnSetOnly(rule)) break;
    }
    if (!this.#closed) this.#candidates.set(key, candidates);
    return candidates;
  }
}

/** What a policy looks at besides the route itself; a Rib is that. */
export type RouteTables = {
  readonly attributeSets: AttributeSetTable;
  readonly interfaces: Pick<RouteInterfaces, "of">;
};

type CompiledRule = {
  readonly action: "accept" | "reject";
  readonly match: PolicyMatch;
  readonly prefix: CompiledPrefix | undefined;
  readonly interface: RegExp | undefined;
  readonly community: Uint8Array | undefined;
  readonly operations: readonly PolicyOperation[];
};

type CompiledPrefix = {
  readonly words: Uint32Array;
  readonly length: number;
  readonly operator: "equal" | "notEqual" | "in" | "notIn";
  readonly minLength: number;
  readonly maxLength: number;
};

function compileRule(rule: PolicyRule): CompiledRule {
  const { prefix = everyPrefixOf(rule.match.family), community } = rule.match;
  const { interface: pattern } = rule.match;
  return {
    action: rule.action,
    match: rule.match,
    prefix: prefix && {
      ...wordsOfPrefix(prefix.cidr),
      operator: prefix.operator,
      minLength: prefix.minLength ?? 0,
      maxLength: prefix.maxLength ?? 128,
    },
    interface: pattern === undefined ? undefined : interfacePattern(pattern),
    community: community === undefined ? undefined : communityOctets(community),
    operations: rule.action === "accept" ? (rule.operations ?? []) : [],
  };
}

/** A condition on the family is one on prefixes: those of another family match none. A prefix states its family itself. */
function everyPrefixOf(family: Family | undefined): PolicyMatch["prefix"] {
  if (family === undefined) return undefined;
  return { cidr: Prefix(family === IPV6_UNICAST ? "::/0" : "0.0.0.0/0"), operator: "in" };
}

/** As a shell would read it, and BIRD. */
function interfacePattern(pattern: string): RegExp {
  const source = pattern.replace(
    /[\\^$.*+?()[\]{}|]/g,
    (special) => WILDCARDS[special] ?? `\\${special}`,
  );
  return new RegExp(`^${source}$`);
}

const WILDCARDS: { readonly [wildcard: string]: string } = { "*": ".*", "?": "." };

function dependsOnSetOnly({ prefix, interface: pattern }: CompiledRule): boolean {
  return prefix === undefined && pattern === undefined;
}

function matchesSet(
  rule: CompiledRule,
  octets: Uint8Array,
  localPref: number,
  source: RouteSource,
): boolean {
  const { match, community } = rule;
  if (match.source !== undefined && (match.source === "local") !== (source === "local"))
    return false;
  if (match.peerType !== undefined && match.peerType !== source) return false;
  if (match.localPref !== undefined && match.localPref !== localPref) return false;
  if (community !== undefined) {
    const code = community.length === 4 ? ATTRIBUTE.communities : ATTRIBUTE.largeCommunities;
    if (!containsCommunity(findAttribute(octets, code), community)) return false;
  }
  if (match.asPathPrefix === undefined) return true;
  return asPathStartsWith(findAttribute(octets, ATTRIBUTE.asPath), match.asPathPrefix);
}

/** A prefix of another family matches no condition on prefixes, whatever the operator. */
function matchesPrefix(prefix: CompiledPrefix, words: Uint32Array, length: number): boolean {
  if (prefix.words.length !== words.length) return false;
  const bounded = length >= prefix.minLength && length <= prefix.maxLength;
  switch (prefix.operator) {
    case "equal":
      return bounded && isEqual(prefix, words, length);
    case "notEqual":
      return !(bounded && isEqual(prefix, words, length));
    case "in":
      return bounded && isIn(prefix, words, length);
    case "notIn":
      return !(bounded && isIn(prefix, words, length));
    default:
      return unreachable(prefix.operator);
  }
}

function isEqual(prefix: CompiledPrefix, words: Uint32Array, length: number): boolean {
  return length === prefix.length && words.every((word, i) => word === prefix.words[i]);
}

function isIn(prefix: CompiledPrefix, words: Uint32Array, length: number): boolean {
  if (length < prefix.length) return false;
  const masked = words.slice();
  maskWords(masked, prefix.length);
  return masked.every((word, i) => word === prefix.words[i]);
}

function perform(operation: PolicyOperation, editor: CanonicalEditor): void {
  switch (operation.type) {
    case "addCommunity": {
      const octets = communityOctets(operation.community);
      const code = octets.length === 4 ? ATTRIBUTE.communities : ATTRIBUTE.largeCommunities;
      editor.put(code, addCommunity(editor.value(code), octets));
      return;
    }
    case "prependAsPath":
      editor.put(ATTRIBUTE.asPath, prependAsns(editor.value(ATTRIBUTE.asPath), operation.asns));
      return;
    case "setLocalPref":
      editor.put(ATTRIBUTE.localPref, uint32Octets(operation.localPref));
      return;
    case "setMed":
      editor.put(ATTRIBUTE.multiExitDisc, uint32Octets(operation.med));
      return;
    default:
      unreachable(operation);
  }
}
