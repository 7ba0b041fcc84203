import { narrowAsn, needsAs4Path, writeAs4Path, writeNarrowAsPath } from "./as4-split.ts";
import { AttributeCode } from "./attribute/attribute-code.ts";
import { copy } from "./canonical-attributes.ts";
import { setU16, u16, u32 } from "./octets.ts";

/*
 * The path attributes of a canonical set as one peer wants them: with or without NEXT_HOP, in two-octet AS numbers or in four.
 * A hot file: with four octets it is two copies. Attributes stay in ascending order (RFC 4271 §5).
 */

/** An AS4_PATH and an AS4_AGGREGATOR may come on top, and headers may grow. */
export function peerAttributesCapacity(setOctets: number): number {
  return 64 + 3 * setOctets;
}

/** Writes them at 0 and returns where they end; `nextHop` says whether the set's IPv4 next hop goes into NEXT_HOP. */
export function writePeerAttributes(
  out: Uint8Array,
  span: { readonly octets: Uint8Array; readonly start: number; readonly end: number },
  options: { readonly nextHop: boolean; readonly fourOctetAsn: boolean },
): number {
  const { octets: set, end } = span;
  const start = span.start + 1 + (set[span.start] as number);
  const middle = firstAfter(set, start, end, AttributeCode.nextHop);
  let to = options.fourOctetAsn
    ? copy(out, 0, set, start, middle)
    : copyNarrow(out, 0, set, start, middle);
  if (options.nextHop) to = putNextHop(out, to, set, span.start);
  if (options.fourOctetAsn) return copy(out, to, set, middle, end);
  const late = firstAfter(set, middle, end, AttributeCode.as4Aggregator);
  to = copyNarrow(out, to, set, middle, late);
  to = putAs4Attributes(out, to, set, start, late);
  return copy(out, to, set, late, end);
}

function putNextHop(out: Uint8Array, at: number, set: Uint8Array, start: number): number {
  out[at] = 0x40;
  out[at + 1] = AttributeCode.nextHop;
  out[at + 2] = 4;
  return copy(out, at + 3, set, start + 1, start + 5);
}

/** Where the first attribute with a greater type code begins. */
function firstAfter(set: Uint8Array, start: number, end: number, code: number): number {
  let at = start;
  while (at < end && (set[at + 1] as number) <= code) at = valueEndAt(set, at);
  return at;
}

function copyNarrow(
  out: Uint8Array,
  outStart: number,
  set: Uint8Array,
  start: number,
  end: number,
): number {
  let to = outStart;
  for (let at = start; at < end; at = valueEndAt(set, at)) {
    const next = valueEndAt(set, at);
    const value = valueStartAt(set, at);
    const code = set[at + 1] as number;
    if (code === AttributeCode.asPath) {
      const valueEnd = writeNarrowAsPath(out, to + 4, set, value, next);
      to = putHeader(out, to, 0x40, code, valueEnd);
    } else if (code === AttributeCode.aggregator) {
      setU16(out, to + 4, narrowAsn(u32(set, value)));
      const valueEnd = copy(out, to + 6, set, value + 4, value + 8);
      to = putHeader(out, to, set[at] as number, code, valueEnd);
    } else to = copy(out, to, set, at, next);
  }
  return to;
}

/** RFC 6793 §4.2.2: AS4_PATH and AS4_AGGREGATOR are sent where AS_TRANS hides something, and only there. */
function putAs4Attributes(
  out: Uint8Array,
  outStart: number,
  set: Uint8Array,
  start: number,
  end: number,
): number {
  let to = outStart;
  for (let at = start; at < end; at = valueEndAt(set, at)) {
    const value = valueStartAt(set, at);
    const next = valueEndAt(set, at);
    const code = set[at + 1] as number;
    if (code === AttributeCode.asPath && needsAs4Path(set, value, next)) {
      const valueEnd = writeAs4Path(out, to + 4, set, value, next);
      // Nothing is left where all of the path is confederation segments.
      if (valueEnd > to + 4) to = putHeader(out, to, 0xc0, AttributeCode.as4Path, valueEnd);
    } else if (code === AttributeCode.aggregator && u32(set, value) > 0xffff) {
      const valueEnd = copy(out, to + 4, set, value, next);
      to = putHeader(out, to, set[at] as number, AttributeCode.as4Aggregator, valueEnd);
    }
  }
  return to;
}

/** Puts the header in front of a value that was written 4 octets behind `at`, and closes the gap; returns the end. */
function putHeader(
  out: Uint8Array,
  at: number,
  flags: number,
  code: number,
  valueEnd: number,
): number {
  const octets = valueEnd - at - 4;
  out[at + 1] = code;
  if (octets > 255) {
    out[at] = flags | 0x10;
    setU16(out, at + 2, octets);
    return valueEnd;
  }
  out[at] = flags & ~0x10;
  out[at + 2] = octets;
  out.copyWithin(at + 3, at + 4, valueEnd);
  return valueEnd - 1;
}

function valueStartAt(set: Uint8Array, at: number): number {
  return at + (((set[at] as number) & 0x10) === 0 ? 3 : 4);
}

function valueEndAt(set: Uint8Array, at: number): number {
  return ((set[at] as number) & 0x10) === 0
    ? at + 3 + (set[at + 2] as number)
    : at + 4 + u16(set, at + 2);
}
