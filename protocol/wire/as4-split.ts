import { AS_TRANS } from "../types/asn.ts";
import { SegmentType } from "./attribute/as-path.ts";
import { setU16, setU32, u32 } from "./octets.ts";

/*
 * The reverse of as4-merge.ts: a canonical, four-octet path for a peer that knows two-octet AS numbers only. RFC 6793 §4.2.2.
 */

/** True when some AS number of the four-octet path does not fit into two octets: only then is AS4_PATH sent. */
export function needsAs4Path(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const next = at + 2 + 4 * (bytes[at + 1] as number);
    for (let asn = at + 2; asn < next; asn += 4) if (u32(bytes, asn) > 0xffff) return true;
    at = next;
  }
  return false;
}

/** Writes the path in two octets an AS number, AS_TRANS for those that do not fit; returns where it ends. */
export function writeNarrowAsPath(
  out: Uint8Array,
  outStart: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let to = outStart;
  let at = start;
  while (at < end) {
    const next = at + 2 + 4 * (bytes[at + 1] as number);
    out[to] = bytes[at] as number;
    out[to + 1] = bytes[at + 1] as number;
    to += 2;
    for (let from = at + 2; from < next; from += 4) {
      setU16(out, to, narrowAsn(u32(bytes, from)));
      to += 2;
    }
    at = next;
  }
  return to;
}

/** Writes what AS4_PATH carries: the path without its confederation segments; returns where it ends. */
export function writeAs4Path(
  out: Uint8Array,
  outStart: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let to = outStart;
  let at = start;
  while (at < end) {
    const type = bytes[at] as number;
    const next = at + 2 + 4 * (bytes[at + 1] as number);
    if (type === SegmentType.sequence || type === SegmentType.set) {
      setU16(out, to, (type << 8) | (bytes[at + 1] as number));
      to += 2;
      for (let from = at + 2; from < next; from += 4) {
        setU32(out, to, u32(bytes, from));
        to += 4;
      }
    }
    at = next;
  }
  return to;
}

/** The AS number as a two-octet speaker sees it. RFC 6793 §4.2.2. */
export function narrowAsn(asn: number): number {
  return asn > 0xffff ? AS_TRANS : asn;
}
