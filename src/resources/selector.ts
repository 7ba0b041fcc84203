import { unreachable } from "../../protocol/types/never.ts";
import { parseSelectorText } from "./selector-parser.ts";

/** Calico's label selector as a tree. Chains of && and || are flat, and have two members or more. */
export type Selector =
  | { readonly type: "all" }
  | { readonly type: "global" }
  | { readonly type: "has"; readonly label: string }
  | { readonly type: ComparisonOperator; readonly label: string; readonly value: string }
  /** Values are sorted and without repeats. */
  | { readonly type: "in" | "notIn"; readonly label: string; readonly values: readonly string[] }
  | { readonly type: "not"; readonly operand: Selector }
  | { readonly type: "and" | "or"; readonly operands: readonly Selector[] };

export type ComparisonOperator = "equals" | "notEquals" | "contains" | "startsWith" | "endsWith";

export type SelectorParseResult =
  | { readonly ok: true; readonly selector: Selector }
  /** `offset` counts characters from the start of the text. */
  | { readonly ok: false; readonly message: string; readonly offset: number };

/** Parses a selector; an empty one selects everything. Never throws. */
export function parseSelector(text: string): SelectorParseResult {
  return parseSelectorText(text);
}

export type Labels = Readonly<Record<string, string>>;

/** Whether an object with these labels is selected. `!=` and `not in` hold for labels that are absent, as in Calico. */
export function matchesSelector(selector: Selector, labels: Labels): boolean {
  switch (selector.type) {
    case "all":
    case "global":
      return true;
    case "has":
      return Object.hasOwn(labels, selector.label);
    case "not":
      return !matchesSelector(selector.operand, labels);
    case "and":
      return selector.operands.every((operand) => matchesSelector(operand, labels));
    case "or":
      return selector.operands.some((operand) => matchesSelector(operand, labels));
    default:
      return matchesValue(selector, labelValue(labels, selector.label));
  }
}

type ValueSelector = Extract<Selector, { readonly type: ComparisonOperator | "in" | "notIn" }>;

function matchesValue(selector: ValueSelector, value: string | undefined): boolean {
  switch (selector.type) {
    case "equals":
      return value === selector.value;
    case "notEquals":
      return value !== selector.value;
    case "contains":
      return value?.includes(selector.value) === true;
    case "startsWith":
      return value?.startsWith(selector.value) === true;
    case "endsWith":
      return value?.endsWith(selector.value) === true;
    case "in":
      return value !== undefined && selector.values.includes(value);
    case "notIn":
      return value === undefined || !selector.values.includes(value);
    default:
      return unreachable(selector);
  }
}

/** The canonical text: equal trees have equal texts, and parsing the text gives the tree again. */
export function formatSelector(selector: Selector): string {
  switch (selector.type) {
    case "all":
      return "all()";
    case "global":
      return "global()";
    case "has":
      return `has(${selector.label})`;
    case "not":
      return `!${formatSelector(selector.operand)}`;
    case "and":
      return `(${selector.operands.map(formatSelector).join(" && ")})`;
    case "or":
      return `(${selector.operands.map(formatSelector).join(" || ")})`;
    case "in":
      return `${selector.label} in ${formatSet(selector.values)}`;
    case "notIn":
      return `${selector.label} not in ${formatSet(selector.values)}`;
    default:
      return `${selector.label} ${OPERATOR_TEXT[selector.type]} ${quote(selector.value)}`;
  }
}

const OPERATOR_TEXT: { readonly [O in ComparisonOperator]: string } = {
  equals: "==",
  notEquals: "!=",
  contains: "contains",
  startsWith: "starts with",
  endsWith: "ends with",
};

function formatSet(values: readonly string[]): string {
  return `{${values.map(quote).join(", ")}}`;
}

/** There are no escapes: a text with double quotes in it stands in single ones, and none can hold both. */
function quote(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}

function labelValue(labels: Labels, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined;
}
