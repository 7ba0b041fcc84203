import type { WireContext } from "../../../protocol/wire/wire-context.ts";
import { MANDATORY, NLRI, updateOctets } from "./update-octets.ts";

/** A condition of RFC 7606 with the octets that bring it about, and what must come of it: a session reset, or these faults. */
export type Row = {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly context?: WireContext;
} & (
  | { readonly reset: readonly [number, number]; readonly data?: string; readonly offset?: number }
  | { readonly faults: readonly string[]; readonly offset?: number; readonly announced?: number }
);

/** The message of all rows about one attribute: mandatory ones, this one last, and a prefix. */
export function withAttribute(...octets: readonly number[][]): Uint8Array {
  return updateOctets({ attributes: [...MANDATORY, ...octets], nlri: NLRI });
}

/** The same with another attribute in the place of a mandatory one. */
export function instead(index: number, octets: readonly number[]): Uint8Array {
  return updateOctets({ attributes: MANDATORY.with(index, [...octets]), nlri: NLRI });
}

export const withdraw = (code: number) => [`treat-as-withdraw ${code}`];
export const discard = (code: number) => [`attribute-discard ${code}`];

/** Attributes begin at octet 23 of a message without withdrawn routes; the three mandatory ones take 20 octets. */
export const FIRST_ATTRIBUTE = 23;
export const FOURTH_ATTRIBUTE = FIRST_ATTRIBUTE + MANDATORY.flat().length;
