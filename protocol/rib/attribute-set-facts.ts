/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Reads from canonical octets (see wire/attribute-set.ts) the few fields on which the decision process and the export rules
 * turn. Canonical octets come from our own codec, so nothing here checks lengths again.
 */
import { WELL_KNOWN } from "../types/community.ts";

/** Places of the decisive fields behind the start of a row. */
export const FACT = {
  localPref: 0,
  asPathLength: 1,
  /** ORIGIN in the low two bits, SET_… flags above. */
  flags: 2,
  neighborAsn: 3,
  med: 4,
  originatorId: 5,
  clusterListLength: 6,
} as const;

/** What an attribute set has, as bits. */
export const SET_HAS_MED = 1 << 2;
export const SET_HAS_LOCAL_PREF = 1 << 3;
export const SET_HAS_ORIGINATOR = 1 << 4;
export const SET_LLGR_STALE = 1 << 5;
export const SET_NO_EXPORT = 1 << 6;
export const SET_NO_ADVERTISE = 1 << 7;
export const SET_NO_EXPORT_SUBCONFED = 1 << 8;
export const SET_HAS_OTC = 1 << 9;
export const SET_NO_LLGR = 1 << 10;

/** A route without LOCAL_PREF (learned over eBGP) counts with this. RFC 4271 §9.1.1 leaves the value to us. */
export const DEFAULT_LOCAL_PREF = 100;

/** Fills the fields of a row from the set in octets[start, end). */
export function readFacts(
  octets: Uint8Array,
  start: number,
  end: number,
  row: Int32Array,
  base: number,
): void {
  row[base + FACT.localPref] = DEFAULT_LOCAL_PREF;
  row[base + FACT.asPathLength] = 0;
  row[base + FACT.flags] = 0;
  row[base + FACT.neighborAsn] = 0;
  row[base + FACT.med] = 0;
  row[base + FACT.originatorId] = 0;
  row[base + FACT.clusterListLength] = 0;
  let at = start + 1 + (octets[start] as number);
  while (at < end) {
    const extended = ((octets[at] as number) & 0x10) !== 0;
    const code = octets[at + 1] as number;
    const length = extended
      ? ((octets[at + 2] as number) << 8) | (octets[at + 3] as number)
      : (octets[at + 2] as number);
    const value = at + (extended ? 4 : 3);
    readAttribute(octets, code, value, length, row, base);
    at = value + length;
  }
}

function readAttribute(
  octets: Uint8Array,
  code: number,
  value: number,
  length: number,
  row: Int32Array,
  base: number,
): void {
  const flags = base + FACT.flags;
  switch (code) {
    case 1:
      row[flags] = (row[flags] as number) | ((octets[value] as number) & 3);
      return;
    case 2:
      readAsPath(octets, value, value + length, row, base);
      return;
    case 4:
      row[base + FACT.med] = uint32(octets, value);
      row[flags] = (row[flags] as number) | SET_HAS_MED;
      return;
    case 5:
      row[base + FACT.localPref] = uint32(octets, value);
      row[flags] = (row[flags] as number) | SET_HAS_LOCAL_PREF;
      return;
    case 8:
      row[flags] = (row[flags] as number) | communityFlags(octets, value, value + length);
      return;
    case 9:
      row[base + FACT.originatorId] = uint32(octets, value);
      row[flags] = (row[flags] as number) | SET_HAS_ORIGINATOR;
      return;
    case 10:
      row[base + FACT.clusterListLength] = length >>> 2;
      return;
    case 35:
      row[flags] = (row[flags] as number) | SET_HAS_OTC;
      return;
    default:
  }
}

/**
 * The length counts an AS_SET as one and confederation segments as nothing (RFC 4271 §9.1.2.2 a, RFC 5065 §5.3). The
 * neighbouring AS is the first of a leading AS_SEQUENCE; a path that begins with a set, or is empty, has none (0).
 */
function readAsPath(
  octets: Uint8Array,
  start: number,
  end: number,
  row: Int32Array,
  base: number,
): void {
  let length = 0;
  let neighbor = -1;
  for (let at = start; at < end; ) {
    const type = octets[at] as number;
    const count = octets[at + 1] as number;
    if (type === 1) {
      length += 1;
      if (neighbor === -1) neighbor = 0;
    } else if (type === 2) {
      length += count;
      if (neighbor === -1) neighbor = uint32(octets, at + 2) >>> 0;
    }
    at += 2 + 4 * count;
  }
  row[base + FACT.asPathLength] = length;
  row[base + FACT.neighborAsn] = neighbor === -1 ? 0 : neighbor;
}

function communityFlags(octets: Uint8Array, start: number, end: number): number {
  let flags = 0;
  for (let at = start; at < end; at += 4) {
    if (octets[at] !== 0xff || octets[at + 1] !== 0xff) continue;
    const community = uint32(octets, at) >>> 0;
    if (community === WELL_KNOWN.noExport) flags |= SET_NO_EXPORT;
    else if (community === WELL_KNOWN.noAdvertise) flags |= SET_NO_ADVERTISE;
    else if (community === WELL_KNOWN.noExportSubconfed) flags |= SET_NO_EXPORT_SUBCONFED;
    else if (community === WELL_KNOWN.llgrStale) flags |= SET_LLGR_STALE;
    else if (community === WELL_KNOWN.noLlgr) flags |= SET_NO_LLGR;
  }
  return flags;
}

/** Four octets as a signed word. */
function uint32(octets: Uint8Array, at: number): number {
  return (
    ((octets[at] as number) << 24) |
    ((octets[at + 1] as number) << 16) |
    ((octets[at + 2] as number) << 8) |
    (octets[at + 3] as number)
  );
}
