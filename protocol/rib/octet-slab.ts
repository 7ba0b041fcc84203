/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Octet strings of up to 2^17 octets on pages of 256 KiB. A place is page × 2^18 + offset, below 2^32. Sizes are rounded up to 16 octets
 * and a freed place is used again for the same rounded size, so memory is bounded by the most there ever was of each size.
 */

const PAGE_BITS = 18;
const PAGE_OCTETS = 1 << PAGE_BITS;
const OFFSET_MASK = PAGE_OCTETS - 1;
const UNIT_BITS = 4;

export class OctetSlab {
  readonly #pages: Uint8Array[] = [];
  readonly #free: number[][] = [];
  #offset = PAGE_OCTETS;

  /** Copies octets[start, end) in and returns the place. */
  store(octets: Uint8Array, start: number, end: number): number {
    const place = this.#place(end - start);
    const page = this.page(place);
    let to = place & OFFSET_MASK;
    for (let from = start; from < end; from++) page[to++] = octets[from] as number;
    return place;
  }

  free(place: number, length: number): void {
    const units = unitsOf(length);
    const places = this.#free[units];
    if (places === undefined) this.#free[units] = [place];
    else places.push(place);
  }

  page(place: number): Uint8Array {
    return this.#pages[place >>> PAGE_BITS] as Uint8Array;
  }

  /** Where the string begins in its page. */
  offset(place: number): number {
    return place & OFFSET_MASK;
  }

  view(place: number, length: number): Uint8Array {
    const offset = place & OFFSET_MASK;
    return this.page(place).subarray(offset, offset + length);
  }

  /** Whether the string at `place` equals octets[start, end); lengths were compared before. */
  equals(place: number, octets: Uint8Array, start: number, end: number): boolean {
    const page = this.page(place);
    let at = place & OFFSET_MASK;
    for (let from = start; from < end; from++) if (page[at++] !== octets[from]) return false;
    return true;
  }

  byteLength(): number {
    return this.#pages.length * PAGE_OCTETS;
  }

  #place(length: number): number {
    const units = unitsOf(length);
    const reused = this.#free[units]?.pop();
    if (reused !== undefined) return reused;
    const rounded = units << UNIT_BITS;
    if (this.#offset + rounded > PAGE_OCTETS) {
      if (this.#pages.length === 1 << (32 - PAGE_BITS)) {
        throw new RangeError("more octets than a slab can hold");
      }
      this.#pages.push(new Uint8Array(PAGE_OCTETS));
      this.#offset = 0;
    }
    const place = (((this.#pages.length - 1) << PAGE_BITS) | this.#offset) >>> 0;
    this.#offset += rounded;
    return place;
  }
}

function unitsOf(length: number): number {
  return (length + (1 << UNIT_BITS) - 1) >>> UNIT_BITS;
}
