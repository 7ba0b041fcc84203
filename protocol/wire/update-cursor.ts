import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../types/family.ts";
import { AttributeCode } from "./attribute/attribute-code.ts";
import { mpReachNlriStart } from "./attribute/mp-reach.ts";
import { canonicalCapacity, copy, writeCanonicalAttributes } from "./canonical-attributes.ts";
import type { Fault } from "./fault.ts";
import { MAX_MESSAGE_OCTETS } from "./header.ts";
import { maxPrefixLength } from "./nlri.ts";
import { u32 } from "./octets.ts";
import { SMALLEST_UPDATE, UpdateScan } from "./update-scan.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "./wire-context.ts";

/** Octets in front of the attributes of a set: the next hop's length, and room for the longest next hop. */
const HEAD_OCTETS = 33;

/**
 * The RIB's door to an UPDATE: one reused object that walks the octets; it allocates a view for a set, and objects for faults only.
 * A hot file: prefixes come out as numbers in fields.
 *
 *   cursor.open(bytes, start, end, context);          // throws ProtocolError when the session must end
 *   while (cursor.nextWithdrawn()) withdraw(cursor.family, cursor.pathId, cursor.length, cursor.word0, ...);
 *   while (cursor.nextAnnounced()) ...                 // when severity is 2, these too are withdrawals
 *
 * `section` changes when the announced prefixes that follow have another next hop: the NLRI field with NEXT_HOP is 1,
 * MP_REACH_NLRI is 2. `attributeSet(family)` belongs to the section of the last announced prefix; intern it once a section.
 * Families other than IPv4 and IPv6 unicast are skipped and counted in `skippedFamilies`. RFC 4271 §4.3, RFC 4760, RFC 7606.
 */
export class UpdateCursor {
  /** The strongest fault: 0 none, 1 attribute-discard, 2 treat-as-withdraw. */
  severity: 0 | 1 | 2 = 0;
  faults: readonly Fault[] = [];
  /** The family whose End-of-RIB marker this message is. RFC 4724 §2. */
  endOfRib: Family | undefined = undefined;
  skippedFamilies = 0;

  section: 0 | 1 | 2 = 0;
  family: Family = IPV4_UNICAST;
  pathId = 0;
  length = 0;
  word0 = 0;
  word1 = 0;
  word2 = 0;
  word3 = 0;

  readonly #scan = new UpdateScan();
  #bytes: Uint8Array = new Uint8Array(0);
  #context: WireContext = DEFAULT_WIRE_CONTEXT;
  #ipv4AddPath = false;
  #ipv6AddPath = false;

  #inMpUnreach = false;
  #withdrawnAt = 0;
  #withdrawnEnd = 0;
  #announcedAt = 0;
  #announcedEnd = 0;

  #set = new Uint8Array(canonicalCapacity(MAX_MESSAGE_OCTETS));
  /** 0 until the attributes of this message have been written. */
  #setEnd = 0;

