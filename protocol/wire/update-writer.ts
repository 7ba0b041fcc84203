import { afiOf, type Family, IPV4_UNICAST, safiOf } from "../types/family.ts";
import { AttributeCode } from "./attribute/attribute-code.ts";
import { copy } from "./canonical-attributes.ts";
import {
  HEADER_OCTETS,
  MARKER_OCTETS,
  MAX_EXTENDED_MESSAGE_OCTETS,
  MAX_MESSAGE_OCTETS,
  MessageType,
} from "./header.ts";
import { maxPrefixLength } from "./nlri.ts";
import { setU16, setU32 } from "./octets.ts";
import { peerAttributesCapacity, writePeerAttributes } from "./peer-attributes.ts";
import type { WireContext } from "./wire-context.ts";

/** Where things stand in a message, counted from its marker. RFC 4271 §4.3. */
const WITHDRAWN_LENGTH = HEADER_OCTETS;
const ATTRIBUTES_LENGTH = WITHDRAWN_LENGTH + 2;
const ATTRIBUTES = ATTRIBUTES_LENGTH + 2;
const MP_VALUE = ATTRIBUTES + 4;

/** What the prefixes that are put belong to. */
type Field = "none" | "nlri" | "mpReach" | "withdrawn" | "mpUnreach";

/**
 * The export side's door to UPDATEs: packs prefixes behind path attributes into a buffer of the caller, message after
 * message, split to what the session allows. One writer serves one update group (one WireContext). A hot file.
 *
 *   writer.attach(buffer);                           // at least 4,096 octets, or 65,535 for extended messages
 *   if (writer.announce(canonicalSet, family))       // false: attributes too long for this session, RFC 8654 §5: withdraw instead
 *     writer.putAnnounced(length, word0, word1, word2, word3, pathId)   // false: buffer full; finish, send, attach, put again
 *   writer.withdraw(family); writer.putWithdrawn(...);
 *   writer.endOfRib(family);
 *   const octets = writer.finish();                  // buffer.subarray(0, octets) holds whole messages
 *
 * `finish` may be called at any time to learn a boundary between messages; what follows begins a new message with the
 * same announce or withdraw still in force, and `attach` keeps it in force too. RFC 4271 §4.3, RFC 4760, RFC 6793 §4.2.2,
 * RFC 7606 §5.1 (MP attributes first, one kind of NLRI a message), RFC 7911, RFC 8654, RFC 8950.
 */
export class UpdateWriter {
  readonly #context: WireContext;
  readonly #maxMessage: number;
  #out: Uint8Array = new Uint8Array(0);
  /** Where the message begins that is open, or that would be the next. */
  #start = 0;
  #at = 0;
  #limit = 0;
  #open = false;

  #field: Field = "none";
  #family: Family = IPV4_UNICAST;
  #pathIdOctets: 0 | 4 = 0;
  /** The attributes as this peer wants them: in front of the NLRI field, or behind MP_REACH_NLRI. */
  #attributes = new Uint8Array(MAX_MESSAGE_OCTETS);
  #attributesLength = 0;
  /** Length and octets of the next hop in MP_REACH_NLRI. */
  readonly #nextHop = new Uint8Array(33);

  constructor(context: WireContext) {
    this.#context = context;
    this.#maxMessage = context.extendedMessage ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS;
  }

  /** Starts anew at the head of this buffer. */
  attach(buffer: Uint8Array): void {
    this.#out = buffer;
    this.#start = 0;
    this.#at = 0;
    this.#open = false;
  }

  /**
   * The prefixes that follow are announced with this set. False when the attributes leave no room for a prefix.
   * Throws RangeError when the next hop does not suit the family (IPv6 for IPv4 needs RFC 8950 in the context).
   */
  announce(canonicalSet: Uint8Array, family: Family): boolean {
    return this.announceSpan(canonicalSet, 0, canonicalSet.length, family);
  }

