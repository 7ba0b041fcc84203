/** A buffer that grows while octets are put into it; a number that does not fit its width is a RangeError of the caller. */
export class OctetWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** How many octets have been put. */
  get length(): number {
    return this.#length;
  }

  /** A copy of what has been put. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  putU8(value: number): void {
    requireRange(value, 0xff);
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  putU16(value: number): void {
    requireRange(value, 0xffff);
    this.putU8(value >>> 8);
    this.putU8(value & 0xff);
  }

  putU32(value: number): void {
    requireRange(value, 0xffff_ffff);
    this.putU16(value >>> 16);
    this.putU16(value & 0xffff);
  }

  putBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Overwrites an octet that was put before. */
  patchU8(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  /** Takes one octet out; those behind it move up. */
  removeAt(at: number): void {
    this.#bytes.copyWithin(at, at + 1, this.#length);
    this.#length--;
  }

  /** Overwrites 16 bits that were put before: lengths are known last. */
  patchU16(at: number, value: number): void {
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
  }

  /** Runs `write`, then puts its length in front of what it wrote, in one octet or two. Throws RangeError if it does not fit. */
  putLengthPrefixed(lengthOctets: 1 | 2, write: () => void): void {
    const at = this.#length;
    this.putBytes(new Uint8Array(lengthOctets));
    write();
    const length = this.#length - at - lengthOctets;
    if (length >= 1 << (8 * lengthOctets)) throw new RangeError(`${length} octets are too many`);
    if (lengthOctets === 1) this.#bytes[at] = length;
    else this.patchU16(at, length);
  }

  #reserve(octets: number): void {
    const needed = this.#length + octets;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

function requireRange(value: number, most: number): void {
  if (!(Number.isInteger(value) && value >= 0 && value <= most)) {
    throw new RangeError(`${value} is not a number from 0 to ${most}`);
  }
}
