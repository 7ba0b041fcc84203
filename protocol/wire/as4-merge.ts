import { SegmentType } from "./attribute/as-path.ts";

/*
 * From two-octet AS numbers to the four-octet path that the RIB keeps, octets to octets. A hot file where peers are old;
 * paths that come here have passed the checks of as-path.ts. RFC 6793 §4.2.3.
 */

/** Where a path attribute's value lies in its message. */
export type ValueSpan = {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
};

/** Writes the two-octet path with four octets an AS number; returns where it ends. */
export function widenAsPath(out: Uint8Array, outStart: number, path: ValueSpan): number {
  let to = outStart;
  let at = path.start;
  while (at < path.end) {
    const count = path.bytes[at + 1] as number;
    to = widenSegment(out, to, path.bytes, at, count);
    at += 2 + 2 * count;
  }
  return to;
}

/**
 * Writes AS_PATH (two-octet) with AS4_PATH laid over its end; returns where it ends. An AS4_PATH that counts more AS numbers
 * than AS_PATH, or says nothing, is ignored, and so is one that would make the attribute longer than its length field can say.
 */
export function mergeAs4Path(
  out: Uint8Array,
  outStart: number,
  path: ValueSpan,
  as4Path: ValueSpan,
): number {
  const tail = countAsns(as4Path, 4);
  const lead = countAsns(path, 2) - tail;
  if (tail === 0 || lead < 0) return widenAsPath(out, outStart, path);
  const leadEnd = copyLead(out, outStart, path, lead);
  const end = appendAs4Path(out, outStart, leadEnd, as4Path);
  return end - outStart > 0xffff ? widenAsPath(out, outStart, path) : end;
}

/** How many AS numbers a path counts: a set is one, confederation segments are none. RFC 4271 §9.1.2.2, RFC 5065 §5.3. */
function countAsns({ bytes, start, end }: ValueSpan, asnOctets: 2 | 4): number {
  let asns = 0;
  let at = start;
  while (at < end) {
    const count = bytes[at + 1] as number;
    if (bytes[at] === SegmentType.sequence) asns += count;
    else if (bytes[at] === SegmentType.set) asns += 1;
    at += 2 + asnOctets * count;
  }
  return asns;
}

/** The first `lead` AS numbers of the path, with the confederation segments that lead it or touch what is taken. */
function copyLead(out: Uint8Array, outStart: number, path: ValueSpan, lead: number): number {
  const { bytes, start, end } = path;
  let left = lead;
  let to = outStart;
  let at = start;
  while (at < end) {
    const type = bytes[at] as number;
    const count = bytes[at + 1] as number;
    const confederation = type === SegmentType.confedSequence || type === SegmentType.confedSet;
    if (left === 0 && !confederation) return to;
    const taken = type === SegmentType.sequence ? Math.min(count, left) : count;
    to = widenSegment(out, to, bytes, at, taken);
    if (taken < count) return to;
    if (type === SegmentType.sequence) left -= taken;
    else if (type === SegmentType.set) left -= 1;
    at += 2 + 2 * count;
  }
  return to;
}

/** RFC 6793 §3 keeps confederation segments out of AS4_PATH; those that come nevertheless are discarded. */
function appendAs4Path(out: Uint8Array, outStart: number, leadEnd: number, as4: ValueSpan): number {
  let last = lastSegment(out, outStart, leadEnd);
  let to = leadEnd;
  let at = as4.start;
  while (at < as4.end) {
    const type = as4.bytes[at] as number;
    const count = as4.bytes[at + 1] as number;
    const next = at + 2 + 4 * count;
    if (type === SegmentType.sequence || type === SegmentType.set) {
      const joins =
        to === leadEnd &&
        last >= 0 &&
        type === SegmentType.sequence &&
        out[last] === SegmentType.sequence &&
        (out[last + 1] as number) + count <= 255;
      if (joins) out[last + 1] = (out[last + 1] as number) + count;
      else last = to;
      for (let from = joins ? at + 2 : at; from < next; from++)
        out[to++] = as4.bytes[from] as number;
    }
    at = next;
  }
  return to;
}

function lastSegment(out: Uint8Array, start: number, end: number): number {
  let last = -1;
  for (let at = start; at < end; at += 2 + 4 * (out[at + 1] as number)) last = at;
  return last;
}

function widenSegment(
  out: Uint8Array,
  outStart: number,
  bytes: Uint8Array,
  segment: number,
  count: number,
): number {
  out[outStart] = bytes[segment] as number;
  out[outStart + 1] = count;
  let to = outStart + 2;
  const end = segment + 2 + 2 * count;
  for (let at = segment + 2; at < end; at += 2) {
    out[to] = 0;
    out[to + 1] = 0;
    out[to + 2] = bytes[at] as number;
    out[to + 3] = bytes[at + 1] as number;
    to += 4;
  }
  return to;
}
