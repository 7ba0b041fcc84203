import { type Document, LineCounter, parseAllDocuments, type YAMLError } from "yaml";
import { type Complaint, formatPath } from "./explain-issue.ts";
import { formatKey, keyOf } from "./resource.ts";
import type { AnyResource } from "./schemas.ts";
import { SourceText } from "./source-text.ts";
import { type ValidateOptions, validateResource } from "./validate.ts";
import type { ValidationError } from "./validation-error.ts";

/** A larger file is refused before it is parsed. */
export const MAX_YAML_BYTES = 16 * 1024 * 1024;

const MOST_SYNTAX_ERRORS = 5;

export type LoadedResource = {
  readonly resource: AnyResource;
  /** Which YAML document of the file, from 0; several in one when it is a list. */
  readonly document: number;
  /** The characters of the document's content in the text, for replacing it in place. */
  readonly range: readonly [start: number, end: number];
  readonly place: { readonly file: string; readonly line: number };
};

export type LoadResult = {
  readonly resources: readonly LoadedResource[];
  /** Everything that is wrong in the file, in its order; also warnings. */
  readonly errors: readonly ValidationError[];
};

/**
 * Reads YAML or JSON: one document or many, single objects, lists of objects, and "List" objects with items. Good objects
 * come out beside the errors of bad ones. Never throws.
 */
export function loadYaml(
  text: string,
  { file, ...options }: ValidateOptions & { readonly file: string },
): LoadResult {
  if (Buffer.byteLength(text) > MAX_YAML_BYTES) {
    const message = `is larger than ${MAX_YAML_BYTES / 1024 / 1024} MiB`;
    return { resources: [], errors: [{ severity: "error", path: file, message }] };
  }
  if (text.includes("\0")) {
    const message = "holds zero octets: this is no text";
    return { resources: [], errors: [{ severity: "error", path: file, message }] };
  }
  const lineCounter = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter,
    prettyErrors: false,
    intAsBigInt: true,
  });
  const documents: readonly Document[] = Array.isArray(parsed) ? parsed : [];
  const source = new SourceText({ file, text, lineCounter });
  const loads = documents.map((document, index) =>
    loadDocument({ document, index, source, options }),
  );
  return {
    resources: loads.flatMap(({ resources }) => resources),
    errors: inOrder(loads.flatMap(({ errors }) => errors)),
  };
}

function inOrder(errors: readonly ValidationError[]): readonly ValidationError[] {
  const at = ({ place }: ValidationError) => (place?.line ?? 0) * 1e6 + (place?.column ?? 0);
  return errors.toSorted((a, b) => at(a) - at(b));
}

type DocumentToLoad = {
  readonly document: Document;
  readonly index: number;
  readonly source: SourceText;
  readonly options: ValidateOptions;
};

function loadDocument(work: DocumentToLoad): LoadResult {
  const { document, source } = work;
  if (document.errors.length > 0) {
    // What follows the first ones follows from them.
    const first = document.errors.slice(0, MOST_SYNTAX_ERRORS);
    return { resources: [], errors: first.map((error) => syntaxError(error, source)) };
  }
  const value = toPlainValue(document);
  if (value === undefined) {
    const message = "an alias names no anchor that stands before it, or there are too many aliases";
    const place = source.placeOf(document, [], { at: undefined });
    return { resources: [], errors: [{ severity: "error", path: "", message, place }] };
  }
  if (value === null) return { resources: [], errors: [] };
  const loads = itemsOf(value).map(({ item, path }) => loadItem(item, path, work));
  return {
    resources: loads.flatMap(({ resources }) => resources),
    errors: loads.flatMap(({ errors }) => errors),
  };
}

type Item = { readonly item: unknown; readonly path: readonly (string | number)[] };

