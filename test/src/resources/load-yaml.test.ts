import fc from "fast-check";
import t from "tap";
import { stringify } from "yaml";
import { loadYaml } from "../../../src/resources/load-yaml.ts";
import { HIDDEN, withoutPasswords } from "../../../src/resources/password.ts";
import type { Resource } from "../../../src/resources/resource.ts";
import { validateResource } from "../../../src/resources/validate.ts";
import {
  formatValidationError,
  summarizeValidation,
} from "../../../src/resources/validation-error.ts";

const V3 = "projectcalico.org/v3";

function problemsOf(text: string): string[] {
  const { errors } = loadYaml(text, { file: "f.yaml", unknownFields: "error" });
  return errors.map(formatValidationError);
}

t.test(
  "an error shows file, line, column, excerpt, caret, what was meant and what to do",
  async (t) => {
    const text = `# pools
apiVersion: projectcalico.org/v3
kind: IPPool
metadata:
  name: default-v4
spec:
  cidr: 192.168.0.0/33
  ipipMod: Never
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: { name: tor }
spec:
  nodeSelector: rack == 'r1'
  node: host-1
  peerIP: 10.0.0.1
`;
    const { errors, resources } = loadYaml(text, { file: "pool.yaml", unknownFields: "error" });
    t.strictSame(resources, []);
    t.equal(
      errors.map(formatValidationError).join("\n"),
      `pool.yaml:7:9  error  spec.cidr: "192.168.0.0/33": prefix length must be 0–32 for IPv4
   7 |   cidr: 192.168.0.0/33
     |         ^^^^^^^^^^^^^^
pool.yaml:8:3  error  unknown field spec.ipipMod; did you mean spec.ipipMode?
   8 |   ipipMod: Never
     |   ^^^^^^^
pool.yaml:13:1  error  spec: must have asNumber, because peerIP is set
  13 | spec:
     | ^^^^
  fix: add asNumber
pool.yaml:14:17  error  spec.nodeSelector: cannot be used together with node
  14 |   nodeSelector: rack == 'r1'
     |                 ^^^^^^^^^^^^
  fix: keep one of the two`,
    );
    t.equal(summarizeValidation(errors, { files: 1 }), "4 errors, 0 warnings in 1 file");
    t.equal(errors[0]?.resource, "IPPool/default-v4");
  },
);

t.test("one file: many documents, JSON, lists, and good objects beside bad ones", async (t) => {
  const node = (name: string) => ({ apiVersion: V3, kind: "Node", metadata: { name }, spec: {} });
  const text = `${JSON.stringify(node("a"))}
---
# nothing but a comment
---
${stringify({ apiVersion: V3, kind: "NodeList", items: [node("b"), { ...node("c"), kind: "Nod" }] })}---
${stringify([node("d")])}`;
  const { resources, errors } = loadYaml(text, { file: "f.yaml", unknownFields: "error" });
  t.strictSame(
    resources.map(({ resource, document }) => [resource.metadata.name, document]),
    [
      ["a", 0],
      ["b", 2],
      ["d", 3],
    ],
  );
  t.strictSame(
    errors.map(({ path, resource }) => [path, resource]),
    [["kind", "Nod/c"]],
  );
});

t.test("null is absence; unknown fields of a stored object are kept, with a warning", async (t) => {
  const stored = {
    apiVersion: V3,
    kind: "BGPPeer",
    metadata: { name: "p", creationTimestamp: null, generation: 3 },
    spec: { peerIP: "10.0.0.1", asNumber: 65001, password: null, novelty: { deep: [1, null] } },
  };
  const validated = validateResource(stored, { unknownFields: "warning" });
  t.strictSame(validated, {
    ok: true,
    resource: {
      ...stored,
      metadata: { name: "p", generation: 3 },
      spec: { peerIP: "10.0.0.1", asNumber: 65001, novelty: { deep: [1, null] } },
    },
    warnings: [
      {
        severity: "warning",
        path: ["spec", "novelty"],
        message: "unknown field spec.novelty",
        at: "key",
      },
    ],
  });
  t.notOk(validateResource(stored, { unknownFields: "error" }).ok);
});

