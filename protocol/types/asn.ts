import type { Branded } from "./brand.ts";

/** Four-octet autonomous system number, 1 to 4294967295. RFC 6793 §3; 0 is reserved, RFC 7607. */
export type Asn = Branded<number, "Asn">;

/** Checks an AS number. Throws RangeError for anything that is not an integer from 1 to 2^32 - 1. */
export function Asn(value: number): Asn {
  if (!Number.isInteger(value) || value < 1 || value > 0xffff_ffff) {
    throw new RangeError(`not an AS number: ${value}`);
  }
  return value as Asn;
}

/** Stands for an AS number that a two-octet speaker cannot carry. RFC 6793 §9. */
export const AS_TRANS = Asn(23456);

/** Parses "65001" (asplain) or "1.10" (asdot). RFC 5396. Returns undefined for anything else. */
export function parseAsn(text: string): Asn | undefined {
  const dotted = /^(\d{1,5})\.(\d{1,5})$/.exec(text);
  const value = dotted
    ? dottedValue(Number(dotted[1]), Number(dotted[2]))
    : /^\d{1,10}$/.test(text)
      ? Number(text)
      : Number.NaN;
  return value >= 1 && value <= 0xffff_ffff ? Asn(value) : undefined;
}

function dottedValue(high: number, low: number): number {
  return high <= 0xffff && low <= 0xffff ? high * 0x1_0000 + low : Number.NaN;
}
