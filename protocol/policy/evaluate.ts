import type { AttributeSetTable } from "../rib/attribute-set-table.ts";
import type { Policy } from "./policy.ts";

/** What a policy must know of a route besides its prefix and attributes. */
export type RouteSource = "local" | "ebgp" | "ibgp";

/** A policy made ready for one attribute-set table: results that do not depend on the prefix are kept per set. */
export class PolicyEvaluator {
  readonly policy: Policy;

  constructor(policy: Policy, _attributeSets: AttributeSetTable) {
    this.policy = policy;
  }

  /** The id of the set after the operations of the deciding rule, or 0 when the route is rejected. */
  evaluate(
    _words: Uint32Array,
    _length: number,
    _attributeSet: number,
    _source: RouteSource,
  ): number {
    return 0;
  }

  /** Which rule decides: its name, or undefined when none matches and `otherwise` decides. */
  explain(
    _words: Uint32Array,
    _length: number,
    _attributeSet: number,
    _source: RouteSource,
  ): { readonly rule: string | undefined; readonly action: "accept" | "reject" } {
    return { rule: undefined, action: this.policy.otherwise };
  }
}
