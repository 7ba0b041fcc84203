import { unreachable } from "../../protocol/types/never.ts";
import type { Selector } from "./selector.ts";

/**
 * What of an object's labels a selector looks at. Comparing for equality notices only the values that are named: from any
 * other value to any other, or to none at all, nothing changes for it.
 */
export type Sensitivity = {
  readonly label: string;
  /** "presence" notices when the label comes or goes, "all" notices every change. */
  readonly to: { readonly values: readonly string[] } | "presence" | "all";
};

/** Everything that a selector looks at; two entries may be about one label. */
export function sensitivitiesOf(selector: Selector): readonly Sensitivity[] {
  switch (selector.type) {
    case "all":
    case "global":
      return [];
    case "has":
      return [{ label: selector.label, to: "presence" }];
    case "equals":
    case "notEquals":
      return [{ label: selector.label, to: { values: [selector.value] } }];
    case "in":
    case "notIn":
      return [{ label: selector.label, to: { values: selector.values } }];
    case "contains":
    case "startsWith":
    case "endsWith":
      return [{ label: selector.label, to: "all" }];
    case "not":
      return sensitivitiesOf(selector.operand);
    case "and":
    case "or":
      return selector.operands.flatMap(sensitivitiesOf);
    default:
      return unreachable(selector);
  }
}
