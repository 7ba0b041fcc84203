import { type IpAddress, ipAddressToBytes } from "../types/ip-address.ts";
import { type Prefix, prefixAddress, prefixFromBytes, prefixLength } from "../types/prefix.ts";

/** A prefix as the tables hold it: one word for IPv4, four for IPv6, and its length. */
export type PrefixWords = { readonly words: Uint32Array; readonly length: number };

export function wordsOfPrefix(prefix: Prefix): PrefixWords {
  return { words: wordsOfAddress(prefixAddress(prefix)), length: prefixLength(prefix) };
}

export function wordsOfAddress(address: IpAddress): Uint32Array {
  const bytes = ipAddressToBytes(address);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i));
}

/** The reverse; `words` has one word or four. */
export function prefixFromWords(words: Uint32Array, length: number): Prefix {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word);
  return prefixFromBytes(bytes, length);
}

/** Clears the bits after `length`, in place. */
export function maskWords(words: Uint32Array, length: number): void {
  for (let i = 0; i < words.length; i++) {
    const bits = length - 32 * i;
    if (bits <= 0) words[i] = 0;
    else if (bits < 32) words[i] = (words[i] as number) & (0xffff_ffff << (32 - bits));
  }
}
