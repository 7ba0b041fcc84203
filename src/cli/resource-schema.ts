import { z } from "zod";
import { type Kind, kindInfo } from "../resources/kinds.ts";
import { API_VERSION } from "../resources/resource.ts";
import { SCHEMAS } from "../resources/schemas.ts";

/** As much of JSON Schema (2020-12) as zod writes. */
export type JsonSchema = {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: { readonly [name: string]: JsonSchema };
  readonly additionalProperties?: boolean | JsonSchema;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly [more: string]: unknown;
};

/** The schema of a kind's objects as people write them; rules across fields are not in it. */
export function resourceSchema(kind: Kind): JsonSchema {
  const { $schema: _, ...spec } = z.toJSONSchema(SCHEMAS[kind].spec, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      // JSON has integers of any size, and zod a type of its own for them.
      if (zodSchema._zod.def.type === "bigint") jsonSchema.type = "integer";
    },
  }) as JsonSchema;
  const namespaced = kindInfo(kind)?.scope === "namespaced";
  const text = { type: "string" } as const;
  const map = { type: "object", additionalProperties: text } as const;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: kind,
    type: "object",
    required: ["apiVersion", "kind", "metadata"],
    properties: {
      apiVersion: { const: API_VERSION },
      kind: { const: kind },
      metadata: {
        type: "object",
        required: ["name"],
        properties: {
          name: text,
          ...(namespaced && { namespace: text }),
          labels: map,
          annotations: map,
          resourceVersion: text,
          uid: text,
          creationTimestamp: text,
        },
      },
      spec,
      status: {},
    },
  };
}
