import {
  type IpAddress,
  ipAddressFromBytes,
  ipAddressToBytes,
  ipVersion,
} from "../../../protocol/types/ip-address.ts";
import { AF_INET, AF_INET6 } from "./libc.ts";

/** An address and port as the kernel's sockaddr_in (16 octets) or sockaddr_in6 (28 octets). */
export function encodeSocketAddress(address: IpAddress, port: number, scopeId = 0): Buffer {
  const octets = ipAddressToBytes(address);
  if (ipVersion(address) === 4) {
    const bytes = Buffer.alloc(16);
    bytes.writeUInt16LE(AF_INET, 0);
    bytes.writeUInt16BE(port, 2);
    bytes.set(octets, 4);
    return bytes;
  }
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(octets, 8);
  bytes.writeUInt32LE(scopeId, 24);
  return bytes;
}

/** The reverse of encodeSocketAddress; undefined for other families. */
export function decodeSocketAddress(
  bytes: Uint8Array,
): { readonly address: IpAddress; readonly port: number } | undefined {
  const family = (bytes[0] as number) | ((bytes[1] as number) << 8);
  const port = ((bytes[2] as number) << 8) | (bytes[3] as number);
  if (family === AF_INET) return { address: ipAddressFromBytes(bytes.subarray(4, 8)), port };
  if (family === AF_INET6) return { address: ipAddressFromBytes(bytes.subarray(8, 24)), port };
  return undefined;
}
