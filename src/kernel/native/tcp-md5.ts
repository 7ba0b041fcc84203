import { type IpAddress, ipVersion } from "../../../protocol/types/ip-address.ts";
import { encodeSocketAddress } from "./socket-address.ts";

/** The longest key that Linux takes: TCP_MD5SIG_MAXKEYLEN. */
export const MD5_KEY_MAX_OCTETS = 80;

const LENGTH = 216;
const FLAG_PREFIX = 1;

/**
 * struct tcp_md5sig of linux/tcp.h. An empty key removes the one that is set. RFC 2385.
 *
 *     0             128    129        130      132        136
 *     +--------------+------+----------+--------+----------+---------------------------+
 *     | sockaddr     | flags| prefixlen| keylen | ifindex  | key, 80 octets            |
 *     +--------------+------+----------+--------+----------+---------------------------+
 */
export function md5Signature(key: {
  readonly address: IpAddress;
  /** Only with TCP_MD5SIG_EXT. */
  readonly prefixLength?: number;
  readonly md5Key: string;
}): Buffer {
  const octets = Buffer.from(key.md5Key);
  if (octets.length > MD5_KEY_MAX_OCTETS) {
    throw new RangeError(
      `the MD5 key for ${key.address} has ${octets.length} octets, ${MD5_KEY_MAX_OCTETS} is the limit`,
    );
  }
  const bytes = Buffer.alloc(LENGTH);
  encodeSocketAddress(key.address, 0).copy(bytes);
  if (key.prefixLength !== undefined) {
    const longest = ipVersion(key.address) === 4 ? 32 : 128;
    if (key.prefixLength < 0 || key.prefixLength > longest) throw new RangeError("prefix length");
    bytes.writeUInt8(FLAG_PREFIX, 128);
    bytes.writeUInt8(key.prefixLength, 129);
  }
  bytes.writeUInt16LE(octets.length, 130);
  octets.copy(bytes, 136);
  return bytes;
}
