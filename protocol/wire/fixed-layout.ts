import { Parser } from "binary-parser";

/*
 * Heads of messages and capabilities that are a fixed row of unsigned integers, described as data. This file is the one door
 * to binary-parser: it checks the length first, so that the parser, whose own errors say too little, never has cause to throw.
 */

/** A row of big-endian unsigned integers. */
export type FixedLayout<Field extends string> = {
  readonly octets: number;
  /** The fields at `at`, or undefined when fewer octets than `octets` are left. */
  read(bytes: Uint8Array, at: number): Readonly<Record<Field, number>> | undefined;
};

/** Describes a layout: each field with its width in bits, in the order of the octets. */
export function fixedLayout<Field extends string>(
  fields: readonly (readonly [name: Field, bits: 8 | 16 | 32])[],
): FixedLayout<Field> {
  const parser = new Parser().endianness("big");
  let octets = 0;
  for (const [name, bits] of fields) {
    if (bits === 8) parser.uint8(name);
    else if (bits === 16) parser.uint16(name);
    else parser.uint32(name);
    octets += bits / 8;
  }
  return {
    octets,
    read(bytes, at) {
      if (at + octets > bytes.length) return undefined;
      const head = bytes.subarray(at, at + octets);
      return parser.parse(head) as Readonly<Record<Field, number>>;
    },
  };
}
