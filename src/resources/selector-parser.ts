import type { ComparisonOperator, Selector, SelectorParseResult } from "./selector.ts";

/** Longest label name, as in Calico. */
const MAX_LABEL_LENGTH = 512;
/** Deepest nesting of parentheses and "!"; a text beyond it is refused instead of exhausting the stack. */
const MAX_DEPTH = 100;

const LABEL = /[A-Za-z0-9_./-]+/y;
const BLANK = /[ \t]*/y;

/** The operators between a label and its text. Longer spellings stand before their prefixes. */
const COMPARISONS: readonly { readonly pattern: RegExp; readonly type: ComparisonOperator }[] = [
  { pattern: /==/y, type: "equals" },
  { pattern: /!=/y, type: "notEquals" },
  { pattern: /contains(?![A-Za-z0-9_./-])/y, type: "contains" },
  { pattern: /starts[ \t]*with(?![A-Za-z0-9_./-])/y, type: "startsWith" },
  { pattern: /ends[ \t]*with(?![A-Za-z0-9_./-])/y, type: "endsWith" },
];
const NOT_IN = /not[ \t]*in(?![A-Za-z0-9_./-])/y;
const IN = /in(?![A-Za-z0-9_./-])/y;

/** Recursive descent over Calico's selector language: || binds least, then &&, then a stack of "!". */
export function parseSelectorText(text: string): SelectorParseResult {
  const parser = new Parser(text);
  try {
    return { ok: true, selector: parser.parse() };
  } catch (error) {
    if (error instanceof SelectorError) {
      return { ok: false, message: error.message, offset: error.offset };
    }
    throw error;
  }
}

/** Stays within this file: the way out of the recursion. */
class SelectorError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

class Parser {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Selector {
    this.#skipBlanks();
    if (this.#atEnd()) return { type: "all" };
    const selector = this.#chain(0);
    if (!this.#atEnd()) this.#fail(`unexpected ${this.#here()}; expected &&, || or the end`);
    return selector;
  }

  /** One or more conjunctions joined by "||". */
  #chain(depth: number): Selector {
    if (depth > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH}`);
    const operands = [this.#conjunction(depth)];
    while (this.#accept("||")) operands.push(this.#conjunction(depth));
    return joined("or", operands);
  }

  #conjunction(depth: number): Selector {
    const operands = [this.#operand(depth)];
    while (this.#accept("&&")) operands.push(this.#operand(depth));
    return joined("and", operands);
  }

  #operand(depth: number): Selector {
    if (depth > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH}`);
    if (this.#accept("!")) return { type: "not", operand: this.#operand(depth + 1) };
    if (this.#accept("(")) {
      const inner = this.#chain(depth + 1);
      if (!this.#accept(")")) this.#fail("expected ) here");
      return inner;
    }
    return this.#call("all") ?? this.#call("global") ?? this.#has() ?? this.#comparison();
  }

  /** "all()" and "global()": blanks are allowed between the parentheses only. */
  #call(type: "all" | "global"): Selector | undefined {
    if (this.#match(new RegExp(`${type}\\([ \\t]*\\)`, "y")) === undefined) return undefined;
    this.#skipBlanks();
    return { type };
  }

  #has(): Selector | undefined {
    if (!this.#accept("has(")) return undefined;
    const label = this.#label();
    if (!this.#accept(")")) this.#fail("expected ) after the label");
    return { type: "has", label };
  }

  #comparison(): Selector {
    const label = this.#label();
    for (const { pattern, type } of COMPARISONS) {
      if (this.#match(pattern) === undefined) continue;
      this.#skipBlanks();
      return { type, label, value: this.#string() };
    }
    if (this.#match(NOT_IN) !== undefined) return { type: "notIn", label, values: this.#set() };
    if (this.#match(IN) !== undefined) return { type: "in", label, values: this.#set() };
    const found = this.#here();
    return this.#fail(
      `expected ==, !=, in, not in, contains, starts with or ends with after ${label}, not ${found}`,
    );
  }

  #label(): string {
    const start = this.#position;
    const label = this.#match(LABEL);
    if (label === undefined) return this.#fail(`expected a label, not ${this.#here()}`);
    if (label.length > MAX_LABEL_LENGTH) {
      throw new SelectorError(`a label has at most ${MAX_LABEL_LENGTH} characters`, start);
    }
    this.#skipBlanks();
    return label;
  }

  #string(): string {
    const quote = this.#text[this.#position];
    if (quote !== '"' && quote !== "'") {
      return this.#fail(`expected a text in quotes, not ${this.#here()}`);
    }
    const end = this.#text.indexOf(quote, this.#position + 1);
    if (end < 0) return this.#fail("the text is not closed by a quote");
    const value = this.#text.slice(this.#position + 1, end);
    this.#position = end + 1;
    this.#skipBlanks();
    return value;
  }

  #set(): readonly string[] {
    this.#skipBlanks();
    if (!this.#accept("{")) this.#fail(`expected { here, not ${this.#here()}`);
    const values = new Set<string>();
    if (this.#accept("}")) return [];
    do values.add(this.#string());
    while (this.#accept(","));
    if (!this.#accept("}")) this.#fail(`expected , or } here, not ${this.#here()}`);
    return [...values].sort();
  }

  #accept(literal: string): boolean {
    if (!this.#text.startsWith(literal, this.#position)) return false;
    this.#position += literal.length;
    this.#skipBlanks();
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text)?.[0];
    if (match !== undefined) this.#position += match.length;
    return match;
  }

  #skipBlanks(): void {
    this.#match(BLANK);
  }

  #atEnd(): boolean {
    return this.#position >= this.#text.length;
  }

  #here(): string {
    return this.#atEnd() ? "the end" : JSON.stringify(this.#text[this.#position]);
  }

  #fail(message: string): never {
    throw new SelectorError(message, this.#position);
  }
}

/** A chain of one is that one; chains of the same kind inside parentheses stay as they were written. */
function joined(type: "and" | "or", operands: readonly Selector[]): Selector {
  const [first] = operands;
  return operands.length === 1 && first ? first : { type, operands };
}
