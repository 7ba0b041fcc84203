import type { Datastore } from "../../../src/datastore/datastore.ts";
import { objectOf } from "../../../src/ipam/ipam-objects.ts";
import type { Resource, ResourceKey } from "../../../src/resources/resource.ts";

/**
 * An allocator as Calico's documentation describes it, in the plainest way: one write at a time, so that whoever looks in
 * between sees a handle that counts too much, or a claim without a block. It shares no code with ours, and shows that both can
 * work on one datastore. One address a call, IPv4, one pool of /30 blocks in 10.0.0.0/24.
 */
export class CalicoClient {
  readonly #datastore: Datastore;
  readonly #host: string;
  readonly #blocks: readonly string[];
  readonly #now: () => number;

  constructor({
    datastore,
    host,
    blocks,
    now,
  }: {
    readonly datastore: Datastore;
    readonly host: string;
    /** The pool's blocks, in the order in which this host tries them. */
    readonly blocks: readonly string[];
    readonly now: () => number;
  }) {
    this.#datastore = datastore;
    this.#host = host;
    this.#blocks = blocks;
    this.#now = now;
  }

  /** Undefined when there is no address to be had. */
  async assign(handle: string): Promise<string | undefined> {
    for (const cidr of await this.#ownBlocks()) {
      const address = await this.#assignFrom(cidr, handle, { borrow: false });
      if (address !== undefined) return address;
    }
    for (const cidr of this.#blocks) {
      if ((await this.#block(cidr)) !== undefined || !(await this.#claim(cidr))) continue;
      const address = await this.#assignFrom(cidr, handle, { borrow: false });
      if (address !== undefined) return address;
    }
    for (const cidr of this.#blocks) {
      const address = await this.#assignFrom(cidr, handle, { borrow: true });
      if (address !== undefined) return address;
    }
    return undefined;
  }

  /** The block first, the handle after. */
  async release(handle: string): Promise<void> {
    const found = await this.#datastore.get(handleKey(handle));
    for (const cidr of Object.keys((found?.spec["block"] ?? {}) as object)) {
      for (let tries = 0; tries < 100; tries++) {
        const stored = await this.#block(cidr);
        const block = stored && copy(stored.spec);
        if (stored === undefined || block === undefined) break;
        const index = block.attributes.findIndex(({ handle_id }) => handle_id === handle);
        const ordinals = [0, 1, 2, 3].filter(
          (each) => index >= 0 && block.allocations[each] === index,
        );
        if (ordinals.length === 0) break;
        for (const ordinal of ordinals) {
          block.allocations[ordinal] = null;
          block.unallocated.push(ordinal);
          delete block.sequenceNumberForAllocation[ordinal];
        }
        block.attributes.splice(index, 1);
        block.allocations = block.allocations.map((each) =>
          each !== null && each > index ? each - 1 : each,
        );
        if (!(await this.#writeBlock(stored, block))) continue;
        await this.#count(handle, cidr, -ordinals.length);
        break;
      }
    }
  }

  /** The claim is begun, the block is made, the claim is confirmed: three writes. */
  async #claim(cidr: string): Promise<boolean> {
    const key = affinityKey(this.#host, cidr);
    const spec = { state: "pending", node: this.#host, type: "host", cidr, deleted: false };
    const known = await this.#datastore.get(key);
    if (known === undefined) {
      const begun = await this.#datastore.create(objectOf(key, spec));
      if (begun.type !== "written") return false;
    }
    const made = await this.#datastore.create(
      objectOf(blockKey(cidr), newBlock(cidr, this.#host, this.#now())),
    );
    const present = await this.#block(cidr);
    if (made.type !== "written" && present?.spec["affinity"] !== `host:${this.#host}`) {
      await this.#datastore.delete(key);
      return false;
    }
    const pending = await this.#datastore.get(key);
    if (pending === undefined) return false;
    const confirmed = { ...pending, spec: { ...pending.spec, state: "confirmed" } };
    return (await this.#datastore.update(confirmed)).type === "written";
  }

  async #assignFrom(
    cidr: string,
    handle: string,
    { borrow }: { readonly borrow: boolean },
  ): Promise<string | undefined> {
    for (let tries = 0; tries < 100; tries++) {
      const stored = await this.#block(cidr);
      const block = stored && copy(stored.spec);
      const own = block?.affinity === `host:${this.#host}`;
      if (stored === undefined || block === undefined || !(own || borrow)) return undefined;
      const ordinal = block.unallocated.shift();
      if (ordinal === undefined) return undefined;
      block.allocations[ordinal] =
        block.attributes.push({ handle_id: handle, secondary: { node: this.#host } }) - 1;
      block.sequenceNumberForAllocation[ordinal] = block.sequenceNumber;
      await this.#count(handle, cidr, 1);
      if (await this.#writeBlock(stored, block)) {
        return cidr.replace(/(\d+)\/30$/, (_, last: string) => String(Number(last) + ordinal));
      }
      await this.#count(handle, cidr, -1);
    }
    return undefined;
  }

  async #count(handle: string, cidr: string, change: number): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      const stored = await this.#datastore.get(handleKey(handle));
      const block = { ...(stored?.spec["block"] as Record<string, number> | undefined) };
      block[cidr] = (block[cidr] ?? 0) + change;
      if (block[cidr] <= 0) delete block[cidr];
      const spec = { handleID: handle, block, deleted: false };
      if (stored === undefined) {
        if (change < 0) return;
        const made = await this.#datastore.create(objectOf(handleKey(handle), spec));
        if (made.type === "written") return;
      } else if (Object.keys(block).length === 0) {
        const { resourceVersion = "" } = stored.metadata;
        const gone = await this.#datastore.delete(handleKey(handle), { resourceVersion });
        if (gone.type !== "conflict") return;
      } else if ((await this.#datastore.update({ ...stored, spec })).type === "written") return;
    }
  }

  async #writeBlock(stored: Resource, block: PlainBlock): Promise<boolean> {
    const spec = { ...block, sequenceNumber: block.sequenceNumber + 1n };
    return (await this.#datastore.update({ ...stored, spec })).type === "written";
  }

  async #block(cidr: string): Promise<Resource | undefined> {
    return this.#datastore.get(blockKey(cidr));
  }

  async #ownBlocks(): Promise<readonly string[]> {
    const { resources } = await this.#datastore.list({
      kinds: ["BlockAffinity"],
      affinitiesOf: this.#host,
    });
    return resources.map(({ spec }) => String(spec["cidr"]));
  }
}

type PlainBlock = {
  readonly affinity: string | null;
  allocations: (number | null)[];
  readonly unallocated: number[];
  readonly attributes: { readonly handle_id: string; readonly secondary: object }[];
  readonly sequenceNumber: bigint;
  readonly sequenceNumberForAllocation: Record<number, bigint>;
};

function copy(spec: Resource["spec"]): PlainBlock {
  return structuredClone(spec) as unknown as PlainBlock;
}

function newBlock(cidr: string, host: string, now: number): Resource["spec"] {
  return {
    cidr,
    affinity: `host:${host}`,
    affinityClaimTime: new Date(now).toISOString(),
    allocations: [null, null, null, null],
    unallocated: [0, 1, 2, 3],
    attributes: [],
    sequenceNumber: BigInt(now) * 1_000_000n,
    sequenceNumberForAllocation: {},
    deleted: false,
  };
}

function blockKey(cidr: string): ResourceKey {
  return { kind: "IPAMBlock", name: cidr.replaceAll(/[./]/g, "-") };
}

function affinityKey(host: string, cidr: string): ResourceKey {
  return { kind: "BlockAffinity", name: `host.${cidr.replaceAll(/[./]/g, "-")}.${host}` };
}

function handleKey(name: string): ResourceKey {
  return { kind: "IPAMHandle", name };
}
