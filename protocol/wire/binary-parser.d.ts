/*
 * The part of binary-parser that fixed-layout.ts uses. The package's own types do not resolve under nodenext, and they
 * would bring Node's globals into protocol/.
 */
declare module "binary-parser" {
  export class Parser {
    endianness(order: "big"): this;
    uint8(name: string): this;
    uint16(name: string): this;
    uint32(name: string): this;
    parse(octets: Uint8Array): unknown;
  }
}
