import { AS_TRANS } from "../types/asn.ts";
import { mergeAs4Path, type ValueSpan, widenAsPath } from "./as4-merge.ts";
import { AttributeCode } from "./attribute/attribute-code.ts";
import { OPTIONAL_TRANSITIVE_FLAGS } from "./attribute/attribute-definition.ts";
import { ATTRIBUTE_TABLE } from "./attribute/attribute-table.ts";
import { LARGE_COMMUNITY_OCTETS, largeCommunityAt } from "./attribute/large-communities.ts";
import { setU16, setU32, u16, u32 } from "./octets.ts";
import type { UpdateScan } from "./update-scan.ts";
import type { WireContext } from "./wire-context.ts";

/*
 * From the attributes of a scanned UPDATE to the canonical octets of attribute-set.ts. A hot file: peers mostly send their
 * attributes in ascending order and with plain flags, so that runs of them are copied as they stand.
 */

/** Flags of an unknown optional transitive attribute that is passed on: with the partial bit. RFC 4271 §5. */
const UNKNOWN_FLAGS = 0xe0;

/** By type code: the canonical flags, short of partial and extended length. */
const DEFINED_FLAGS = new Uint8Array(256).fill(UNKNOWN_FLAGS);
for (const { code, flags } of ATTRIBUTE_TABLE) DEFINED_FLAGS[code] = flags;

/** By type code: 1 for what is not part of a set. */
const LEFT_OUT = new Uint8Array(256);
for (const code of [
  AttributeCode.nextHop,
  AttributeCode.mpReach,
  AttributeCode.mpUnreach,
  AttributeCode.as4Path,
  AttributeCode.as4Aggregator,
]) {
  LEFT_OUT[code] = 1;
}

/** No canonical form is longer than this: AS_PATH at most doubles, and every other attribute gains at most an octet. */
export function canonicalCapacity(messageOctets: number): number {
  return 64 + 4 * messageOctets;
}

/** Writes the attributes, without the next hop, and returns where they end. The scan's codes are sorted in passing. */
export function writeCanonicalAttributes(
  scan: UpdateScan,
  context: WireContext,
  out: Uint8Array,
  outStart: number,
): number {
  const bytes = scan.bytes;
  sortCodes(scan.codes, scan.count);
  let to = outStart;
  let runStart = 0;
  let runEnd = 0;
  for (let i = 0; i < scan.count; i++) {
    const code = scan.codes[i] as number;
    if (isLeftOut(scan, code)) continue;
    const header = scan.headerStart[code] as number;
    if (isPlain(scan, code, context)) {
      if (header !== runEnd) {
        to = copy(out, to, bytes, runStart, runEnd);
        runStart = header;
      }
      runEnd = scan.valueEnd[code] as number;
      continue;
    }
    to = copy(out, to, bytes, runStart, runEnd);
    runStart = 0;
    runEnd = 0;
    to = rewrite(scan, code, context, out, to);
  }
  return copy(out, to, bytes, runStart, runEnd);
}

/** Insertion sort: the list is short and mostly sorted already. */
function sortCodes(codes: Uint8Array, count: number): void {
  for (let i = 1; i < count; i++) {
    const code = codes[i] as number;
    let at = i;
    while (at > 0 && (codes[at - 1] as number) > code) {
      codes[at] = codes[at - 1] as number;
      at--;
    }
    codes[at] = code;
  }
}

function isLeftOut(scan: UpdateScan, code: number): boolean {
  if (LEFT_OUT[code] === 1) return true;
  // Unknown optional non-transitive attributes are dropped quietly. RFC 4271 §5.
  return DEFINED_FLAGS[code] === UNKNOWN_FLAGS && ((scan.flags[code] as number) & 0x40) === 0;
}

/** True when the attribute stands in the message octet for octet as it stands in the set. */
function isPlain(scan: UpdateScan, code: number, context: WireContext): boolean {
  const octets = (scan.valueEnd[code] as number) - (scan.valueStart[code] as number);
  if (scan.flags[code] !== canonicalFlags(scan, code, octets)) return false;
  if (code === AttributeCode.asPath || code === AttributeCode.aggregator) {
    return context.fourOctetAsn;
  }
  return code !== AttributeCode.largeCommunities || octets === LARGE_COMMUNITY_OCTETS;
}

function canonicalFlags(scan: UpdateScan, code: number, octets: number): number {
  const defined = DEFINED_FLAGS[code] as number;
  // Only optional transitive attributes may carry the partial bit. RFC 4271 §4.3.
  const partial = defined === OPTIONAL_TRANSITIVE_FLAGS ? (scan.flags[code] as number) & 0x20 : 0;
  return defined | partial | (octets > 255 ? 0x10 : 0);
}

