/*
 * Appends netlink messages to one buffer that is sent whole. Integers are in host order, which is little-endian on
 * every machine that tortie supports; addresses are in network order.
 *
 *     0          4       6        8        12       16
 *     +----------+-------+--------+--------+--------+---------+---------------------------------+
 *     | length   | type  | flags  | seq    | portid | header  | attributes: length, type, value |
 *     +----------+-------+--------+--------+--------+---------+---------------------------------+
 */

const HEADER_OCTETS = 16;

/** Builds netlink messages, one after another. */
export class NetlinkWriter {
  #bytes: Buffer<ArrayBuffer>;
  #length = 0;
  #start = 0;

  constructor(capacity = 1024) {
    this.#bytes = Buffer.alloc(capacity);
  }

  /** What was written so far; valid until the next write. */
  get bytes(): Buffer<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  begin(type: number, flags: number, sequence: number): void {
    this.#reserve(HEADER_OCTETS);
    this.#start = this.#length;
    this.#bytes.writeUInt32LE(0, this.#length);
    this.#bytes.writeUInt16LE(type, this.#length + 4);
    this.#bytes.writeUInt16LE(flags, this.#length + 6);
    this.#bytes.writeUInt32LE(sequence, this.#length + 8);
    this.#bytes.writeUInt32LE(0, this.#length + 12);
    this.#length += HEADER_OCTETS;
  }

  /** Patches the length of the message that begin() opened. */
  end(): void {
    this.#bytes.writeUInt32LE(this.#length - this.#start, this.#start);
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#length = this.#bytes.writeUInt16LE(value, this.#length);
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeUInt32LE(value >>> 0, this.#length);
  }

  /** Octets as they are, then zeros up to the next multiple of four. */
  padded(octets: Uint8Array): void {
    const end = this.#length + octets.length;
    const padding = -octets.length & 3;
    this.#reserve(octets.length + padding);
    this.#bytes.set(octets, this.#length);
    this.#bytes.fill(0, end, end + padding);
    this.#length = end + padding;
  }

  attribute(type: number, value: Uint8Array): void {
    this.#attributeHeader(type, value.length);
    this.padded(value);
  }

  attributeU8(type: number, value: number): void {
    this.attribute(type, Uint8Array.of(value));
  }

  attributeU16(type: number, value: number): void {
    this.attribute(type, Uint8Array.of(value & 255, value >>> 8));
  }

  attributeU32(type: number, value: number): void {
    this.#attributeHeader(type, 4);
    this.u32(value);
  }

  /** nfnetlink's integers are in network order. */
  attributeBe32(type: number, value: number): void {
    this.attribute(type, be32(value));
  }

  attributeFlag(type: number): void {
    this.#attributeHeader(type, 0);
  }

  /** Text with its final zero. */
  attributeText(type: number, text: string): void {
    this.attribute(type, Buffer.from(`${text}\0`));
  }

  /** An attribute whose value is what `write` appends. */
  nested(type: number, write: () => void): void {
    const start = this.#length;
    this.#attributeHeader(type, 0);
    write();
    this.#bytes.writeUInt16LE(this.#length - start, start);
  }

  /** A structure that begins with its own 16-bit length, as rtnexthop does. */
  measured(write: () => void): void {
    const start = this.#length;
    this.u16(0);
    write();
    this.#bytes.writeUInt16LE(this.#length - start, start);
  }

  #attributeHeader(type: number, valueOctets: number): void {
    this.u16(4 + valueOctets);
    this.u16(type);
  }

  #reserve(octets: number): void {
    if (this.#length + octets <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#length + octets));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Four octets in network order. */
export function be32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeInt32BE(value | 0);
  return octets;
}
