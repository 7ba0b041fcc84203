import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ApiServer } from "../../../src/api/api-server.ts";
import { ApiClient } from "../../../src/api/client.ts";
import { resourceSchema } from "../../../src/cli/resource-schema.ts";
import { schemasOfTypes } from "../../../src/packaging/type-schema.ts";
import { KINDS } from "../../../src/resources/kinds.ts";
import { fakeApiSource } from "../../support/fake-api-source.ts";
import { breakingChanges, schemaErrors } from "../../support/json-schema.ts";
import { runCli } from "../../support/run-cli.ts";

const DOCS = join(import.meta.dirname, "../../../docs/api");

type Document = {
  readonly paths: { readonly [path: string]: { readonly [method: string]: unknown } };
  readonly components: { readonly schemas: { readonly [name: string]: object } };
};

function read(file: string): Document {
  return JSON.parse(readFileSync(join(DOCS, file), "utf8"));
}

const current = read("openapi.json");

t.test("what a release has promised is still there, as it was", (t) => {
  const releases = readdirSync(join(DOCS, "released"));
  t.ok(releases.length > 0);
  for (const file of releases) {
    const released = read(`released/${file}`);
    for (const [path, operations] of Object.entries(released.paths)) {
      for (const method of Object.keys(operations)) {
        t.ok(current.paths[path]?.[method], `${method} ${path}`);
        t.match(current.paths[path]?.[method], operations[method] as object, `${method} ${path}`);
      }
    }
    for (const [name, schema] of Object.entries(released.components.schemas)) {
      const now = current.components.schemas[name] as Record<string, unknown> | undefined;
      t.strictSame(breakingChanges(schema as Record<string, unknown>, now), [], name);
    }
  }
  t.end();
});

t.test("the comparison sees what breaks a reader", (t) => {
  const older = {
    type: "object",
    properties: { a: { type: "string" }, b: { enum: ["x", "y"] } },
    required: ["a"],
  };
  const change = (properties: object, required = ["a"]) =>
    breakingChanges(older, { type: "object", properties, required });
  const { a, b } = older.properties;
  t.strictSame(
    change({ a, b, c: { type: "number" } }, ["a", "c"]),
    [],
    "a new field breaks nobody",
  );
  t.strictSame(change({ b }), ["$.a is gone"]);
  t.strictSame(change({ a: { type: "number" }, b }), ["$.a is number, was string"]);
  t.strictSame(change({ a, b: { enum: ["x"] } }), ["$.b lost y"]);
  t.strictSame(change({ a, b }, []), ["$.a may be absent now"]);
  t.end();
});

t.test("every answer, and what the commands print as JSON, is as its schema says", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tortie-document-"));
  const socket = join(folder, "tortie.sock");
  const api = await ApiServer.start({ path: socket, source: fakeApiSource(), onError: () => {} });
  t.teardown(async () => {
    await api.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const client = new ApiClient(socket);
  const answers: [string, unknown][] = [
    ["StatusReport", await client.status()],
    ["PeerList", await client.peers()],
    ["PeerReport", await client.peer("10.0.0.254")],
    ["RouteList", await client.routes({})],
    ["ExplainReport", await client.explain("192.168.0.2")],
    ["EventList", await client.events({})],
    ["ResourceList", await client.resources("nodes")],
    ["KernelReport", await client.kernel()],
    ["Done", await client.refreshPeer("10.0.0.2", "in")],
  ];
  const commands: [string, string][] = [
    ["StatusReport", "status"],
    ["PeerList", "bgp peers"],
    ["PeerReport", "bgp neighbor 10.0.0.254"],
    ["RouteList", "bgp routes"],
    ["ExplainReport", "explain 192.168.0.2"],
    ["EventList", "events"],
  ];
  for (const [type, line] of commands) {
    const { stdout } = await runCli(`${line} -o json`, { env: { TORTIE_SOCKET: socket } });
    answers.push([type, JSON.parse(stdout)]);
  }
  for (const [type, answer] of answers) {
    const schema = current.components.schemas[type] as Record<string, unknown>;
    t.strictSame(schemaErrors(answer, schema, current), [], type);
    t.not(
      schemaErrors({ ...(answer as object), apiVersion: 1, state: 1 }, schema, current).length,
      0,
    );
  }
});

t.test(
  "types as schemas: optional fields, lists, unions, generics, comments; unknown names are errors",
  (t) => {
    const source = `export const V = "v/1";
/** A list. */
export type List<Kind extends string, Item> = { readonly v: typeof V; readonly kind: Kind; readonly items: readonly Item[] };
export function not(): void { return; }
/** One thing. */
export type Thing = {
  /** Its name. */
  readonly name: string;
  readonly size?: number | string;
  readonly state: "up" | "down";
  readonly more: { readonly [field: string]: unknown };
};
export type Things = List<"Things", Thing>;`;
    const schemas = schemasOfTypes(source);
    t.strictSame(schemas["Thing"], {
      description: "One thing.",
      type: "object",
      properties: {
        name: { description: "Its name.", type: "string" },
        size: { anyOf: [{ type: "number" }, { type: "string" }] },
        state: { enum: ["up", "down"] },
        more: { type: "object", additionalProperties: {} },
      },
      required: ["name", "state", "more"],
    });
    t.match(schemas["Things"], {
      properties: {
        v: { const: "v/1" },
        kind: { const: "Things" },
        items: { type: "array", items: { $ref: "#/components/schemas/Thing" } },
      },
    });
    t.throws(() => schemasOfTypes("export type A = { readonly b: Nowhere };"), /what is Nowhere/);
    t.throws(() => schemasOfTypes("export type A = { readonly b: string"), /ends in the middle/);
    t.end();
  },
);

t.test("every kind has a schema, with its fields", (t) => {
  for (const { kind } of KINDS) t.match(resourceSchema(kind), { title: kind, type: "object" });
  t.match(resourceSchema("BGPPeer"), {
    properties: { spec: { properties: { peerIP: { type: "string" } } } },
  });
  t.end();
});
