import type { Branded } from "./brand.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "./family.ts";
import {
  compareIpAddress,
  type IpAddress,
  ipAddressFromBytes,
  ipAddressToBytes,
  parseIpAddress,
} from "./ip-address.ts";

/** An IP prefix as its canonical text, "10.0.0.0/24" or "fd80::/64", host bits zero. Equal prefixes are equal strings. */
export type Prefix = Branded<string, "Prefix">;

/** Parses and canonicalises. Throws RangeError when the text is no prefix or has host bits set. */
export function Prefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new RangeError(`not an IP prefix: ${text}`);
  return prefix;
}

/** Like Prefix, but undefined instead of an error. */
export function parsePrefix(text: string): Prefix | undefined {
  const match = /^(.+)\/(\d{1,3})$/.exec(text);
  const address = match && parseIpAddress(match[1] as string);
  if (!address) return undefined;
  const length = Number(match[2]);
  const bytes = ipAddressToBytes(address);
  if (length > bytes.length * 8) return undefined;
  return maskedEquals(bytes, length) ? (`${address}/${length}` as Prefix) : undefined;
}

/** The prefix of this length that holds the address: host bits are cleared. */
export function prefixOf(address: IpAddress, length: number): Prefix {
  return prefixFromBytes(ipAddressToBytes(address), length);
}

/** A host route: /32 or /128. */
export function hostPrefix(address: IpAddress): Prefix {
  return `${address}/${address.includes(":") ? 128 : 32}` as Prefix;
}

/** From 4 or 16 octets; bits after `length` are cleared. Throws RangeError for impossible lengths. */
export function prefixFromBytes(bytes: Uint8Array, length: number): Prefix {
  if (!Number.isInteger(length) || length < 0 || length > bytes.length * 8) {
    throw new RangeError(`not a prefix length: ${length}`);
  }
  return `${ipAddressFromBytes(masked(bytes, length))}/${length}` as Prefix;
}

export function prefixAddress(prefix: Prefix): IpAddress {
  // A prefix is canonical text, and so is the part of it that is an address.
  return prefix.slice(0, prefix.lastIndexOf("/")) as IpAddress;
}

export function prefixLength(prefix: Prefix): number {
  return Number(prefix.slice(prefix.lastIndexOf("/") + 1));
}

export function prefixFamily(prefix: Prefix): Family {
  return prefix.includes(":") ? IPV6_UNICAST : IPV4_UNICAST;
}

/** True when `inner` is `outer` or a more specific prefix of it. */
export function prefixContains(outer: Prefix, inner: Prefix): boolean {
  const length = prefixLength(outer);
  if (prefixLength(inner) < length || prefixFamily(outer) !== prefixFamily(inner)) return false;
  return prefixOf(prefixAddress(inner), length) === outer;
}

export function prefixContainsAddress(outer: Prefix, address: IpAddress): boolean {
  return prefixContains(outer, hostPrefix(address));
}

/** IPv4 before IPv6, then by address, then shorter first. */
export function comparePrefix(a: Prefix, b: Prefix): number {
  return compareIpAddress(prefixAddress(a), prefixAddress(b)) || prefixLength(a) - prefixLength(b);
}

function masked(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((octet, i) => octet & maskOctet(length - 8 * i));
}

function maskedEquals(bytes: Uint8Array, length: number): boolean {
  return bytes.every((octet, i) => (octet & ~maskOctet(length - 8 * i)) === 0);
}

function maskOctet(bits: number): number {
  return bits >= 8 ? 255 : bits <= 0 ? 0 : (255 << (8 - bits)) & 255;
}
