import { type Document, isMap, isPair, isScalar, isSeq, type LineCounter, type Node } from "yaml";
import { editDistance } from "./nearest.ts";
import type { SourcePlace } from "./validation-error.ts";

/** A YAML text and where things stand in it: from an object's path to file, line, column and excerpt. */
export class SourceText {
  readonly file: string;
  readonly #text: string;
  readonly #lines: readonly string[];
  readonly #hidden: readonly boolean[];
  readonly #lineCounter: LineCounter;

  constructor(source: {
    readonly file: string;
    readonly text: string;
    readonly lineCounter: LineCounter;
  }) {
    this.file = source.file;
    this.#text = source.text;
    this.#lines = source.text.split(/\r?\n/);
    this.#hidden = linesWithKeys(this.#lines);
    this.#lineCounter = source.lineCounter;
  }

  /** The place of a field, or of the nearest object around it when it is not there. */
  placeOf(
    document: Document,
    path: readonly (string | number)[],
    { at }: { readonly at: "key" | undefined },
  ): SourcePlace {
    const [start, end] = this.#find(document, path, at);
    return this.placeAt(start, end);
  }

  lineOf(document: Document, path: readonly (string | number)[]): number {
    return this.#lineCounter.linePos(this.#find(document, path, undefined)[0]).line;
  }

  rangeOf(document: Document): readonly [number, number] {
    const [start = 0, end = start] = document.contents?.range ?? [0, 0];
    return [start, end];
  }

  placeAt(start: number, end: number): SourcePlace {
    const { line, col } = this.#lineCounter.linePos(Math.min(start, this.#text.length));
    const place = { file: this.file, line: Math.max(1, line), column: Math.max(1, col) };
    const excerpt = this.#excerpt(place, Math.max(1, end - start));
    return excerpt === undefined ? place : { ...place, excerpt };
  }

  #find(
    document: Document,
    path: readonly (string | number)[],
    at: "key" | undefined,
  ): readonly [number, number] {
    let node = document.contents as Node | null;
    let found = spanOf(node);
    for (const step of path) {
      const child = childOf(node, step);
      if (child === undefined) return found;
      node = child.value;
      // An object is named by its key: its own text begins a line further down.
      found = child.key !== undefined && !isScalar(node) ? child.key : spanOf(node);
      if (at === "key" && step === path.at(-1) && child.key !== undefined) found = child.key;
    }
    return found;
  }

  /** Two lines: the text, and a caret for each character meant. Undefined where a key could be shown. */
  #excerpt(
    place: { readonly line: number; readonly column: number },
    length: number,
  ): string | undefined {
    const text = this.#lines[place.line - 1];
    if (text === undefined || text.trim() === "" || this.#hidden[place.line - 1]) return undefined;
    // Of a long line, what stands around the place; characters that do something to a terminal do nothing here.
    const from = Math.max(0, Math.min(place.column - 1, text.length - 1) - BEFORE_PLACE);
    const shown = text.slice(from, from + LONGEST_EXCERPT);
    const clean = shown.replaceAll("\t", " ").replace(/[\p{Cc}\p{Cf}]/gu, "\u00b7");
    const gutter = String(place.line).padStart(4);
    const before = place.column - 1 - from;
    const carets = "^".repeat(Math.max(1, Math.min(length, shown.length - before)));
    return `${gutter} | ${clean}\n${" ".repeat(4)} | ${" ".repeat(before)}${carets}`;
  }
}

/** Characters of a line that are shown at most, and those before the place. */
const LONGEST_EXCERPT = 160;
const BEFORE_PLACE = 100;

/**
 * Which lines are never shown: each that names a password, or nearly ("pasword: …"), and those after it until the next field that
 * is not deeper: the key may stand on lines of its own.
 */
function linesWithKeys(lines: readonly string[]): readonly boolean[] {
  let deeperThan: number | undefined;
  return lines.map((line) => {
    const indent = line.search(/[^\s-]/);
    if (deeperThan !== undefined && indent <= deeperThan && FIELD.test(line))
      deeperThan = undefined;
    if (namesKey(line)) deeperThan = indent;
    return deeperThan !== undefined;
  });
}

/** A line that begins with a field's name, or a list's dash before one. */
const FIELD = /^[\s-]*("[^"]*"|'[^']*'|[\w./-]+)\s*:(\s|$)/;

function namesKey(line: string): boolean {
  if (/pass|secret/i.test(line) || holdsLogin(line)) return true;
  const words = line.match(/[A-Za-z]{6,10}/g) ?? [];
  return words.some((word) => editDistance(word.toLowerCase(), "password") <= 2);
}

type Span = readonly [start: number, end: number];

/** The member of a map or list, with the place of its key where it has one. */
function childOf(
  node: Node | null,
  step: string | number,
): { readonly key?: Span; readonly value: Node | null } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return item === undefined ? undefined : { value: item as Node };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find((item) => isPair(item) && keyText(item.key) === String(step));
  return pair && { key: spanOf(pair.key as Node | null), value: pair.value as Node | null };
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : "";
}

function spanOf(node: Node | null | undefined): Span {
  const [start = 0, end = start] = node?.range ?? [0, 1];
  return [start, end];
}

/** "https://user:password@host". */
export function holdsLogin(text: string): boolean {
  return /:\/\/[^/\s]*@/.test(text);
}
