import type { Asn } from "../types/asn.ts";
import type { Community, LargeCommunity } from "../types/community.ts";

/** AS_PATH segment type AS_SEQUENCE. RFC 4271 §4.3. */
const AS_SEQUENCE = 2;
const MAX_SEGMENT = 255;

/** A 32-bit value as an attribute carries it. */
export function uint32Octets(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** An AS_PATH value with `asns` in front: in its leading AS_SEQUENCE while that has room. RFC 4271 §5.1.2 b. */
export function prependAsns(asPath: Uint8Array | undefined, asns: readonly Asn[]): Uint8Array {
  let path = asPath ?? new Uint8Array(0);
  for (const asn of asns.toReversed()) path = prependAsn(path, asn);
  return path;
}

function prependAsn(path: Uint8Array, asn: Asn): Uint8Array {
  const count = path[1] ?? 0;
  const joins = path.length > 0 && path[0] === AS_SEQUENCE && count < MAX_SEGMENT;
  const out = new Uint8Array(path.length + (joins ? 4 : 6));
  out[0] = AS_SEQUENCE;
  out[1] = joins ? count + 1 : 1;
  out.set(uint32Octets(asn), 2);
  out.set(joins ? path.subarray(2) : path, 6);
  return out;
}

/** Whether the path begins with these AS numbers, read over segment borders; an AS_SET ends the comparison. */
export function asPathStartsWith(asPath: Uint8Array | undefined, asns: readonly Asn[]): boolean {
  let matched = 0;
  for (let at = 0; asPath !== undefined && at < asPath.length && matched < asns.length; ) {
    const count = asPath[at + 1] as number;
    if (asPath[at] !== AS_SEQUENCE) return false;
    for (let i = 0; i < count && matched < asns.length; i++) {
      if (readUint32(asPath, at + 2 + 4 * i) !== asns[matched]) return false;
      matched++;
    }
    at += 2 + 4 * count;
  }
  return matched === asns.length;
}

export function readUint32(octets: Uint8Array, at: number): number {
  return (
    (((octets[at] as number) << 24) |
      ((octets[at + 1] as number) << 16) |
      ((octets[at + 2] as number) << 8) |
      (octets[at + 3] as number)) >>>
    0
  );
}

/** The octets of one community: 4, or 12 for a large one. */
export function communityOctets(community: Community | LargeCommunity): Uint8Array {
  if (typeof community === "number") return uint32Octets(community);
  const out = new Uint8Array(12);
  for (const [i, part] of community.split(":").entries())
    out.set(uint32Octets(Number(part)), 4 * i);
  return out;
}

/** Whether a list of communities of one size contains this one. */
export function containsCommunity(list: Uint8Array | undefined, community: Uint8Array): boolean {
  if (list === undefined) return false;
  const size = community.length;
  for (let at = 0; at < list.length; at += size) {
    if (community.every((octet, i) => list[at + i] === octet)) return true;
  }
  return false;
}

/** The list with the community added behind, unless it is there already. */
export function addCommunity(list: Uint8Array | undefined, community: Uint8Array): Uint8Array {
  const before = list ?? new Uint8Array(0);
  if (containsCommunity(before, community)) return before;
  const out = new Uint8Array(before.length + community.length);
  out.set(before);
  out.set(community, before.length);
  return out;
}
