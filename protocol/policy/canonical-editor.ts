/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it (export of a full table).
 *
 * Edits a canonical attribute set (see wire/attribute-set.ts) without decoding it: attributes that stay are copied as they
 * stand, those that are put or removed are merged in at their place in the order of codes. One editor is used again and
 * again; `finish` returns a view that the next `open` overwrites.
 */

const MAX_OCTETS = 1 << 17;

/** Flags octets of the attributes that we write, by code. RFC 4271 §4.3, §5. */
const WELL_KNOWN = 0x40;
const OPTIONAL = 0x80;
const OPTIONAL_TRANSITIVE = 0xc0;

export const ATTRIBUTE = {
  origin: 1,
  asPath: 2,
  multiExitDisc: 4,
  localPref: 5,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  extendedCommunities: 16,
  aigp: 26,
  largeCommunities: 32,
  onlyToCustomer: 35,
} as const;

export type AttributeCode = (typeof ATTRIBUTE)[keyof typeof ATTRIBUTE];

const FLAGS: { readonly [code in AttributeCode]: number } = {
  [ATTRIBUTE.origin]: WELL_KNOWN,
  [ATTRIBUTE.asPath]: WELL_KNOWN,
  [ATTRIBUTE.multiExitDisc]: OPTIONAL,
  [ATTRIBUTE.localPref]: WELL_KNOWN,
  [ATTRIBUTE.communities]: OPTIONAL_TRANSITIVE,
  [ATTRIBUTE.originatorId]: OPTIONAL,
  [ATTRIBUTE.clusterList]: OPTIONAL,
  [ATTRIBUTE.extendedCommunities]: OPTIONAL_TRANSITIVE,
  [ATTRIBUTE.aigp]: OPTIONAL,
  [ATTRIBUTE.largeCommunities]: OPTIONAL_TRANSITIVE,
  [ATTRIBUTE.onlyToCustomer]: OPTIONAL_TRANSITIVE,
};

export class CanonicalEditor {
  #source: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #nextHop: Uint8Array | undefined;
  /** Edits in ascending order of code; no value means removed. */
  readonly #codes: number[] = [];
  readonly #values: (Uint8Array | undefined)[] = [];
  #out = new Uint8Array(4096);
  #length = 0;

  /** Begins with the set in octets[start, end). */
  open(octets: Uint8Array, start = 0, end = octets.length): void {
    this.#source = octets;
    this.#start = start;
    this.#end = end;
    this.#nextHop = undefined;
    this.#codes.length = 0;
    this.#values.length = 0;
  }

  /** 0, 4, 16 or 32 octets. */
  setNextHop(octets: Uint8Array): void {
    this.#nextHop = octets;
  }

  put(code: AttributeCode, value: Uint8Array): void {
    this.#edit(code, value);
  }

  remove(code: AttributeCode): void {
    this.#edit(code, undefined);
  }

  /** The value as it stands now, edits included; undefined when the set has no such attribute. */
  value(code: AttributeCode): Uint8Array | undefined {
    const edit = this.#codes.indexOf(code);
    if (edit >= 0) return this.#values[edit];
    const at = this.#find(code);
    if (at < 0) return undefined;
    return this.#source.subarray(valueStart(this.#source, at), attributeEnd(this.#source, at));
  }

  /** Whether the set has such an attribute now; makes no view. */
  has(code: AttributeCode): boolean {
    const edit = this.#codes.indexOf(code);
    return edit >= 0 ? this.#values[edit] !== undefined : this.#find(code) >= 0;
  }

  /** The edited set: a view, valid until the next `open`. */
  finish(): Uint8Array {
    const length = this.write();
    return this.#out.subarray(0, length);
  }

  /** Where `write` writes to. */
  octets(): Uint8Array {
    return this.#out;
  }

  /** Writes the edited set to the head of `octets()` and returns its length. */
  write(): number {
    const source = this.#source;
    this.#length = 0;
    this.#reserve(this.#end - this.#start + this.#editedOctets());
    let at = this.#start + 1 + (source[this.#start] as number);
    if (this.#nextHop === undefined) this.#copy(source, this.#start, at);
    else this.#putNextHop(this.#nextHop);
    let edit = 0;
    while (at < this.#end) {
      const code = source[at + 1] as number;
      const end = attributeEnd(source, at);
      while (edit < this.#codes.length && (this.#codes[edit] as number) < code) this.#write(edit++);
      if (this.#codes[edit] === code) this.#write(edit++);
      else this.#copy(source, at, end);
      at = end;
    }
    while (edit < this.#codes.length) this.#write(edit++);
    return this.#length;
  }

  /** Where the attribute begins in the source, or -1. */
  #find(code: number): number {
    const source = this.#source;
    let at = this.#start + 1 + (source[this.#start] as number);
    while (at < this.#end && (source[at + 1] as number) < code) at = attributeEnd(source, at);
    return at < this.#end && source[at + 1] === code ? at : -1;
  }

  #edit(code: AttributeCode, value: Uint8Array | undefined): void {
    let at = 0;
    while (at < this.#codes.length && (this.#codes[at] as number) < code) at++;
    if (this.#codes[at] === code) this.#values[at] = value;
    else {
      this.#codes.splice(at, 0, code);
      this.#values.splice(at, 0, value);
    }
  }

  #editedOctets(): number {
    let octets = this.#nextHop?.length ?? 0;
    for (const value of this.#values) octets += 4 + (value?.length ?? 0);
    return octets;
  }

  #reserve(octets: number): void {
    if (octets <= this.#out.length) return;
    if (octets > MAX_OCTETS) throw new RangeError(`an attribute set of ${octets} octets`);
    this.#out = new Uint8Array(octets);
  }

  #putNextHop(octets: Uint8Array): void {
    this.#out[this.#length++] = octets.length;
    this.#copy(octets, 0, octets.length);
  }

  #write(edit: number): void {
    const value = this.#values[edit];
    if (value === undefined) return;
    const out = this.#out;
    const code = this.#codes[edit] as AttributeCode;
    const extended = value.length > 255;
    out[this.#length++] = FLAGS[code] | (extended ? 0x10 : 0);
    out[this.#length++] = code;
    if (extended) out[this.#length++] = value.length >>> 8;
    out[this.#length++] = value.length & 0xff;
    this.#copy(value, 0, value.length);
  }

  #copy(from: Uint8Array, start: number, end: number): void {
    const out = this.#out;
    let to = this.#length;
    for (let at = start; at < end; at++) out[to++] = from[at] as number;
    this.#length = to;
  }
}

/** The value of an attribute of a canonical set as a view; undefined when there is none. */
export function findAttribute(canonical: Uint8Array, code: number): Uint8Array | undefined {
  let at = 1 + (canonical[0] as number);
  while (at < canonical.length) {
    const here = canonical[at + 1] as number;
    const end = attributeEnd(canonical, at);
    if (here === code) return canonical.subarray(valueStart(canonical, at), end);
    if (here > code) return undefined;
    at = end;
  }
  return undefined;
}

function valueStart(canonical: Uint8Array, at: number): number {
  return at + (((canonical[at] as number) & 0x10) !== 0 ? 4 : 3);
}

function attributeEnd(canonical: Uint8Array, at: number): number {
  if (((canonical[at] as number) & 0x10) === 0) return at + 3 + (canonical[at + 2] as number);
  return at + 4 + ((canonical[at + 2] as number) << 8) + (canonical[at + 3] as number);
}
