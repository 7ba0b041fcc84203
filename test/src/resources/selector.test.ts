import fc from "fast-check";
import t from "tap";
import {
  formatSelector,
  matchesSelector,
  parseSelector,
  type Selector,
} from "../../../src/resources/selector.ts";
import { selectorId } from "../../../src/resources/selector-id.ts";

/** Text, its canonical form, labels that it selects, labels that it does not. */
const ACCEPTED: readonly (readonly [string, string, object, object | undefined])[] = [
  ["", "all()", {}, undefined],
  [" \t", "all()", { a: "b" }, undefined],
  ["all()", "all()", {}, undefined],
  ["all( )", "all()", {}, undefined],
  ["global()", "global()", {}, undefined],
  ["has(rack)", "has(rack)", { rack: "" }, { Rack: "r1" }],
  ["has( rack )", "has(rack)", { rack: "r1" }, {}],
  ["!has(rack)", "!has(rack)", {}, { rack: "r1" }],
  ["! ! has(rack)", "!!has(rack)", { rack: "r1" }, {}],
  ["rack=='r1'", 'rack == "r1"', { rack: "r1" }, { rack: "r2" }],
  ['rack == "r1"', 'rack == "r1"', { rack: "r1" }, {}],
  ['rack != "r1"', 'rack != "r1"', {}, { rack: "r1" }],
  ["say == 'it\"s'", "say == 'it\"s'", { say: 'it"s' }, { say: "its" }],
  ["rack in {'b', 'a','b'}", 'rack in {"a", "b"}', { rack: "a" }, { rack: "c" }],
  ["rack in{'a'}", 'rack in {"a"}', { rack: "a" }, {}],
  ["rack in {}", "rack in {}", undefined as unknown as object, { rack: "a" }],
  ["rack not in {'a'}", 'rack not in {"a"}', {}, { rack: "a" }],
  ["rack notin {'a'}", 'rack not in {"a"}', { rack: "b" }, { rack: "a" }],
  ["rack contains 'ck'", 'rack contains "ck"', { rack: "ack" }, { rack: "c" }],
  ["rack starts with 'r'", 'rack starts with "r"', { rack: "r1" }, { rack: "1r" }],
  ["rack startswith 'r'", 'rack starts with "r"', { rack: "r" }, {}],
  ["rack ends with '1'", 'rack ends with "1"', { rack: "r1" }, { rack: "1r" }],
  ["rack endswith '1'", 'rack ends with "1"', { rack: "1" }, {}],
  ["in == 'x'", 'in == "x"', { in: "x" }, { in: "y" }],
  ["not in {'x'}", 'not in {"x"}', { not: "x" }, { not: "y" }],
  ["contains contains 'x'", 'contains contains "x"', { contains: "x" }, {}],
  ["has == 'x'", 'has == "x"', { has: "x" }, {}],
  ["all == 'x'", 'all == "x"', { all: "x" }, {}],
  ["a.b/c-d_e == 'x'", 'a.b/c-d_e == "x"', { "a.b/c-d_e": "x" }, {}],
  ["a=='1'&&b=='2'", '(a == "1" && b == "2")', { a: "1", b: "2" }, { a: "1" }],
  ["a=='1' || b=='2'", '(a == "1" || b == "2")', { b: "2" }, {}],
  [
    "a=='1' || b=='2' && c=='3'",
    '(a == "1" || (b == "2" && c == "3"))',
    { a: "1" },
    { b: "2", c: "4" },
  ],
  [
    "(a=='1' || b=='2') && c=='3'",
    '((a == "1" || b == "2") && c == "3")',
    { b: "2", c: "3" },
    { a: "1" },
  ],
  [
    "has(a) && has(b) && has(c)",
    "(has(a) && has(b) && has(c))",
    { a: "", b: "", c: "" },
    { a: "", b: "" },
  ],
  ["((has(a)))", "has(a)", { a: "" }, {}],
  ["!(has(a) || has(b))", "!(has(a) || has(b))", {}, { b: "" }],
  ["constructor == 'x'", 'constructor == "x"', { constructor: "x" }, {}],
  ["has(toString)", "has(toString)", { toString: "x" }, {}],
];

t.test("every form of the language has a canonical text and selects as Calico does", async (t) => {
  for (const [text, canonical, selected, unselected] of ACCEPTED) {
    const parsed = parseSelector(text);
    if (!parsed.ok) {
      t.fail(`${text}: ${parsed.message}`);
      continue;
    }
    t.equal(formatSelector(parsed.selector), canonical, text);
    if (selected) t.ok(matchesSelector(parsed.selector, selected as Record<string, string>), text);
    if (unselected) {
      t.notOk(matchesSelector(parsed.selector, unselected as Record<string, string>), text);
    }
  }
});

