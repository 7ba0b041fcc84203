import { unreachable } from "../../protocol/types/never.ts";
import type { Selector } from "./selector.ts";

/**
 * What of an object's labels a selector looks at. Comparing for equality notices only the values that are named: any other value
 * is as good as none. Everything else notices whenever the label is there.
 */
export type Sensitivity = {
  readonly label: string;
  readonly to: { readonly values: readonly string[] } | "always";
};

/** Everything that a selector looks at; two entries may be about one label. */
export function sensitivitiesOf(selector: Selector): readonly Sensitivity[] {
  switch (selector.type) {
    case "all":
    case "global":
      return [];
    case "equals":
    case "notEquals":
      return [{ label: selector.label, to: { values: [selector.value] } }];
    case "in":
    case "notIn":
      return [{ label: selector.label, to: { values: selector.values } }];
    case "has":
    case "contains":
    case "startsWith":
    case "endsWith":
      return [{ label: selector.label, to: "always" }];
    case "not":
      return sensitivitiesOf(selector.operand);
    case "and":
    case "or":
      return selector.operands.flatMap(sensitivitiesOf);
    default:
      return unreachable(selector);
  }
}
