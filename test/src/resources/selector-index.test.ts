import fc from "fast-check";
import t from "tap";
import {
  type Labels,
  matchesSelector,
  parseSelector,
  type Selector,
} from "../../../src/resources/selector.ts";
import { SelectorIndex } from "../../../src/resources/selector-index.ts";

function selector(text: string): Selector {
  const parsed = parseSelector(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.selector;
}

const literals = [
  "all()",
  "global()",
  "has(a)",
  "a == 'x'",
  "a != 'x'",
  "b in {'x','y'}",
  "b not in {'x','y'}",
  "a contains 'x'",
  "b starts with 'y'",
  "constructor ends with 'z'",
  "has(constructor)",
];
const text: fc.Arbitrary<string> = fc.letrec<{ all: string }>((tie) => ({
  all: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...literals),
    tie("all").map((inner) => `!(${inner})`),
    fc.tuple(tie("all"), tie("all")).map(([x, y]) => `(${x}) && (${y})`),
    fc.tuple(tie("all"), tie("all")).map(([x, y]) => `(${x}) || (${y})`),
  ),
})).all;
const labels = fc.dictionary(
  fc.constantFrom("a", "b", "c", "constructor"),
  fc.constantFrom("", "x", "y", "xz"),
);

t.test("it finds what comparing with every selector finds, in their order", async (t) => {
  let [found, refused] = [0, 0];
  fc.assert(
    fc.property(
      fc.array(text, { maxLength: 12 }),
      fc.array(labels, { minLength: 5 }),
      (texts, all) => {
        const selectors = texts.map((each, id) => ({ id, selector: selector(each) }));
        const index = new SelectorIndex(selectors);
        return all.every((each) => {
          const expected = selectors.filter((named) => matchesSelector(named.selector, each));
          found += expected.length;
          refused += selectors.length - expected.length;
          const selecting = index.selecting(each);
          return (
            selecting.length === expected.length &&
            selecting.every((named, at) => named === expected[at])
          );
        });
      },
    ),
    { numRuns: 300 },
  );
  t.ok(found > 2000 && refused > 2000, `${found} found, ${refused} not`);
});

t.test("an object costs the selectors that look at what it has", async (t) => {
  const texts = [
    ...Array.from({ length: 1000 }, (_, i) => `app == 'app-${i}'`),
    ...Array.from({ length: 100 }, (_, i) => `app != 'app-${i}' && has(env)`),
    "all()",
  ];
  const index = new SelectorIndex(texts.map((each) => ({ selector: selector(each) })));
  const spent = (given: Labels) => {
    const before = index.evaluations;
    const count = index.selecting(given).length;
    return [index.evaluations - before, count];
  };
  t.strictSame(spent({}), [0, 1], "only all()");
  t.strictSame(spent({ n: "1", tier: "x" }), [0, 1], "nobody looks at these labels");
  t.strictSame(spent({ app: "elsewhere" }), [0, 1]);
  t.strictSame(spent({ app: "app-500" }), [1, 2]);
  t.strictSame(spent({ app: "app-7", n: "1" }), [2, 2]);
  t.strictSame(spent({ env: "prod" }), [100, 101]);
});