const REFUSED: readonly (readonly [string, string, number])[] = [
  [
    "rack = 'a'",
    'expected ==, !=, in, not in, contains, starts with or ends with after rack, not "="',
    5,
  ],
  ["rack == a", 'expected a text in quotes, not "a"', 8],
  ["rack == 'a", "the text is not closed by a quote", 8],
  ["rack ==", "expected a text in quotes, not the end", 7],
  ["(has(a)", "expected ) here", 7],
  ["has(a))", 'unexpected ")"; expected &&, || or the end', 6],
  ["has(a) &&", "expected a label, not the end", 9],
  ["has()", 'expected a label, not ")"', 4],
  ["has(a b)", "expected ) after the label", 6],
  ["rack in 'a'", 'expected { here, not "\'"', 8],
  ["rack in {'a' 'b'}", 'expected , or } here, not "\'"', 13],
  ["rack in {'a',}", 'expected a text in quotes, not "}"', 13],
  [
    "rack inside {'a'}",
    'expected ==, !=, in, not in, contains, starts with or ends with after rack, not "i"',
    5,
  ],
  ["a == 'x'\n&& b == 'y'", 'unexpected "\\n"; expected &&, || or the end', 8],
  [`${"x".repeat(513)} == 'a'`, "a label has at most 512 characters", 0],
  ["!".repeat(200), "nested deeper than 100", 101],
  ["(".repeat(200), "nested deeper than 100", 101],
];

t.test("what is not a selector is refused with what was expected and where", async (t) => {
  for (const [text, message, offset] of REFUSED) {
    t.strictSame(parseSelector(text), { ok: false, message, offset }, text.slice(0, 40));
  }
});

t.test("the id of all() is Calico's", async (t) => {
  t.equal(selectorId({ type: "all" }), "s:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug");
});

const label = fc.constantFrom("a", "in", "not", "a.b/c", "has", "contains");
const value = fc
  .string({ maxLength: 4 })
  .filter((text) => !(text.includes('"') && text.includes("'")));
const tree: fc.Arbitrary<Selector> = fc.letrec<{ node: Selector }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<Selector>({ type: "all" }, { type: "global" }),
    label.map((each): Selector => ({ type: "has", label: each })),
    fc.record({
      type: fc.constantFrom("equals", "notEquals", "contains", "startsWith", "endsWith"),
      label,
      value,
    }) as fc.Arbitrary<Selector>,
    fc
      .record({ type: fc.constantFrom("in", "notIn"), label, values: fc.uniqueArray(value) })
      .map((each) => ({ ...each, values: each.values.toSorted() })) as fc.Arbitrary<Selector>,
    tie("node").map((operand): Selector => ({ type: "not", operand })),
    fc
      .record({
        type: fc.constantFrom("and", "or"),
        operands: fc.array(tie("node"), { minLength: 2, maxLength: 3 }),
      })
      .map((each) => each as Selector),
  ),
})).node;
const labels = fc.dictionary(label, value);

t.test("parsing the canonical text gives the tree again", async () => {
  fc.assert(
    fc.property(tree, (selector) => {
      const parsed = parseSelector(formatSelector(selector));
      return parsed.ok && JSON.stringify(parsed.selector) === JSON.stringify(selector);
    }),
    { numRuns: 500 },
  );
});

t.test("laws of evaluation: ! negates, && and || are De Morgan's, != is not ==", async () => {
  fc.assert(
    fc.property(tree, tree, labels, (a, b, given) => {
      const not = (operand: Selector): Selector => ({ type: "not", operand });
      const matches = (selector: Selector) => matchesSelector(selector, given);
      const both: Selector = { type: "and", operands: [a, b] };
      const either: Selector = { type: "or", operands: [not(a), not(b)] };
      return matches(not(a)) === !matches(a) && matches(both) === !matches(either);
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(label, fc.array(value), labels, (name, values, given) => {
      const isIn = matchesSelector({ type: "in", label: name, values }, given);
      const equalsOne = values.some((each) =>
        matchesSelector({ type: "equals", label: name, value: each }, given),
      );
      const isNotIn = matchesSelector({ type: "notIn", label: name, values }, given);
      return isIn === equalsOne && isNotIn === !isIn;
    }),
  );
});

t.test("any text is parsed or refused, never thrown", async () => {
  const pieces = fc.constantFrom(
    "a",
    "(",
    ")",
    "!",
    "&&",
    "||",
    "==",
    "'",
    '"',
    "in",
    "{",
    "}",
    " ",
    "has(",
    ",",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces).map((all) => all.join("")),
      ),
      (text) => {
        const parsed = parseSelector(text);
        return parsed.ok || (parsed.offset >= 0 && parsed.offset <= text.length);
      },
    ),
    { numRuns: 2000 },
  );
});
