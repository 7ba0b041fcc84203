import type { Family } from "../types/family.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../types/family.ts";
import { ipAddressToBytes } from "../types/ip-address.ts";
import { prefixAddress, prefixFromBytes, prefixLength } from "../types/prefix.ts";
import type { Nlri } from "./message.ts";
import type { OctetWriter } from "./octet-writer.ts";
import { u32 } from "./octets.ts";
import type { WireContext } from "./wire-context.ts";

/*
 *   +-----------------------+----------------+--------------------------------------+
 *   | Path Identifier (4),  | Length in bits | Prefix, as few octets as hold Length |   RFC 4271 §4.3, RFC 4760 §5,
 *   | only with ADD-PATH    | (1)            | bits; bits after Length mean nothing |   RFC 7911 §3
 *   +-----------------------+----------------+--------------------------------------+
 */

/** Longest prefix of a family that tortie routes; undefined for families whose NLRI it only passes by. */
export function maxPrefixLength(family: Family): 32 | 128 | undefined {
  if (family === IPV4_UNICAST) return 32;
  return family === IPV6_UNICAST ? 128 : undefined;
}

/** Where the first syntactic error in these prefixes is, or -1 when there is none. RFC 7606 §5.3. */
export function findNlriError(
  bytes: Uint8Array,
  start: number,
  end: number,
  layout: NlriLayout,
): number {
  const { maxLength, pathIdOctets } = layout;
  let at = start;
  while (at < end) {
    const lengthAt = at + pathIdOctets;
    if (lengthAt >= end) return at;
    const length = bytes[lengthAt] as number;
    if (length > maxLength) return lengthAt;
    const next = lengthAt + 1 + ((length + 7) >>> 3);
    if (next > end) return at;
    at = next;
  }
  return -1;
}

/** What must be known to read NLRI: the longest prefix, and 4 octets of path identifier or none. */
export type NlriLayout = { readonly maxLength: number; readonly pathIdOctets: 0 | 4 };

/** The layout of a family in this direction of a session; undefined for families that tortie only passes by. */
export function nlriLayout(family: Family, context: WireContext): NlriLayout | undefined {
  const maxLength = maxPrefixLength(family);
  if (maxLength === undefined) return undefined;
  if (maxLength === 32) return context.addPath.has(family) ? IPV4_ADD_PATH : IPV4;
  return context.addPath.has(family) ? IPV6_ADD_PATH : IPV6;
}

const IPV4: NlriLayout = { maxLength: 32, pathIdOctets: 0 };
const IPV4_ADD_PATH: NlriLayout = { maxLength: 32, pathIdOctets: 4 };
const IPV6: NlriLayout = { maxLength: 128, pathIdOctets: 0 };
const IPV6_ADD_PATH: NlriLayout = { maxLength: 128, pathIdOctets: 4 };

/** The prefixes in octets that `findNlriError` has passed. */
export function decodeNlri(
  bytes: Uint8Array,
  start: number,
  end: number,
  layout: NlriLayout,
): readonly Nlri[] {
  const prefixes: Nlri[] = [];
  const address = new Uint8Array(layout.maxLength >>> 3);
  let at = start;
  while (at < end) {
    const lengthAt = at + layout.pathIdOctets;
    const length = bytes[lengthAt] as number;
    const next = lengthAt + 1 + ((length + 7) >>> 3);
    address.fill(0);
    address.set(bytes.subarray(lengthAt + 1, next));
    const prefix = prefixFromBytes(address, length);
    prefixes.push(layout.pathIdOctets === 4 ? { prefix, pathId: u32(bytes, at) } : { prefix });
    at = next;
  }
  return prefixes;
}

/**
 * Writes prefixes; a path identifier that is not given counts as 0 where ADD-PATH wants one (RFC 7911 §3). Throws RangeError
 * for a prefix of another family.
 */
export function encodeNlri(nlri: readonly Nlri[], layout: NlriLayout, writer: OctetWriter): void {
  for (const { prefix, pathId } of nlri) {
    const length = prefixLength(prefix);
    const address = ipAddressToBytes(prefixAddress(prefix));
    if (address.length * 8 !== layout.maxLength) {
      throw new RangeError(`${prefix} among prefixes of up to ${layout.maxLength} bits`);
    }
    if (layout.pathIdOctets === 4) writer.putU32(pathId ?? 0);
    writer.putU8(length);
    writer.putBytes(address.subarray(0, (length + 7) >>> 3));
  }
}
