/*
 * Is this prefix one that a peer may announce at all? Asked for each received prefix: numbers in, a number out, and no
 * object is made.
 */
import { INELIGIBLE } from "../rib/verdict.ts";

/** Accepted: nothing speaks against the prefix. */
const FINE = 0;

/**
 * The reason code (rib/verdict.ts) that refuses a prefix wherever it comes from, or 0: what can be no destination beyond
 * one host or link. The default route is not among them. RFC 6890, RFC 5735, RFC 4291.
 */
export function martianPrefix(words: Uint32Array, length: number, ipv6: boolean): number {
  if (length === 0) return FINE;
  const martian = ipv6 ? isIpv6Martian(words, length) : isIpv4Martian(words[0] as number, length);
  return martian ? INELIGIBLE.martianPrefix : FINE;
}

function isIpv4Martian(word: number, length: number): boolean {
  // 224.0.0.0/4 is multicast, 240.0.0.0/4 is reserved; together they are 224.0.0.0/3.
  if (length >= 3 && word >>> 29 === 7) return true;
  if (length < 8) return false;
  const top = word >>> 24;
  // "This network", and loopback.
  if (top === 0 || top === 127) return true;
  // Link-local, 169.254.0.0/16.
  return length >= 16 && word >>> 16 === 0xa9fe;
}

function isIpv6Martian(words: Uint32Array, length: number): boolean {
  const first = words[0] as number;
  // Multicast ff00::/8, link-local fe80::/10.
  if (length >= 8 && first >>> 24 === 0xff) return true;
  if (length >= 10 && first >>> 22 === 0x3fa) return true;
  if (length < 96 || first !== 0 || words[1] !== 0) return false;
  // IPv4-mapped ::ffff:0:0/96; unspecified :: and loopback ::1.
  if (words[2] === 0xffff) return true;
  return length === 128 && words[2] === 0 && (words[3] as number) <= 1;
}
