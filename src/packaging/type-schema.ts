/*
 * JSON Schemas from the declarations of api-types.ts, so that the types stay the only place where the API's answers are
 * described. It reads as much of TypeScript as that file uses: object types with readonly and optional fields, unions,
 * lists, literals, names, generics, index signatures, and the comments before fields. Anything else is an error.
 */

export type Schema = { readonly [keyword: string]: unknown };

/** Schemas by the names of the types: of those named, and of all that they mention; of all, if none is named. */
export function schemasOfTypes(
  source: string,
  wanted?: readonly string[],
): { readonly [name: string]: Schema } {
  const reader = new Reader(tokens(source));
  const types = new Map<string, Declaration>();
  while (!reader.atEnd) {
    const declaration = reader.declaration();
    if (declaration !== undefined) types.set(declaration.name, declaration);
  }
  const context: Context = { types, constants: constantsOf(source), bound: new Map() };
  const schemas = new Map<string, Schema>();
  const names = wanted ?? [...types.keys()];
  for (const queue = [...names]; queue.length > 0; ) {
    const declaration = types.get(queue.pop() ?? "");
    if (declaration === undefined || schemas.has(declaration.name)) continue;
    if (declaration.parameters.length > 0) continue;
    const schema = described(schemaOf(declaration.type, context), declaration.comment);
    schemas.set(declaration.name, schema);
    const mentioned = JSON.stringify(schema).matchAll(/#\/components\/schemas\/(\w+)/g);
    for (const [, name = ""] of mentioned) queue.push(name);
  }
  const inOrder = [...types.keys()].filter((name) => schemas.has(name));
  return Object.fromEntries(inOrder.map((name) => [name, schemas.get(name) ?? {}]));
}

type Declaration = {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly comment: string | undefined;
  readonly type: Type;
};

type Type =
  | { readonly type: "object"; readonly fields: readonly Field[]; readonly rest?: Type }
  | { readonly type: "union"; readonly members: readonly Type[] }
  | { readonly type: "all"; readonly members: readonly Type[] }
  /** Written in a way that is not known here; an error only where an answer holds it. */
  | { readonly type: "unreadable"; readonly why: string }
  | { readonly type: "list"; readonly item: Type }
  | { readonly type: "literal"; readonly value: string | boolean }
  | { readonly type: "constant"; readonly name: string }
  | { readonly type: "name"; readonly name: string; readonly arguments: readonly Type[] };

type Field = {
  readonly name: string;
  readonly optional: boolean;
  readonly comment: string | undefined;
  readonly value: Type;
};

type Context = {
  readonly types: ReadonlyMap<string, Declaration>;
  readonly constants: ReadonlyMap<string, string>;
  /** What the parameters of a generic type stand for. */
  readonly bound: ReadonlyMap<string, Type>;
};

const BASIC: { readonly [name: string]: Schema } = {
  string: { type: "string" },
  number: { type: "number" },
  boolean: { type: "boolean" },
  unknown: {},
};

function schemaOf(type: Type, context: Context): Schema {
  switch (type.type) {
    case "object":
      return objectSchema(type, context);
    case "union":
      return unionSchema(type.members, context);
    case "all":
      return { allOf: type.members.map((member) => schemaOf(member, context)) };
    case "unreadable":
      throw new Error(type.why);
    case "list":
      return { type: "array", items: schemaOf(type.item, context) };
    case "literal":
      return { const: type.value };
    case "constant":
      return { const: context.constants.get(type.name) };
    case "name":
      return namedSchema(type, context);
  }
}

function objectSchema(
  { fields, rest }: Type & { readonly type: "object" },
  context: Context,
): Schema {
  const properties = fields.map(({ name, comment, value }) => [
    name,
    described(schemaOf(value, context), comment),
  ]);
  const required = fields.filter(({ optional }) => !optional).map(({ name }) => name);
  return {
    type: "object",
    ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
    ...(required.length > 0 && { required }),
    ...(rest !== undefined && { additionalProperties: schemaOf(rest, context) }),
  };
}

function unionSchema(members: readonly Type[], context: Context): Schema {
  const literals = members.flatMap((each) => (each.type === "literal" ? [each.value] : []));
  if (literals.length === members.length) return { enum: literals };
  return { anyOf: members.map((member) => schemaOf(member, context)) };
}

function namedSchema(
  { name, arguments: given }: Type & { readonly type: "name" },
  context: Context,
): Schema {
  const basic = BASIC[name];
  if (basic !== undefined) return basic;
  const bound = context.bound.get(name);
  if (bound !== undefined) return schemaOf(bound, { ...context, bound: new Map() });
  const declaration = context.types.get(name);
  if (declaration === undefined) throw new Error(`api-types.ts: what is ${name}?`);
  const { parameters, type } = declaration;
  if (parameters.length === 0) return { $ref: `#/components/schemas/${name}` };
  const pairs = parameters.flatMap((parameter, i): [string, Type][] => {
    const argument = given[i];
    return argument === undefined ? [] : [[parameter, argument]];
  });
  return schemaOf(type, { ...context, bound: new Map(pairs) });
}

function described(schema: Schema, description: string | undefined): Schema {
  return description === undefined ? schema : { description, ...schema };
}

/** `export const API_VERSION = "tortie/v1";` */
function constantsOf(source: string): ReadonlyMap<string, string> {
  const found = source.matchAll(/^export const (\w+) = "([^"]*)"/gm);
  return new Map([...found].map(([, name = "", value = ""]) => [name, value]));
}

