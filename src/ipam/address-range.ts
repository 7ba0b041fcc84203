import {
  type IpAddress,
  ipAddressFromBytes,
  ipAddressToBytes,
  ipVersion,
} from "../../protocol/types/ip-address.ts";
import {
  type Prefix,
  prefixAddress,
  prefixFromBytes,
  prefixLength,
  prefixOf,
} from "../../protocol/types/prefix.ts";

/** Arithmetic of addresses in prefixes. An ordinal says how far into its block an address lies, from 0. */

export type IpVersion = 4 | 6;

export function versionOf(prefix: Prefix): IpVersion {
  return ipVersion(prefixAddress(prefix));
}

/** How many addresses a prefix has: 64 for a /26. */
export function addressCount(prefix: Prefix): bigint {
  return 1n << BigInt(bitsOf(prefix) - prefixLength(prefix));
}

/** How many blocks of a length a pool has; 0 when one block is larger than the pool. */
export function blockCount(pool: Prefix, blockLength: number): bigint {
  const bits = blockLength - prefixLength(pool);
  return bits < 0 ? 0n : 1n << BigInt(bits);
}

/** The pool's block of this number, counted from its lowest address. */
export function blockAt({
  pool,
  blockLength,
  index,
}: {
  readonly pool: Prefix;
  readonly blockLength: number;
  readonly index: bigint;
}): Prefix {
  const offset = index << BigInt(bitsOf(pool) - blockLength);
  return prefixFromBytes(bytesAt(prefixAddress(pool), offset), blockLength);
}

/** The reverse of `blockAt`. */
export function blockIndex(pool: Prefix, block: Prefix): bigint {
  const offset = numberOf(prefixAddress(block)) - numberOf(prefixAddress(pool));
  return offset >> BigInt(bitsOf(pool) - prefixLength(block));
}

export function addressAt(block: Prefix, ordinal: number): IpAddress {
  return ipAddressFromBytes(bytesAt(prefixAddress(block), BigInt(ordinal)));
}

/** Of all ordinals of a block, from the first. */
export function addressesOf(block: Prefix): readonly IpAddress[] {
  const bytes = ipAddressToBytes(prefixAddress(block));
  return Array.from({ length: Number(addressCount(block)) }, () => {
    const address = ipAddressFromBytes(bytes);
    increment(bytes);
    return address;
  });
}

/** Undefined when the address lies elsewhere. */
export function ordinalOf(block: Prefix, address: IpAddress): number | undefined {
  if (ipVersion(address) !== versionOf(block)) return undefined;
  if (prefixOf(address, prefixLength(block)) !== block) return undefined;
  return Number(numberOf(address) - numberOf(prefixAddress(block)));
}

function bitsOf(prefix: Prefix): 32 | 128 {
  return versionOf(prefix) === 4 ? 32 : 128;
}

function numberOf(address: IpAddress): bigint {
  return ipAddressToBytes(address).reduce((number, octet) => (number << 8n) | BigInt(octet), 0n);
}

function bytesAt(address: IpAddress, offset: bigint): Uint8Array {
  const bytes = ipAddressToBytes(address);
  let carry = offset;
  for (let at = bytes.length - 1; at >= 0 && carry > 0n; at--) {
    carry += BigInt(bytes[at] ?? 0);
    bytes[at] = Number(carry & 255n);
    carry >>= 8n;
  }
  return bytes;
}

function increment(bytes: Uint8Array): void {
  for (let at = bytes.length - 1; at >= 0; at--) {
    const octet = (bytes[at] ?? 0) + 1;
    bytes[at] = octet;
    if (octet < 256) return;
  }
}
