/**
 * What one allocator in one pool of /30 blocks must answer, in the slowest and plainest way: arrays, searched from the front. It
 * shares no code with what it judges. The clock stands still, so no block is ever old enough to be taken over.
 */
export class Oracle {
  /** By number of the block: its host, its queue of free ordinals, and who has which ordinal. */
  readonly #blocks = new Map<number, OracleBlock>();
  readonly #count: number;
  readonly #strict: boolean;
  readonly #reserved: ReadonlySet<string>;

  constructor({
    blocks,
    strict,
    reserved,
  }: {
    readonly blocks: number;
    readonly strict: boolean;
    readonly reserved: ReadonlySet<string>;
  }) {
    this.#count = blocks;
    this.#strict = strict;
    this.#reserved = reserved;
  }

  assign(host: string, handle: string, wanted: number): string {
    const taken: [number, number][] = [];
    const takeFrom = (number: number) => {
      const block = this.#blocks.get(number);
      for (const ordinal of [...(block?.queue ?? [])]) {
        if (taken.length === wanted || this.#reserved.has(text(number, ordinal))) continue;
        taken.push([number, ordinal]);
        block?.queue.splice(block.queue.indexOf(ordinal), 1);
        block?.owners.set(ordinal, handle);
      }
    };
    const before = structuredClone(this.#blocks);
    const numbers = [...Array(this.#count).keys()];
    for (const number of numbers) if (this.#blocks.get(number)?.host === host) takeFrom(number);
    const start = Number(murmurFinish(fnv1(host)) % BigInt(this.#count));
    const searched = [...numbers.slice(start), ...numbers.slice(0, start)];
    for (const number of searched) {
      if (taken.length === wanted || this.#blocks.has(number)) continue;
      this.#blocks.set(number, { host, queue: [0, 1, 2, 3], owners: new Map() });
      const had = taken.length;
      takeFrom(number);
      if (taken.length === had) this.#blocks.delete(number);
    }
    if (!this.#strict) for (const number of searched) takeFrom(number);
    if (taken.length === wanted) return taken.map((each) => text(...each)).join(" ");
    this.#blocks.clear();
    for (const [number, block] of before) this.#blocks.set(number, block);
    return "exhausted";
  }

  assignAddress(host: string, handle: string, address: number): string {
    const [number, ordinal] = [Math.floor(address / 4), address % 4];
    const block = this.#blocks.get(number) ?? { host, queue: [0, 1, 2, 3], owners: new Map() };
    if (this.#strict && block.host !== host) return "foreignBlock";
    if (block.owners.has(ordinal)) return "taken";
    this.#blocks.set(number, block);
    block.owners.set(ordinal, handle);
    block.queue.splice(block.queue.indexOf(ordinal), 1);
    return text(number, ordinal);
  }

  release(handle: string): string {
    const released: string[] = [];
    for (const [number, block] of [...this.#blocks].toSorted(([a], [b]) => a - b)) {
      for (const [ordinal, owner] of [...block.owners].toSorted(([a], [b]) => a - b)) {
        if (owner !== handle) continue;
        block.owners.delete(ordinal);
        block.queue.push(ordinal);
        released.push(text(number, ordinal));
      }
      if (block.host === undefined && block.owners.size === 0) this.#blocks.delete(number);
    }
    return released.toSorted().join(" ");
  }

  releaseHost(host: string): void {
    for (const [number, block] of [...this.#blocks]) {
      if (block.host !== host) continue;
      block.host = undefined;
      if (block.owners.size === 0) this.#blocks.delete(number);
    }
  }
}

type OracleBlock = {
  host: string | undefined;
  readonly queue: number[];
  readonly owners: Map<number, string>;
};

function text(block: number, ordinal: number): string {
  return `10.0.0.${block * 4 + ordinal}`;
}

/** FNV-1, 64 bits: multiply, then exclusive or. */
export function fnv1(word: string): bigint {
  let hash = 14695981039346656037n;
  for (const octet of Buffer.from(word))
    hash = ((hash * 1099511628211n) % 2n ** 64n) ^ BigInt(octet);
  return hash;
}

/** MurmurHash3's fmix64. */
export function murmurFinish(key: bigint): bigint {
  let k = key;
  k ^= k >> 33n;
  k = (k * 18397679294719823053n) % 2n ** 64n;
  k ^= k >> 33n;
  k = (k * 14181476777654086739n) % 2n ** 64n;
  k ^= k >> 33n;
  return k;
}
