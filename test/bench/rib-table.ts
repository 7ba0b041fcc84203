/**
 * A full table made of nothing but a seed: a million IPv4 prefixes with the lengths of the Internet, and attribute sets
 * that cover 7.3 prefixes each on average, as real UPDATEs do. The sets are canonical octets (see wire/attribute-set.ts).
 */
export type SyntheticTable = {
  readonly prefixes: Uint32Array;
  readonly lengths: Uint8Array;
  /** Prefix i has the set with this number; equal numbers stand together. */
  readonly setOf: Uint32Array;
  /** Set n is octets[setStart[n], setStart[n + 1]): one buffer, since the objects of a bench must not cost the bench. */
  readonly octets: Uint8Array;
  readonly setStart: Uint32Array;
  readonly setCount: number;
};

export function synthesiseTable(count: number, seed = 42): SyntheticTable {
  const random = randomFrom(seed);
  const prefixes = new Uint32Array(count);
  const lengths = new Uint8Array(count);
  const setOf = new Uint32Array(count);
  const seen = new Set<number>();
  for (let i = 0; i < count; ) {
    const length = lengthOf(random());
    const address =
      (Math.floor(0x0100_0000 + random() * 0xdf00_0000) & (0xffff_ffff << (32 - length))) >>> 0;
    const key = address * 64 + length;
    if (seen.has(key)) continue;
    seen.add(key);
    prefixes[i] = address;
    lengths[i] = length;
    i++;
  }
  const octets = new Uint8Array(count * 80);
  const setStart = new Uint32Array(count + 1);
  let setCount = 0;
  for (let i = 0; i < count; ) {
    const run = Math.min(count - i, 1 + Math.floor(-Math.log(1 - random()) * 6.8));
    setOf.fill(setCount, i, i + run);
    const set = canonicalSet(random);
    const start = setStart[setCount] as number;
    octets.set(set, start);
    setCount++;
    setStart[setCount] = start + set.length;
    i += run;
  }
  return { prefixes, lengths, setOf, octets, setStart, setCount };
}

/** Mulberry32: small, fast, the same on every machine. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function lengthOf(x: number): number {
  if (x < 0.62) return 24;
  if (x < 0.72) return 23;
  if (x < 0.83) return 22;
  if (x < 0.88) return 21;
  if (x < 0.92) return 20;
  if (x < 0.95) return 19;
  return x < 0.97 ? 18 : x < 0.985 ? 17 : 16;
}

/** Next hop 10.0.0.1, ORIGIN, AS_PATH of 2 to 6, MED, LOCAL_PREF, two communities. */
function canonicalSet(random: () => number): Uint8Array {
  const hops = 2 + Math.floor(random() * 5);
  const octets: number[] = [4, 10, 0, 0, 1, 0x40, 1, 1, 0, 0x40, 2, 2 + 4 * hops, 2, hops];
  for (let i = 0; i < hops; i++) octets.push(...word(1 + Math.floor(random() * 400_000)));
  octets.push(0x80, 4, 4, ...word(Math.floor(random() * 100)));
  octets.push(0x40, 5, 4, ...word(100));
  octets.push(0xc0, 8, 8, ...word(random() * 1e6), ...word(random() * 1e6));
  return Uint8Array.from(octets);
}

function word(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