  /** Takes the UPDATE in [start, end), whose header has been checked. Throws ProtocolError when the session must end. */
  open(bytes: Uint8Array, start: number, end: number, context: WireContext): void {
    const scan = this.#scan;
    scan.open(bytes, start, end, context);
    if (context !== this.#context) this.#useContext(context);
    this.#bytes = bytes;
    this.severity = scan.severity;
    this.faults = scan.faults;
    this.skippedFamilies = 0;
    this.section = 0;
    this.#inMpUnreach = false;
    this.#withdrawnAt = scan.withdrawnStart;
    this.#withdrawnEnd = scan.withdrawnEnd;
    this.#announcedAt = 0;
    this.#announcedEnd = 0;
    this.#setEnd = 0;
    this.endOfRib = endOfRibFamily(scan, end - start);
    if (this.endOfRib !== undefined) return;
    if (scan.mpUnreachFamily !== 0 && !isRouted(scan.mpUnreachFamily)) this.skippedFamilies++;
    if (scan.mpReachFamily !== 0 && !isRouted(scan.mpReachFamily)) this.skippedFamilies++;
  }

  /** Moves to the next withdrawn prefix (field, then MP_UNREACH_NLRI); false when there is none. */
  nextWithdrawn(): boolean {
    if (this.#withdrawnAt >= this.#withdrawnEnd && !this.#enterMpUnreach()) return false;
    const family = this.#inMpUnreach ? (this.#scan.mpUnreachFamily as Family) : IPV4_UNICAST;
    this.#withdrawnAt = this.#read(this.#withdrawnAt, family);
    return true;
  }

  /** Moves to the next announced prefix (field, then MP_REACH_NLRI); false when there is none. */
  nextAnnounced(): boolean {
    while (this.#announcedAt >= this.#announcedEnd) if (!this.#enterSection()) return false;
    const family = this.section === 2 ? (this.#scan.mpReachFamily as Family) : IPV4_UNICAST;
    this.#announcedAt = this.#read(this.#announcedAt, family);
    return true;
  }

  /** The canonical octets (see attribute-set.ts) as a view that is valid until the next `attributeSet` or `open`. */
  attributeSet(family: Family): Uint8Array {
    const start = this.attributeSetStart(family);
    return this.#set.subarray(start, this.#setEnd);
  }

  /** The same without a view: where the set begins in `setOctets`; it ends at `setEnd`. */
  attributeSetStart(family: Family): number {
    if (this.#setEnd === 0) this.#writeAttributes();
    return this.#writeNextHop(family);
  }

  get setOctets(): Uint8Array {
    return this.#set;
  }

  get setEnd(): number {
    return this.#setEnd;
  }

  #useContext(context: WireContext): void {
    this.#context = context;
    this.#ipv4AddPath = context.addPath.has(IPV4_UNICAST);
    this.#ipv6AddPath = context.addPath.has(IPV6_UNICAST);
  }

  #enterMpUnreach(): boolean {
    const family = this.#scan.mpUnreachFamily;
    if (this.#inMpUnreach || family === 0 || !isRouted(family)) return false;
    this.#inMpUnreach = true;
    this.#withdrawnAt = (this.#scan.valueStart[AttributeCode.mpUnreach] as number) + 3;
    this.#withdrawnEnd = this.#scan.valueEnd[AttributeCode.mpUnreach] as number;
    return this.#withdrawnAt < this.#withdrawnEnd;
  }

  #enterSection(): boolean {
    const scan = this.#scan;
    if (this.section === 0) {
      this.section = 1;
      this.#announcedAt = scan.nlriStart;
      this.#announcedEnd = scan.nlriEnd;
      return true;
    }
    const family = scan.mpReachFamily;
    if (this.section === 2 || family === 0 || !isRouted(family)) return false;
    this.section = 2;
    this.#announcedAt = mpReachNlriStart(
      this.#bytes,
      scan.valueStart[AttributeCode.mpReach] as number,
    );
    this.#announcedEnd = scan.valueEnd[AttributeCode.mpReach] as number;
    return true;
  }

  /** Reads the prefix at `at` into the fields and returns where the next one is. */
  #read(at: number, family: Family): number {
    const bytes = this.#bytes;
    const ipv4 = family === IPV4_UNICAST;
    this.family = family;
    let from = at;
    if (ipv4 ? this.#ipv4AddPath : this.#ipv6AddPath) {
      this.pathId = u32(bytes, from);
      from += 4;
    } else this.pathId = 0;
    const length = bytes[from++] as number;
    this.length = length;
    const end = from + ((length + 7) >>> 3);
    this.word0 = wordAt(bytes, from, end, length);
    if (ipv4) return end;
    this.word1 = wordAt(bytes, from + 4, end, length - 32);
    this.word2 = wordAt(bytes, from + 8, end, length - 64);
    this.word3 = wordAt(bytes, from + 12, end, length - 96);
    return end;
  }

  #writeAttributes(): void {
    const scan = this.#scan;
    const needed = canonicalCapacity(scan.nlriEnd - scan.start);
    if (needed > this.#set.length) this.#set = new Uint8Array(needed);
    this.#setEnd = writeCanonicalAttributes(scan, this.#context, this.#set, HEAD_OCTETS);
  }

  /** Puts length and next hop right in front of the attributes; returns where the set begins. */
  #writeNextHop(family: Family): number {
    const scan = this.#scan;
    let start = 0;
    let end = 0;
    if (scan.mpReachFamily === family && this.section !== 1) {
      const value = scan.valueStart[AttributeCode.mpReach] as number;
      start = value + 4;
      end = mpReachNlriStart(this.#bytes, value) - 1;
    } else if (family === IPV4_UNICAST && scan.has(AttributeCode.nextHop)) {
      start = scan.valueStart[AttributeCode.nextHop] as number;
      end = start + 4;
    }
    const head = HEAD_OCTETS - 1 - (end - start);
    this.#set[head] = end - start;
    copy(this.#set, head + 1, this.#bytes, start, end);
    return head;
  }
}

function isRouted(family: Family): boolean {
  return maxPrefixLength(family) !== undefined;
}

/** RFC 4724 §2: an UPDATE with nothing in it for IPv4 unicast, else one with nothing but an empty MP_UNREACH_NLRI. */
function endOfRibFamily(scan: UpdateScan, octets: number): Family | undefined {
  if (octets === SMALLEST_UPDATE) return IPV4_UNICAST;
  if (scan.mpUnreachFamily === 0 || scan.count !== 1 || scan.severity !== 0) return undefined;
  const code = AttributeCode.mpUnreach;
  const routes = (scan.valueEnd[code] as number) - (scan.valueStart[code] as number) - 3;
  const others = scan.withdrawnEnd - scan.withdrawnStart + scan.nlriEnd - scan.nlriStart;
  return routes + others === 0 ? scan.mpUnreachFamily : undefined;
}

/** Up to four octets of an address as a number; bits past the prefix are cleared. RFC 4271 §4.3: their value is irrelevant. */
function wordAt(bytes: Uint8Array, at: number, end: number, bits: number): number {
  if (bits <= 0) return 0;
  let word = (bytes[at] as number) << 24;
  if (at + 1 < end) word |= (bytes[at + 1] as number) << 16;
  if (at + 2 < end) word |= (bytes[at + 2] as number) << 8;
  if (at + 3 < end) word |= bytes[at + 3] as number;
  return (bits < 32 ? word & (-1 << (32 - bits)) : word) >>> 0;
}
