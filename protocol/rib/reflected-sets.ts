/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it (export of a full table).
 *
 * What a reflected route is told with is what it came with, an ORIGINATOR_ID where it has none, and our cluster in front of
 * its CLUSTER_LIST (RFC 4456 §8). Interned like other sets, that would be a second copy of all attributes of a table. So
 * such a set is a number alone: the id of the set as it came, and above SET_BITS the number of what is added to it.
 * Its octets are written when they are sent; who holds it holds the set as it came (ADR 29).
 *
 * Invariants: the number of an addition means the same for ever; 0 adds nothing, so plain ids are such numbers, too; equal
 * numbers have equal octets, and so the other way round but for a set that came with the very ORIGINATOR_ID that we add.
 */
import { SET_HAS_ORIGINATOR } from "./attribute-set-facts.ts";
import { type AttributeSetTable, SET_BITS, SET_MASK } from "./attribute-set-table.ts";

const MOST_ADDITIONS = (1 << (31 - SET_BITS)) - 1;
/** Room for a set that fits any message that is not extended, and for what is added. */
const LONGEST = 4096;
/** ORIGINATOR_ID and a new CLUSTER_LIST, or a longer header of one that is there. */
const LONGEST_ADDITION = 14;

const OPTIONAL = 0x80;
const EXTENDED_LENGTH = 0x10;
const ORIGINATOR_ID = 9;
const CLUSTER_LIST = 10;

export class ReflectedSets {
  readonly #sets: AttributeSetTable;
  /** By number of the addition; 0 for an originator that the set has itself. */
  readonly #originators: number[] = [-1];
  readonly #clusters: number[] = [-1];
  readonly #numbers = new Map<string, number>();
  /** The addition that was asked for last, since routes of a peer mostly come together. */
  #last = 0;
  readonly #octets = new Uint8Array(LONGEST);

  constructor(sets: AttributeSetTable) {
    this.#sets = sets;
  }

  /** The set as it is reflected; 0 when that has no number, and must be interned: it is too long, or there are too many sources. */
  reflected(set: number, originator: number, cluster: number): number {
    if (this.#sets.end(set) - this.#sets.start(set) > LONGEST - LONGEST_ADDITION) return 0;
    const added = this.#sets.hasFlag(set, SET_HAS_ORIGINATOR) ? 0 : originator;
    const number = this.#numberOf(added, cluster);
    return number === 0 ? 0 : (number << SET_BITS) | set;
  }

  /** Where the octets of the set stand, until the next call: from `start(set)` to `end(set)`. A plain id is its own. */
  buffer(set: number): Uint8Array {
    return set > SET_MASK ? this.#octets : this.#sets.buffer(set);
  }

  start(set: number): number {
    return set > SET_MASK ? 0 : this.#sets.start(set);
  }

  /** The first one to be called: it writes the octets of a reflected set. */
  end(set: number): number {
    return set > SET_MASK ? this.#write(set) : this.#sets.end(set);
  }

  /** The plain id of the same attributes, as good as one of `AttributeSetTable.intern`. */
  intern(set: number): number {
    return set > SET_MASK ? this.#sets.intern(this.#octets, 0, this.#write(set)) : set;
  }

  #numberOf(originator: number, cluster: number): number {
    const last = this.#last;
    if (this.#originators[last] === originator && this.#clusters[last] === cluster) return last;
    const key = `${originator} ${cluster}`;
    const number = this.#numbers.get(key) ?? this.#originators.length;
    if (number > MOST_ADDITIONS) return 0;
    this.#originators[number] = originator;
    this.#clusters[number] = cluster;
    this.#numbers.set(key, number);
    this.#last = number;
    return number;
  }

  #write(reflected: number): number {
    const number = reflected >>> SET_BITS;
    const set = reflected & SET_MASK;
    const source = this.#sets.buffer(set);
    const start = this.#sets.start(set);
    const end = this.#sets.end(set);
    let at = start + 1 + (source[start] as number);
    while (at < end && (source[at + 1] as number) < ORIGINATOR_ID) at = attributeEnd(source, at);
    let to = this.#copy(0, source, start, at);
    const originator = this.#originators[number] as number;
    if (originator !== 0) to = this.#putHeader(to, ORIGINATOR_ID, 4, originator);
    else if (at < end && source[at + 1] === ORIGINATOR_ID) {
      const next = attributeEnd(source, at);
      to = this.#copy(to, source, at, next);
      at = next;
    }
    const cluster = this.#clusters[number] as number;
    if (at === end || source[at + 1] !== CLUSTER_LIST) {
      to = this.#putHeader(to, CLUSTER_LIST, 4, cluster);
    } else {
      const next = attributeEnd(source, at);
      const value = valueStart(source, at);
      to = this.#putHeader(to, CLUSTER_LIST, next - value + 4, cluster);
      to = this.#copy(to, source, value, next);
      at = next;
    }
    return this.#copy(to, source, at, end);
  }

  /** The header of an attribute and its first four octets; extended only where it must be. RFC 4271 §4.3. */
  #putHeader(start: number, code: number, length: number, word: number): number {
    const out = this.#octets;
    let to = start;
    out[to++] = length > 255 ? OPTIONAL | EXTENDED_LENGTH : OPTIONAL;
    out[to++] = code;
    if (length > 255) out[to++] = length >>> 8;
    out[to++] = length;
    out[to++] = word >>> 24;
    out[to++] = word >>> 16;
    out[to++] = word >>> 8;
    out[to++] = word;
    return to;
  }

  #copy(start: number, source: Uint8Array, from: number, end: number): number {
    const out = this.#octets;
    let to = start;
    for (let at = from; at < end; at++) out[to++] = source[at] as number;
    return to;
  }
}

function valueStart(octets: Uint8Array, at: number): number {
  return ((octets[at] as number) & EXTENDED_LENGTH) === 0 ? at + 3 : at + 4;
}

function attributeEnd(octets: Uint8Array, at: number): number {
  const length = octets[at + 2] as number;
  if (((octets[at] as number) & EXTENDED_LENGTH) === 0) return at + 3 + length;
  return at + 4 + (length << 8) + (octets[at + 3] as number);
}
