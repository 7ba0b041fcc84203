import type { WireContext } from "../../../protocol/wire/wire-context.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../../protocol/wire/wire-context.ts";

/** Octets of an UPDATE from its parts, whatever is wrong with them. */
export function updateOctets(parts: {
  readonly withdrawn?: readonly number[];
  readonly attributes?: readonly (readonly number[])[];
  readonly nlri?: readonly number[];
}): Uint8Array {
  const withdrawn = parts.withdrawn ?? [];
  const attributes = (parts.attributes ?? []).flat();
  const body = [
    ...u16(withdrawn.length),
    ...withdrawn,
    ...u16(attributes.length),
    ...attributes,
    ...(parts.nlri ?? []),
  ];
  return message(2, body);
}

/** A message of any type, with a right marker and length. */
export function message(type: number, body: readonly number[]): Uint8Array {
  return Uint8Array.from([...new Array(16).fill(255), ...u16(19 + body.length), type, ...body]);
}

/** An attribute with a one-octet length. */
export function attribute(flags: number, code: number, value: readonly number[]): number[] {
  return [flags, code, value.length, ...value];
}

export function u16(value: number): number[] {
  return [value >> 8, value & 255];
}

export function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

export const ORIGIN_IGP = attribute(0x40, 1, [0]);
export const AS_PATH_65001 = attribute(0x40, 2, [2, 1, ...u32(65001)]);
export const NEXT_HOP = attribute(0x40, 3, [192, 0, 2, 1]);
export const MANDATORY: readonly number[][] = [ORIGIN_IGP, AS_PATH_65001, NEXT_HOP];

/** 203.0.113.0/24. */
export const NLRI = [24, 203, 0, 113];

/** MP_REACH_NLRI for 2001:db8:1::/48 by 2001:db8::1. */
export const MP_REACH_VALUE = [
  0, 2, 1, 16, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 48, 0x20, 0x01, 0x0d,
  0xb8, 0, 1,
];
export const MP_REACH = attribute(0x80, 14, MP_REACH_VALUE);
/** MP_UNREACH_NLRI for 2001:db8:dead::/48. */
export const MP_UNREACH = attribute(0x80, 15, [0, 2, 1, 48, 0x20, 0x01, 0x0d, 0xb8, 0xde, 0xad]);

export const EXTERNAL: WireContext = { ...DEFAULT_WIRE_CONTEXT, peerType: "external" };
export const INTERNAL: WireContext = { ...DEFAULT_WIRE_CONTEXT, peerType: "internal" };
export const TWO_OCTET: WireContext = { ...EXTERNAL, fourOctetAsn: false };
