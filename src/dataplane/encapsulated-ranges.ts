import { ipAddressToBytes, ipVersion } from "../../protocol/types/ip-address.ts";
import { prefixAddress, prefixLength } from "../../protocol/types/prefix.ts";
import type { TunnelPool, TunnelType } from "../calc/tunnel-state.ts";

/** How routes of a pool are carried. */
export type Encapsulation = { readonly tunnel: TunnelType; readonly crossSubnet: boolean };

/** Every way there is; a way's number is its place here and counts from 1, so that 0 is "as it is". */
const ENCAPSULATIONS: readonly Encapsulation[] = (["ipip", "vxlan", "vxlanV6"] as const).flatMap(
  (tunnel) => [
    { tunnel, crossSubnet: false },
    { tunnel, crossSubnet: true },
  ],
);

/** Undefined for 0. */
export function encapsulationByNumber(number: number): Encapsulation | undefined {
  return ENCAPSULATIONS[number - 1];
}

/** Tells which routes are encapsulated. Pools are few and do not overlap, so each route is compared with each of them. */
export class EncapsulatedRanges {
  readonly #ranges: { readonly 4: readonly Range[]; readonly 6: readonly Range[] };

  constructor(pools: readonly TunnelPool[]) {
    const ranges = pools.map(rangeOf);
    this.#ranges = {
      4: ranges.filter(({ words }) => words.length === 1),
      6: ranges.filter(({ words }) => words.length === 4),
    };
  }

  /** False: nothing of this IP version is encapsulated. */
  any(version: 4 | 6): boolean {
    return this.#ranges[version].length > 0;
  }

  /** The number of the way for the prefix that begins at `addresses[at]`; 0 for one in no range, or wider than its range. */
  numberOf(
    version: 4 | 6,
    { addresses, at, length }: { addresses: Uint32Array; at: number; length: number },
  ): number {
    for (const range of this.#ranges[version]) {
      if (length >= range.length && contains(range, addresses, at)) return range.number;
    }
    return 0;
  }
}

type Range = {
  readonly words: readonly number[];
  readonly masks: readonly number[];
  readonly length: number;
  readonly number: number;
};

function rangeOf({ cidr, tunnel, crossSubnet }: TunnelPool): Range {
  const address = prefixAddress(cidr);
  const bytes = ipAddressToBytes(address);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = prefixLength(cidr);
  const places = ipVersion(address) === 4 ? [0] : [0, 1, 2, 3];
  const masks = places.map((place) => maskOf(length - 32 * place));
  return {
    words: places.map((place, i) => (view.getUint32(4 * place) & (masks[i] as number)) >>> 0),
    masks,
    length,
    number:
      1 +
      ENCAPSULATIONS.findIndex(
        (each) => each.tunnel === tunnel && each.crossSubnet === crossSubnet,
      ),
  };
}

/** The mask of one word of which so many bits count. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffff_ffff : (0xffff_ffff << (32 - bits)) >>> 0;
}

function contains({ words, masks }: Range, addresses: Uint32Array, at: number): boolean {
  return words.every(
    (word, i) => ((addresses[at + i] as number) & (masks[i] as number)) >>> 0 === word,
  );
}