  /** The same for a set that stands in octets[setStart, setEnd), without a view. */
  announceSpan(octets: Uint8Array, setStart: number, setEnd: number, family: Family): boolean {
    this.#close();
    const nextHopOctets = octets[setStart] as number;
    const classic = family === IPV4_UNICAST && nextHopOctets === 4;
    if (!classic) this.#requireMpNextHop(nextHopOctets, family);
    this.#choose(classic ? "nlri" : "mpReach", family);
    copy(this.#nextHop, 0, octets, setStart, setStart + 1 + nextHopOctets);
    const capacity = peerAttributesCapacity(setEnd - setStart);
    if (capacity > this.#attributes.length) this.#attributes = new Uint8Array(capacity);
    const { fourOctetAsn } = this.#context;
    const set = { octets, start: setStart, end: setEnd };
    const options = { nextHop: classic, fourOctetAsn };
    this.#attributesLength = writePeerAttributes(this.#attributes, set, options);
    const fits = this.#fixedOctets() + this.#longestPrefix() <= this.#maxMessage;
    if (!fits) this.#field = "none";
    return fits;
  }

  /** Puts a prefix behind the set of `announce`; false when the buffer is full, and nothing was put. */
  putAnnounced(
    length: number,
    word0: number,
    word1: number,
    word2: number,
    word3: number,
    pathId: number,
  ): boolean {
    return this.#put(length, word0, word1, word2, word3, pathId);
  }

  /** The prefixes that follow are withdrawn. */
  withdraw(family: Family): void {
    this.#close();
    this.#attributesLength = 0;
    this.#choose(family === IPV4_UNICAST ? "withdrawn" : "mpUnreach", family);
  }

  /** Puts a withdrawn prefix; false when the buffer is full, and nothing was put. */
  putWithdrawn(
    length: number,
    word0: number,
    word1: number,
    word2: number,
    word3: number,
    pathId: number,
  ): boolean {
    return this.#put(length, word0, word1, word2, word3, pathId);
  }

  /** Writes an End-of-RIB marker; false when the buffer is full. RFC 4724 §2. */
  endOfRib(family: Family): boolean {
    this.withdraw(family);
    const begun = this.#begin();
    this.#close();
    this.#field = "none";
    return begun;
  }

  /** Closes the open message and returns how many octets of whole messages the buffer holds. */
  finish(): number {
    this.#close();
    return this.#start;
  }

  #choose(field: Field, family: Family): void {
    this.#field = field;
    this.#family = family;
    this.#pathIdOctets = this.#context.addPath.has(family) ? 4 : 0;
  }

  #requireMpNextHop(octets: number, family: Family): void {
    const ipv6 = octets === 16 || octets === 32;
    const allowed = family !== IPV4_UNICAST || this.#context.extendedNextHop.has(family);
    if (!ipv6 || !allowed || maxPrefixLength(family) === undefined) {
      throw new RangeError(`a next hop of ${octets} octets does not suit the family`);
    }
  }

