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

/** Compares each selector with each object, always. */
class Oracle {
  readonly selectors = new Map<string, Selector>();
  readonly objects = new Map<string, Labels>();

  matches(): Set<string> {
    const found = new Set<string>();
    for (const [id, each] of this.selectors) {
      for (const [object, labels] of this.objects) {
        if (matchesSelector(each, labels)) found.add(`${id} ${object}`);
      }
    }
    return found;
  }
}

function setOrDelete<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
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
const name = fc.constantFrom("1", "2", "3", "4", "5");
const step = fc.oneof(
  fc.record({ object: name, labels: fc.option(labels, { nil: undefined, freq: 5 }) }),
  fc.record({ id: name, text: fc.option(text, { nil: undefined, freq: 5 }) }),
);

t.test("after any changes in any order it says what comparing everything says", async (t) => {
  let [changes, removed] = [0, 0];
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60, size: "max" }), (steps) => {
      const index = new SelectorIndex();
      const oracle = new Oracle();
      const told = new Set<string>();
      for (const each of steps) {
        const selects = "id" in each && each.text !== undefined ? selector(each.text) : undefined;
        if ("id" in each) setOrDelete(oracle.selectors, each.id, selects);
        else setOrDelete(oracle.objects, each.object, each.labels);
        const news =
          "id" in each
            ? index.setSelector(each.id, selects)
            : index.setLabels(each.object, each.labels);
        for (const { selector: id, object, matches } of news) {
          const pair = `${id} ${object}`;
          // Each change is told once, and nothing is told that was known.
          if (told.has(pair) === matches) return false;
          if (matches) told.add(pair);
          else removed += Number(told.delete(pair));
          changes++;
        }
        const expected = oracle.matches();
        if (told.size !== expected.size || ![...told].every((pair) => expected.has(pair)))
          return false;
        for (const id of ["1", "2", "3", "4", "5"]) {
          const objects = [...index.objectsOf(id)].map((object) => `${id} ${object}`);
          const selectors = [...index.selectorsOf(id)].map((each) => `${each} ${id}`);
          if (!objects.every((pair) => expected.has(pair))) return false;
          if (!selectors.every((pair) => expected.has(pair))) return false;
          if (objects.length !== oneSide(expected, (pair) => pair.startsWith(`${id} `)))
            return false;
          if (selectors.length !== oneSide(expected, (pair) => pair.endsWith(` ${id}`)))
            return false;
        }
      }
      return true;
    }),
    { numRuns: 150 },
  );
  t.ok(changes > 1000 && removed > 300, `${changes} changes, ${removed} of them ends`);
});

function oneSide(pairs: ReadonlySet<string>, is: (pair: string) => boolean): number {
  return [...pairs].filter(is).length;
}

t.test("a change costs what it touches", async (t) => {
  const index = new SelectorIndex();
  for (let i = 0; i < 1000; i++) {
    index.setLabels(`object-${i}`, {
      app: `app-${i % 100}`,
      env: i % 2 ? "prod" : "test",
      n: `${i}`,
    });
    index.setSelector(`app-${i}`, selector(`app == 'app-${i}'`));
  }
  for (let i = 0; i < 100; i++) {
    index.setSelector(`not-${i}`, selector(`app != 'app-${i}' && has(env)`));
  }
  const spent = (work: () => unknown) => {
    const before = index.evaluations;
    work();
    return index.evaluations - before;
  };
  const relabel = (labels: Labels) => () => index.setLabels("object-0", labels);
  t.equal(spent(relabel({ app: "app-0", env: "test", n: "new" })), 0, "nobody looks at n");
  t.equal(spent(relabel({ app: "app-7", env: "test", n: "0" })), 4, "two of each kind look at it");
  t.equal(spent(relabel({ app: "elsewhere", env: "prod" })), 2);
  t.equal(
    spent(() => index.setSelector("x", selector("app == 'app-3' && env == 'prod'"))),
    10,
  );
  t.equal(
    spent(() => index.setSelector("y", selector("n == '7' || app == 'app-3'"))),
    11,
  );
  t.equal(
    spent(() => index.setSelector("z", selector("env != 'none'"))),
    0,
    "nobody has it",
  );
  t.equal(index.objectsOf("z").size, 1000);
  t.equal(
    spent(() => index.setSelector("z", undefined)),
    0,
  );
});
