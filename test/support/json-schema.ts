/** As much of JSON Schema as our documents use. */
type Schema = { readonly [keyword: string]: unknown };

/** Everything in which a value differs from its schema; `root` is where `$ref` looks. */
export function schemaErrors(value: unknown, schema: Schema, root: object, at = "$"): string[] {
  const {
    $ref,
    type,
    enum: values,
    const: only,
    anyOf,
    items,
    properties = {},
    required = [],
  } = schema;
  if (typeof $ref === "string") return schemaErrors(value, resolve($ref, root), root, at);
  if ("const" in schema && value !== only) return [`${at} is not ${only}`];
  if (Array.isArray(values) && !values.includes(value))
    return [`${at} is none of ${values.join()}`];
  if (Array.isArray(anyOf)) {
    const fits = anyOf.some((each) => schemaErrors(value, each, root, at).length === 0);
    return fits ? [] : [`${at} fits nothing`];
  }
  if (type !== undefined && type !== typeOf(value))
    return [`${at} is ${typeOf(value)}, not ${type}`];
  if (Array.isArray(value)) {
    return value.flatMap((item, i) =>
      schemaErrors(item, (items ?? {}) as Schema, root, `${at}[${i}]`),
    );
  }
  if (typeof value !== "object" || value === null) return [];
  const fields = properties as { readonly [name: string]: Schema };
  const open = "additionalProperties" in schema || type === undefined;
  return [
    ...(required as string[])
      .filter((name) => !(name in value))
      .map((name) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, field]) => {
      const inner = fields[name];
      if (inner === undefined) return open ? [] : [`${at}.${name} is not in the schema`];
      return schemaErrors(field, inner, root, `${at}.${name}`);
    }),
  ];
}

/** What a reader of the older document would miss, or misread, in the newer one. */
export function breakingChanges(older: Schema, newer: Schema | undefined, at = "$"): string[] {
  if (newer === undefined) return [`${at} is gone`];
  if (older["$ref"] !== newer["$ref"]) return [`${at} is another type`];
  if (older["type"] !== newer["type"]) return [`${at} is ${newer["type"]}, was ${older["type"]}`];
  if (older["const"] !== newer["const"])
    return [`${at} is ${newer["const"]}, was ${older["const"]}`];
  const [was, is] = [older, newer].map((each) => (each["enum"] ?? []) as unknown[]);
  const lost = was?.filter((value) => !is?.includes(value)) ?? [];
  const required = (newer["required"] ?? []) as string[];
  const optional = ((older["required"] ?? []) as string[]).filter(
    (name) => !required.includes(name),
  );
  const fields = Object.entries((older["properties"] ?? {}) as Record<string, Schema>);
  const newFields = (newer["properties"] ?? {}) as Record<string, Schema>;
  const items = older["items"] as Schema | undefined;
  return [
    ...lost.map((value) => `${at} lost ${value}`),
    ...optional.map((name) => `${at}.${name} may be absent now`),
    ...fields.flatMap(([name, field]) => breakingChanges(field, newFields[name], `${at}.${name}`)),
    ...(items ? breakingChanges(items, newer["items"] as Schema | undefined, `${at}[]`) : []),
  ];
}

function resolve(reference: string, root: object): Schema {
  let found: unknown = root;
  for (const name of reference.split("/").slice(1)) found = (found as Schema)[name];
  if (found === undefined) throw new Error(`no ${reference}`);
  return found as Schema;
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return value === null ? "null" : typeof value;
}