  #longestPrefix(): number {
    return this.#pathIdOctets + (this.#family === IPV4_UNICAST ? 5 : 17);
  }

  /** Everything in the message besides the prefixes. */
  #fixedOctets(): number {
    switch (this.#field) {
      case "mpReach":
        return MP_VALUE + 5 + (this.#nextHop[0] as number) + this.#attributesLength;
      case "mpUnreach":
        return MP_VALUE + 3;
      default:
        return ATTRIBUTES + this.#attributesLength;
    }
  }

  #put(
    length: number,
    word0: number,
    word1: number,
    word2: number,
    word3: number,
    pathId: number,
  ): boolean {
    const octets = this.#pathIdOctets + 1 + ((length + 7) >>> 3);
    if (this.#open && this.#at + octets > this.#limit) this.#close();
    if (!this.#open && !this.#begin()) return false;
    const out = this.#out;
    let at = this.#at;
    if (this.#pathIdOctets === 4) {
      setU32(out, at, pathId);
      at += 4;
    }
    out[at++] = length;
    if (length > 0) out[at++] = word0 >>> 24;
    if (length > 8) out[at++] = word0 >>> 16;
    if (length > 16) out[at++] = word0 >>> 8;
    if (length > 24) out[at++] = word0;
    if (length > 32) at = putLowWords(out, at, length, word1, word2, word3);
    this.#at = at;
    return true;
  }

  /** Opens a message, where the buffer has room for one of 4,096 octets (or for what this one needs at least). */
  #begin(): boolean {
    if (this.#field === "none") throw new Error("prefixes need announce() or withdraw() first");
    const out = this.#out;
    const start = this.#start;
    const fixed = this.#fixedOctets();
    const room = out.length - start;
    if (room < Math.max(MAX_MESSAGE_OCTETS, fixed + this.#longestPrefix())) return false;
    out.fill(0xff, start, start + MARKER_OCTETS);
    out[start + HEADER_OCTETS - 1] = MessageType.update;
    setU16(out, start + WITHDRAWN_LENGTH, 0);
    this.#open = true;
    this.#at = this.#putHead(out, start);
    // What goes behind the prefixes has its room kept free.
    this.#limit = start + Math.min(this.#maxMessage, room) - (start + fixed - this.#at);
    return true;
  }

  /** Writes what stands before the prefixes, and returns where they go. */
  #putHead(out: Uint8Array, start: number): number {
    switch (this.#field) {
      case "withdrawn":
      case "none":
        return start + ATTRIBUTES_LENGTH;
      case "nlri":
        setU16(out, start + ATTRIBUTES_LENGTH, this.#attributesLength);
        return copy(out, start + ATTRIBUTES, this.#attributes, 0, this.#attributesLength);
      case "mpUnreach":
        return putMpHead(out, start, AttributeCode.mpUnreach, this.#family);
      case "mpReach": {
        const at = putMpHead(out, start, AttributeCode.mpReach, this.#family);
        const end = copy(out, at, this.#nextHop, 0, 1 + (this.#nextHop[0] as number));
        out[end] = 0;
        return end + 1;
      }
    }
  }

  /** Fills in the lengths, once the last prefix is there. */
  #close(): void {
    if (!this.#open) return;
    const out = this.#out;
    const start = this.#start;
    const prefixesEnd = this.#at;
    let end = prefixesEnd;
    if (this.#field === "withdrawn") {
      setU16(out, start + WITHDRAWN_LENGTH, prefixesEnd - start - ATTRIBUTES_LENGTH);
      setU16(out, prefixesEnd, 0);
      end += 2;
    } else if (this.#field === "mpReach" || this.#field === "mpUnreach") {
      setU16(out, start + ATTRIBUTES + 2, prefixesEnd - start - MP_VALUE);
      end = copy(out, prefixesEnd, this.#attributes, 0, this.#attributesLength);
      setU16(out, start + ATTRIBUTES_LENGTH, end - start - ATTRIBUTES);
    }
    setU16(out, start + MARKER_OCTETS, end - start);
    this.#open = false;
    this.#start = end;
    this.#at = end;
  }
}

/** An MP attribute's header with its length in two octets, then AFI and SAFI. RFC 4760 §3, §4. */
function putMpHead(out: Uint8Array, start: number, code: number, family: Family): number {
  const at = start + ATTRIBUTES;
  out[at] = 0x90;
  out[at + 1] = code;
  setU16(out, at + 4, afiOf(family));
  out[at + 6] = safiOf(family);
  return at + 7;
}

/** The octets of an IPv6 prefix behind the first four. */
function putLowWords(
  out: Uint8Array,
  start: number,
  length: number,
  word1: number,
  word2: number,
  word3: number,
): number {
  let at = start;
  for (let bit = 32; bit < length; bit += 8) {
    const word = bit < 64 ? word1 : bit < 96 ? word2 : word3;
    out[at++] = word >>> (24 - (bit & 31));
  }
  return at;
}
