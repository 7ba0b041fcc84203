import t from "tap";
import { applyJsonPatch, mergePatch } from "../../../src/cli/json-patch.ts";
import { customColumns, evaluateJsonPath } from "../../../src/cli/json-path.ts";

t.test("JSON Merge Patch: the examples of RFC 7396, appendix A", async (t) => {
  const rows: [unknown, unknown, unknown][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, result] of rows) t.strictSame(mergePatch(target, patch), result);
});

t.test("JSON Patch: RFC 6902, and what it refuses", async (t) => {
  const rows: [unknown, unknown, unknown][] = [
    [{ foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { foo: "bar", baz: "qux" }],
    [{ foo: [1, 3] }, [{ op: "add", path: "/foo/1", value: 2 }], { foo: [1, 2, 3] }],
    [{ foo: [1] }, [{ op: "add", path: "/foo/-", value: 2 }], { foo: [1, 2] }],
    [{ a: 1, b: 2 }, [{ op: "remove", path: "/a" }], { b: 2 }],
    [{ a: [1, 2] }, [{ op: "remove", path: "/a/0" }], { a: [2] }],
    [{ a: 1 }, [{ op: "replace", path: "/a", value: 2 }], { a: 2 }],
    [{ a: { b: 1 }, c: {} }, [{ op: "move", from: "/a/b", path: "/c/d" }], { a: {}, c: { d: 1 } }],
    [{ a: 1 }, [{ op: "copy", from: "/a", path: "/b" }], { a: 1, b: 1 }],
    [
      { "a/b": 1, "m~n": 2 },
      [
        { op: "remove", path: "/a~1b" },
        { op: "test", path: "/m~0n", value: 2 },
      ],
      { "m~n": 2 },
    ],
  ];
  for (const [target, patch, result] of rows) t.strictSame(applyJsonPatch(target, patch), result);
  const refused: [unknown, unknown][] = [
    [{ a: 1 }, { op: "add" }],
    [{ a: 1 }, [{ op: "replace", path: "/b", value: 1 }]],
    [{ a: [1] }, [{ op: "add", path: "/a/2", value: 1 }]],
    [{ a: [1] }, [{ op: "remove", path: "/a/01" }]],
    [{ a: 1 }, [{ op: "test", path: "/a", value: 2 }]],
    [{ a: 1 }, [{ op: "shout", path: "/a" }]],
    [{ a: 1 }, [{ op: "remove", path: "a" }]],
  ];
  for (const [target, patch] of refused)
    t.throws(() => applyJsonPatch(target, patch), /cannot be applied/);
});

t.test("JSONPath as kubectl's users write it", async (t) => {
  const value = {
    items: [{ metadata: { name: "a", labels: { "k/x": "1" } } }, { metadata: { name: "b" } }],
  };
  const rows: [string, string][] = [
    ["{.items[*].metadata.name}", "a b\n"],
    [".items[0].metadata.name", "a\n"],
    ["{.items[-1].metadata.name}", "b\n"],
    ["{.items[0].metadata.labels['k/x']}", "1\n"],
    ['{range .items[*]}{.metadata.name}{"\\n"}{end}', "a\nb\n"],
    ["{range .items[*]}<{.metadata.name}>{end}", "<a><b>\n"],
    ["{.nothing}", "\n"],
    ["{.items[0].metadata.labels}", '{"k/x":"1"}\n'],
  ];
  for (const [template, text] of rows) t.equal(evaluateJsonPath(template, value), text, template);
  for (const wrong of ["{.items[?(@.x)]}", "{range .items[*]}", "{end}"]) {
    t.throws(() => evaluateJsonPath(wrong, value), /no JSONPath/, wrong);
  }
  t.equal(
    customColumns("N:.metadata.name,L:.metadata.labels.k\\/x", value.items).split("\n")[2],
    "b  <none>",
  );
});