const TOKEN =
  /\/\*\*([\s\S]*?)\*\/|\/\*[\s\S]*?\*\/|\/\/[^\n]*|"([^"]*)"|[A-Za-z_]\w*|[{}[\]<>()|&:;,=?]|\.\.\.|\S/g;

type Token = { readonly text: string; readonly comment?: string };

function tokens(source: string): readonly Token[] {
  return [...source.matchAll(TOKEN)].flatMap(([text, comment]) => {
    if (comment !== undefined) return [{ text: "", comment: commentText(comment) }];
    return text.startsWith("/*") || text.startsWith("//") ? [] : [{ text }];
  });
}

function commentText(comment: string): string {
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, "").trim())
    .filter((line) => line !== "")
    .join(" ");
}

/** Reads declarations, one after the other. */
class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get atEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The type that is declared next; undefined where something else stands, which is passed over. */
  declaration(): Declaration | undefined {
    const comment = this.#comment();
    if (this.#take("export") && this.#take("type")) {
      const name = this.#next();
      try {
        const parameters = this.#parameters();
        this.#need("=");
        const type = this.#type();
        this.#need(";");
        return { name, parameters, comment, type };
      } catch (error) {
        const type = { type: "unreadable", why: (error as Error).message } as const;
        return { name, parameters: [], comment, type };
      }
    }
    do this.#at++;
    while (!this.atEnd && !this.#isDeclaration());
    return undefined;
  }

  #isDeclaration(): boolean {
    const start = this.#tokens[this.#at]?.comment === undefined ? 0 : 1;
    return this.#peek(start) === "export" && this.#peek(start + 1) === "type";
  }

  #parameters(): readonly string[] {
    const names: string[] = [];
    if (!this.#take("<")) return names;
    do {
      names.push(this.#next());
      if (this.#take("extends")) this.#type();
    } while (this.#take(","));
    this.#need(">");
    return names;
  }

  #type(): Type {
    this.#comment();
    this.#take("|");
    const members = [this.#intersection()];
    for (this.#comment(); this.#take("|"); this.#comment()) members.push(this.#intersection());
    const [only] = members;
    return only !== undefined && members.length === 1 ? only : { type: "union", members };
  }

  #intersection(): Type {
    const members = [this.#member()];
    while (this.#take("&")) members.push(this.#member());
    const [only] = members;
    return only !== undefined && members.length === 1 ? only : { type: "all", members };
  }

  #member(): Type {
    this.#comment();
    this.#take("readonly");
    let type = this.#single();
    while (this.#peek() === "[" && this.#peek(1) === "]") {
      this.#at += 2;
      type = { type: "list", item: type };
    }
    return type;
  }

  #single(): Type {
    if (this.#take("{")) return this.#object();
    if (this.#take("(")) {
      const inner = this.#type();
      this.#need(")");
      return inner;
    }
    const word = this.#next();
    if (word === "typeof") return { type: "constant", name: this.#next() };
    if (word.startsWith('"')) return { type: "literal", value: word.slice(1, -1) };
    if (word === "true" || word === "false") return { type: "literal", value: word === "true" };
    const given: Type[] = [];
    if (this.#take("<")) {
      do given.push(this.#type());
      while (this.#take(","));
      this.#need(">");
    }
    return { type: "name", name: word, arguments: given };
  }

  #object(): Type {
    const fields: Field[] = [];
    let rest: Type | undefined;
    for (let comment = this.#comment(); !this.#take("}"); comment = this.#comment()) {
      this.#take("readonly");
      if (this.#take("[")) {
        this.#at += 1;
        this.#need(":");
        this.#type();
        this.#need("]");
        this.#need(":");
        rest = this.#type();
      } else {
        const name = this.#next();
        const optional = this.#take("?");
        this.#need(":");
        fields.push({ name, optional, comment, value: this.#type() });
      }
      this.#take(";");
    }
    return { type: "object", fields, ...(rest !== undefined && { rest }) };
  }

  /** Passes comments over; the last one counts. */
  #comment(): string | undefined {
    let found: string | undefined;
    for (let token = this.#tokens[this.#at]; token?.comment !== undefined; ) {
      found = token.comment;
      token = this.#tokens[++this.#at];
    }
    return found;
  }

  #peek(ahead = 0): string | undefined {
    return this.#tokens[this.#at + ahead]?.text;
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new Error("api-types.ts ends in the middle of a type");
    return token.text;
  }

  #take(text: string): boolean {
    if (this.#peek() !== text) return false;
    this.#at++;
    return true;
  }

  #need(text: string): void {
    const found = this.#next();
    if (found !== text) throw new Error(`api-types.ts: expected "${text}" and found "${found}"`);
  }
}
