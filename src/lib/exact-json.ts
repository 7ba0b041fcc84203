/**
 * JSON in which integers keep every digit. A number of JavaScript is exact up to 2^53; what other programs write is not
 * bound by that (Calico's block sequence numbers are nanoseconds), and a read-modify-write must not round it. An integer
 * that a number cannot hold becomes a bigint, and is written as the same digits again.
 */

/** Parses; integers beyond ±(2^53 − 1) become bigints. Throws SyntaxError. */
export function parseExactJson(text: string): unknown {
  // A reviver makes parsing several times slower, and nearly no text has sixteen digits in a row.
  return MAY_BE_INEXACT.test(text) ? parseWithSource(text, revive) : JSON.parse(text);
}

/** Writes on one line. Fields that are undefined are left out, as by JSON.stringify. */
export function formatExactJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // JSON.stringify refuses bigints. A replacer would make every text several times slower, for the few that hold one.
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, (_name, field: unknown) =>
      typeof field === "bigint" ? rawJson(String(field)) : field,
    );
  }
}

/** Whether two values mean the same: the order of fields does not matter, and an undefined field is none. */
export function equalJson(a: unknown, b: unknown): boolean {
  // Equal integers are both numbers or both bigints: their size decides.
  if (!isObject(a) || !isObject(b)) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [definedFields(a), definedFields(b)];
  if (left.length !== right.length) return false;
  return left.every(([name, value]) => Object.hasOwn(b, name) && equalJson(value, b[name]));
}

const MAY_BE_INEXACT = /\d{16}/;
const INTEGER = /^-?\d+$/;

type Reviver = (name: string, value: unknown, context: { readonly source?: string }) => unknown;

/** ECMAScript's proposal "JSON.parse source text access" is in Node from 21 on, and not yet in TypeScript's library. */
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown;
const rawJson = (JSON as unknown as { readonly rawJSON: (text: string) => unknown }).rawJSON;

function revive(_name: string, value: unknown, { source }: { readonly source?: string }): unknown {
  const inexact = typeof value === "number" && !Number.isSafeInteger(value);
  return inexact && source !== undefined && INTEGER.test(source) ? BigInt(source) : value;
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null;
}

function definedFields(value: { readonly [name: string]: unknown }): [string, unknown][] {
  return Object.entries(value).filter(([, field]) => field !== undefined);
}