/** Writes an attribute whose flags, length or value change. */
function rewrite(
  scan: UpdateScan,
  code: number,
  context: WireContext,
  out: Uint8Array,
  outStart: number,
): number {
  const valueStart = scan.valueStart[code] as number;
  const valueEnd = scan.valueEnd[code] as number;
  // Room for the longer header; the value moves down by one octet if it proves to be short.
  const to = outStart + 4;
  let end: number;
  if (code === AttributeCode.asPath && !context.fourOctetAsn) end = writeAsPath(scan, out, to);
  else if (code === AttributeCode.aggregator && !context.fourOctetAsn) {
    end = writeAggregator(scan, out, to);
  } else if (code === AttributeCode.largeCommunities) {
    end = writeDistinct(scan.bytes, valueStart, valueEnd, out, to);
  } else end = copy(out, to, scan.bytes, valueStart, valueEnd);
  const octets = end - to;
  out[outStart] = canonicalFlags(scan, code, octets);
  out[outStart + 1] = code;
  if (octets > 255) {
    setU16(out, outStart + 2, octets);
    return end;
  }
  out[outStart + 2] = octets;
  out.copyWithin(outStart + 3, to, end);
  return end - 1;
}

function writeAsPath(scan: UpdateScan, out: Uint8Array, to: number): number {
  const path = spanOf(scan, AttributeCode.asPath);
  if (!scan.has(AttributeCode.as4Path) || ignoresAs4(scan)) return widenAsPath(out, to, path);
  return mergeAs4Path(out, to, path, spanOf(scan, AttributeCode.as4Path));
}

function writeAggregator(scan: UpdateScan, out: Uint8Array, to: number): number {
  const start = scan.valueStart[AttributeCode.aggregator] as number;
  if (scan.has(AttributeCode.as4Aggregator) && !ignoresAs4(scan)) {
    const as4 = scan.valueStart[AttributeCode.as4Aggregator] as number;
    return copy(out, to, scan.bytes, as4, as4 + 8);
  }
  setU32(out, to, u16(scan.bytes, start));
  return copy(out, to + 4, scan.bytes, start + 2, start + 6);
}

/** An AGGREGATOR that is not AS_TRANS was put there by a later, old speaker: both AS4 attributes are out of date. RFC 6793 §4.2.3. */
function ignoresAs4(scan: UpdateScan): boolean {
  if (!scan.has(AttributeCode.aggregator) || !scan.has(AttributeCode.as4Aggregator)) return false;
  return u16(scan.bytes, scan.valueStart[AttributeCode.aggregator] as number) !== AS_TRANS;
}

function spanOf(scan: UpdateScan, code: number): ValueSpan {
  return {
    bytes: scan.bytes,
    start: scan.valueStart[code] as number,
    end: scan.valueEnd[code] as number,
  };
}

/** RFC 8092 §5: repeated large communities are silently removed. */
function writeDistinct(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  outStart: number,
): number {
  const few = end - start <= 8 * LARGE_COMMUNITY_OCTETS;
  const seen = few ? undefined : new Set<string>();
  let to = outStart;
  for (let at = start; at < end; at += LARGE_COMMUNITY_OCTETS) {
    const repeated = seen
      ? wasSeen(seen, largeCommunityAt(bytes, at))
      : isAmong(out, outStart, to, bytes, at);
    if (!repeated) to = copy(out, to, bytes, at, at + LARGE_COMMUNITY_OCTETS);
  }
  return to;
}

function wasSeen(seen: Set<string>, text: string): boolean {
  const before = seen.size;
  return seen.add(text).size === before;
}

function isAmong(
  out: Uint8Array,
  start: number,
  end: number,
  bytes: Uint8Array,
  from: number,
): boolean {
  for (let at = start; at < end; at += LARGE_COMMUNITY_OCTETS) {
    if (
      u32(out, at) === u32(bytes, from) &&
      u32(out, at + 4) === u32(bytes, from + 4) &&
      u32(out, at + 8) === u32(bytes, from + 8)
    ) {
      return true;
    }
  }
  return false;
}

/** Copies [start, end) to `to` and returns where the copy ends. Short runs are quicker without a view. */
export function copy(
  out: Uint8Array,
  to: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  if (end - start > 256) {
    out.set(bytes.subarray(start, end), to);
    return to + end - start;
  }
  let at = to;
  for (let from = start; from < end; from++) out[at++] = bytes[from] as number;
  return at;
}