/** `calicoctl get -o yaml` writes several objects as one "BGPPeerList" with items. */
function itemsOf(value: unknown): readonly Item[] {
  if (Array.isArray(value)) return value.map((item, index) => ({ item, path: [index] }));
  const { kind, items } = value as { readonly kind?: unknown; readonly items?: unknown };
  if (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)) {
    return items.map((item, index) => ({ item, path: ["items", index] }));
  }
  return [{ item: value, path: [] }];
}

function loadItem(item: unknown, path: Item["path"], work: DocumentToLoad): LoadResult {
  const { document, index, source, options } = work;
  const validated = validateResource(item, options);
  const complaints = validated.ok ? validated.warnings : validated.complaints;
  const resource = validated.ok ? formatKey(keyOf(validated.resource)) : nameOf(item);
  const errors = complaints.map((complaint) =>
    placed(complaint, { path, document, source, resource }),
  );
  if (!validated.ok) return { resources: [], errors };
  const range = source.rangeOf(document);
  const place = { file: source.file, line: source.lineOf(document, path) };
  return { resources: [{ resource: validated.resource, document: index, range, place }], errors };
}

function placed(
  complaint: Complaint,
  where: {
    readonly path: Item["path"];
    readonly document: Document;
    readonly source: SourceText;
    readonly resource: string | undefined;
  },
): ValidationError {
  const { severity, message, fix, at } = complaint;
  const place = where.source.placeOf(where.document, [...where.path, ...complaint.path], { at });
  return {
    severity,
    path: at === "key" ? "" : formatPath(complaint.path),
    message,
    place,
    ...(where.resource === undefined ? {} : { resource: where.resource }),
    ...(fix === undefined ? {} : { fix }),
  };
}

/** YAML's own complaints, in words that never quote the text: it may hold a key. */
function syntaxError(error: YAMLError, source: SourceText): ValidationError {
  const told = SYNTAX[error.code];
  return {
    severity: "error",
    path: "",
    message: told?.message ?? "is not YAML here",
    place: source.placeAt(error.pos[0], error.pos[1]),
    ...(told?.fix === undefined ? {} : { fix: told.fix }),
  };
}

type Told = { readonly message: string; readonly fix?: string };

const SYNTAX: Readonly<Record<string, Told>> = {
  BAD_INDENT: {
    message: "is not indented as the lines around it",
    fix: "indent with spaces, alike",
  },
  TAB_AS_INDENT: { message: "is indented with a tab", fix: "indent with spaces" },
  DUPLICATE_KEY: { message: "this field stands here twice", fix: "remove one of the two" },
  MISSING_CHAR: { message: "a quote, bracket, colon or comma is missing here" },
  UNEXPECTED_TOKEN: { message: "this does not belong here" },
  MULTILINE_IMPLICIT_KEY: { message: "a field's name must stand on one line" },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "a field begins here, but the value before it has not ended",
    fix: "put quotes around values that hold a colon and a blank",
  },
  ALIAS_PROPS: { message: "an alias cannot have an anchor or a tag" },
  BAD_ALIAS: { message: "an alias has no name" },
  KEY_OVER_1024_CHARS: { message: "a field's name is longer than 1024 characters" },
  BAD_SCALAR_START: {
    message: "a value cannot begin with this character",
    fix: "put it in quotes",
  },
  BAD_DQ_ESCAPE: { message: "unknown escape in double quotes", fix: "use single quotes" },
};

function toPlainValue(document: Document): unknown {
  try {
    return document.contents === null ? null : exact(document.toJS({ maxAliasCount: 100 }));
  } catch {
    return undefined;
  }
}

/** Integers as exact-json.ts has them: numbers where no digit is lost, bigints beyond. */
function exact(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(exact);
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, exact(inner)]));
}

function nameOf(item: unknown): string | undefined {
  const { kind, metadata } = (item ?? {}) as {
    readonly kind?: unknown;
    readonly metadata?: unknown;
  };
  const name = (metadata as { readonly name?: unknown } | undefined)?.name;
  return typeof kind === "string" && typeof name === "string" ? `${kind}/${name}` : undefined;
}
