import { type IpAddress, ipAddressToBytes } from "../types/ip-address.ts";

/** What the decision process must know of a peer. Index 0 is this host itself, the source of originations. */
export type PeerFacts = {
  readonly type: "ebgp" | "ibgp";
  readonly routeReflectorClient: boolean;
  /** The BGP Identifier of the peer's OPEN. */
  readonly routerId: number;
  readonly address: IpAddress;
  /** Its next hops lie behind this host, as those of a workload that speaks BGP do: others reach them through us. */
  readonly behindUs?: boolean;
};

/** The index under which this host's own originations stand among the peers. */
export const LOCAL_PEER = 0;

/** Highest index of a peer: a route keeps it in 16 bits, and one value stands for "nobody". */
export const MAX_PEER_INDEX = 65_534;

/** Whom a route came from, as export rules see it. */
export type SourceClass = "local" | "ebgp" | "client" | "nonClient";

/** Facts of all peers in columns. Addresses are compared by rank: the position among all addresses in order. */
export class PeerTable {
  readonly #facts: (PeerFacts | undefined)[] = [undefined];
  readonly #external: boolean[] = [false];
  readonly #routerIds: number[] = [0];
  readonly #ranks: number[] = [0];
  #ranked = true;
  #version = 0;

  /** True when a fact changed on which decisions turn. */
  set(index: number, facts: PeerFacts): boolean {
    if (!Number.isInteger(index) || index < 1 || index > MAX_PEER_INDEX) {
      throw new RangeError(`not the index of a peer: ${index}`);
    }
    const before = this.#facts[index];
    while (this.#facts.length < index) this.#append();
    this.#facts[index] = facts;
    this.#external[index] = facts.type === "ebgp";
    this.#routerIds[index] = facts.routerId;
    if (before?.address !== facts.address) this.#ranked = false;
    if (before !== undefined && differs(before, facts)) this.#version++;
    return (
      before !== undefined &&
      (before.type !== facts.type ||
        before.routerId !== facts.routerId ||
        before.address !== facts.address)
    );
  }

  /** Grows when what export rules know of a peer changes. */
  version(): number {
    return this.#version;
  }

  isExternal(index: number): boolean {
    return this.#external[index] as boolean;
  }

  routerId(index: number): number {
    return this.#routerIds[index] as number;
  }

  /** Lower addresses have lower ranks, equal addresses equal ones. */
  addressRank(index: number): number {
    if (!this.#ranked) this.#rank();
    return this.#ranks[index] as number;
  }

  sourceClass(index: number): SourceClass {
    if (index === LOCAL_PEER) return "local";
    const facts = this.#facts[index];
    if (facts === undefined) throw new Error(`peer ${index} has no facts`);
    if (facts.type === "ebgp") return "ebgp";
    return facts.routeReflectorClient ? "client" : "nonClient";
  }

  isBehindUs(index: number): boolean {
    return this.#facts[index]?.behindUs ?? false;
  }

  isKnown(index: number): boolean {
    return index === LOCAL_PEER || this.#facts[index] !== undefined;
  }

  #append(): void {
    this.#facts.push(undefined);
    this.#external.push(false);
    this.#routerIds.push(0);
    this.#ranks.push(0);
  }

  #rank(): void {
    const sorted: { index: number; key: string }[] = [];
    for (const [index, facts] of this.#facts.entries()) {
      if (facts !== undefined) sorted.push({ index, key: addressKey(facts.address) });
    }
    sorted.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    let rank = 0;
    let previous = "";
    this.#ranked = true;
    for (const { index, key } of sorted) {
      if (key !== previous) rank++;
      previous = key;
      this.#ranks[index] = rank;
    }
  }
}

function differs(a: PeerFacts, b: PeerFacts): boolean {
  return (
    a.type !== b.type ||
    a.routerId !== b.routerId ||
    a.routeReflectorClient !== b.routeReflectorClient ||
    a.behindUs !== b.behindUs
  );
}

/** Text that sorts as addresses do: IPv4 before IPv6, then by value. */
function addressKey(address: IpAddress): string {
  const bytes = ipAddressToBytes(address);
  return (bytes.length === 4 ? "4" : "6") + String.fromCharCode(...bytes);
}
