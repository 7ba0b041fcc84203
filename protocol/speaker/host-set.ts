import { type IpAddress, ipAddressToBytes } from "../types/ip-address.ts";

/** A set of addresses that is asked with the words of a table's prefix: the checks of each received route use it. */
export class HostSet {
  readonly #ipv4 = new Set<number>();
  /** IPv6 by a sum of its words; the few that share a sum stand in one list. */
  readonly #ipv6 = new Map<number, Uint32Array[]>();

  add(address: IpAddress): void {
    const words = wordsOf(address);
    if (words.length === 1) this.#ipv4.add(words[0] as number);
    else this.#ipv6.set(sum(words), [...(this.#ipv6.get(sum(words)) ?? []), words]);
  }

  delete(address: IpAddress): void {
    const words = wordsOf(address);
    if (words.length === 1) {
      this.#ipv4.delete(words[0] as number);
      return;
    }
    const others = this.#ipv6.get(sum(words))?.filter((other) => !sameWords(other, words));
    if (others?.length) this.#ipv6.set(sum(words), others);
    else this.#ipv6.delete(sum(words));
  }

  /** True when the host prefix (one word for IPv4, four for IPv6) is in the set. */
  hasWords(words: Uint32Array, length: number): boolean {
    if (length === 32) return this.#ipv4.has(words[0] as number);
    if (length !== 128 || this.#ipv6.size === 0) return false;
    return this.#ipv6.get(sum(words))?.some((other) => sameWords(other, words)) ?? false;
  }
}

function sameWords(a: Uint32Array, b: Uint32Array): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

/** An address as 32-bit words: one for IPv4, four for IPv6. */
export function wordsOf(address: IpAddress): Uint32Array {
  return readWords(ipAddressToBytes(address), 0, address.includes(":") ? 4 : 1);
}

/** `count` words from octets in network order. */
export function readWords(octets: Uint8Array, at: number, count: number): Uint32Array {
  const words = new Uint32Array(count);
  for (let i = 0; i < count; i++) words[i] = readWord(octets, at + 4 * i);
  return words;
}

/** One unsigned word from octets in network order. */
export function readWord(octets: Uint8Array, at: number): number {
  return (
    (((octets[at] as number) << 24) |
      ((octets[at + 1] as number) << 16) |
      ((octets[at + 2] as number) << 8) |
      (octets[at + 3] as number)) >>>
    0
  );
}

function sum(words: Uint32Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = words;
  return (a ^ Math.imul(b, 31) ^ Math.imul(c, 131) ^ Math.imul(d, 0x9e37_79b1)) >>> 0;
}