t.test("a key is never shown, however the file is broken", async (t) => {
  const canary = "c4n4ry-Key";
  const head = `apiVersion: ${V3}\nkind: BGPPeer\nmetadata: {name: p}\n`;
  const texts = [
    `${head}spec: {peerIP: bad, password: ${canary}, asNumber: no}\n`,
    `${head}spec:\n  pasword: ${canary}\n`,
    `${head}spec:\n  passwd: ${canary}\n`,
    `${head}spec:\n  passwords: {a: ${canary}}\n`,
    `${head}spec:\n  password: ${canary}${"x".repeat(80)}\n  asNumber: x\n`,
    `${head}spec:\n  password: "${canary}\n  asNumber: 1\n`,
    `${head}spec:\n  password: |\n    ${canary}\n   ${canary}\n  asNumber: 1\n`,
    `${head}spec:\n  password:\n    ${canary}: ${canary}: ${canary}\n`,
    `${head}spec:\n  password: *${canary}\n`,
    `${head}spec:\n  password: !!int ${canary}\n`,
    `${head}spec:\n  password: {secretKeyRef: ${canary}}\n`,
    `${head}spec:\n  password: [${canary}]\n`,
    `${head}spec:\n  password: '${canary}' x\n`,
    `${head}spec:\n  password: ${canary}\n  password: ${canary}\n`,
    `{"apiVersion": "${V3}", "kind": "BGPPeer", "spec": {"password": "${canary}", "peerIP": 1}}`,
    `{"apiVersion": "${V3}", "kind": "BGPPeer",\n "spec": {"password":\n"${canary}", "peerIP": 1}}`,
  ];
  for (const text of texts) {
    const problems = problemsOf(text);
    t.ok(problems.length > 0, `found something: ${text.slice(head.length, 100)}`);
    t.notMatch(problems.join("\n"), canary);
  }
});

t.test("outputs hide keys and nothing else", async (t) => {
  const peer: Resource = {
    apiVersion: V3,
    kind: "BGPPeer",
    metadata: {
      name: "p",
      annotations: { "last-applied": '{"spec":{"password":"k"}}', note: "no password here" },
    },
    spec: { peerIP: "10.0.0.1", password: "k", nested: [{ password: "k" }] },
  };
  t.strictSame(withoutPasswords(peer), {
    ...peer,
    metadata: { name: "p", annotations: { "last-applied": HIDDEN, note: "no password here" } },
    spec: { peerIP: "10.0.0.1", password: HIDDEN, nested: [{ password: HIDDEN }] },
  });
  const reference = { secretKeyRef: { name: "s", key: "k" } };
  const mesh = { ...peer, metadata: { name: "m" }, spec: { nodeMeshPassword: reference } };
  t.strictSame(withoutPasswords(mesh).spec, { nodeMeshPassword: reference });
});

t.test("any text loads or is refused, never thrown, with places inside the text", async (t) => {
  const pieces = fc.constantFrom(
    `apiVersion: ${V3}\n`,
    "kind: BGPPeer\n",
    "metadata:\n",
    "  name: a\n",
    "spec:\n",
    "  peerIP: 10.0.0.1\n",
    "  asNumber: 1\n",
    "---\n",
    "- ",
    "{",
    "}",
    "[",
    "\t",
    ": ",
    "'",
    '"',
    "&a ",
    "*a",
    "|\n",
    "#",
    "\r\n",
    "  filters: [a, b]\n",
    "!!x ",
  );
  let good = 0;
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 15 }).map((all) => all.join("")),
      ),
      (text) => {
        const { errors, resources } = loadYaml(text, { file: "f", unknownFields: "error" });
        good += resources.length;
        const lines = text.split("\n").length;
        return errors.every(
          ({ place }) => !place || (place.line >= 1 && place.line <= lines && place.column >= 1),
        );
      },
    ),
    { numRuns: 2000 },
  );
  t.equal(
    problemsOf(`x: ${"y".repeat(16 * 1024 * 1024)}`)[0],
    "error  f.yaml: is larger than 16 MiB",
  );
  t.ok(good >= 0);
});

t.test("what is hostile is refused in a few lines, and does nothing to a terminal", (t) => {
  const said = (text: string) =>
    loadYaml(text, { file: "f", unknownFields: "error" }).errors.map(formatValidationError);
  t.strictSame(said("kind: \0"), ["error  f: holds zero octets: this is no text"]);
  const shown = said("kind: Node\nmetadata: {name: \u001b[31mred\u202e}\n").join("\n");
  t.ok(shown.length > 0, shown);
  for (const character of ["\u001b", "\u202e"]) t.notOk(shown.includes(character), shown);
  const deep = said("[".repeat(20_000));
  t.ok(deep.length <= 5 && deep.every((each) => each.length < 500), "deep nesting");
  const long = said(`kind: ${"x".repeat(5000)}`).join("\n");
  t.ok(long.length < 8000, "a long line is shown in part");
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x,x]"];
  for (const [to, from] of ["ba", "cb", "dc", "ed"]) {
    bomb.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join()}]`);
  }
  t.match(said(bomb.join("\n")).join(), /too many aliases/);
  t.end();
});
