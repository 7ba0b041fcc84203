import type { Resource } from "./resource.ts";

/** What a kind is called, where it lives, and how it looks as a table. */
export type KindInfo = {
  readonly kind: string;
  /** As it stands in etcd keys and in API paths. */
  readonly plural: string;
  /** Further names that people type, in lower case. */
  readonly aliases: readonly string[];
  readonly scope: "cluster" | "namespaced";
  /** Set where names are given by programs and may hold anything but a slash. */
  readonly freeNames?: true;
  /** In the order of the wide table. */
  readonly columns: readonly Column[];
};

export type Column = {
  readonly header: string;
  /** Shown only by `-o wide`. */
  readonly wide?: true;
  readonly value: (resource: Resource, context: ColumnContext) => string;
};

/** What a cell may show besides its own object: an inherited value stands in parentheses. */
export type ColumnContext = { readonly globalAsNumber: number };

/** The first column of every table. */
export const NAME: Column = { header: "NAME", value: ({ metadata }) => metadata.name };

/** A column that shows one field, or what stands for its absence. */
export function field(
  header: string,
  path: string,
  { absent = "-", ...options }: { readonly absent?: string; readonly wide?: true } = {},
): Column {
  return { header, value: (resource) => text(resource, path) ?? absent, ...options };
}

/** The field as text; undefined where it says nothing. */
export function text({ spec }: Resource, path: string): string | undefined {
  let value: unknown = spec;
  for (const step of path.split(".")) value = (value as Record<string, unknown>)?.[step];
  if (value === undefined || value === null || value === "") return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(",");
  return String(value);
}
