import { type Family, formatFamily, IPV4_UNICAST, IPV6_UNICAST } from "../types/family.ts";
import type { IpAddress } from "../types/ip-address.ts";
import { AttributeSetTable } from "./attribute-set-table.ts";
import type { DecisionConfig } from "./decision-config.ts";
import { FamilyRib } from "./family-rib.ts";
import { type NextHopResolution, NextHopTable } from "./next-hop-table.ts";
import { type PeerFacts, PeerTable } from "./peer-table.ts";
import { ReflectedSets } from "./reflected-sets.ts";
import type { RibMemory } from "./rib-memory.ts";
import { RouteInterfaces } from "./route-interfaces.ts";

/** Sets that nobody holds, and prefixes without routes, that may wait while there are decisions to make. */
const MOST_GARBAGE = 1 << 19;

/** All routes of one speaker: a FamilyRib per family over shared attribute sets, peers and next hops. RFC 4271 §3.2. */
export class Rib {
  readonly peers = new PeerTable();
  readonly nextHops = new NextHopTable();
  readonly attributeSets = new AttributeSetTable(this.nextHops);
  readonly reflectedSets = new ReflectedSets(this.attributeSets);
  readonly interfaces = new RouteInterfaces({
    sets: this.attributeSets,
    nextHops: this.nextHops,
  });
  readonly #families = new Map<Family, FamilyRib>();
  readonly #logCapacity: number | undefined;
  #config: DecisionConfig;

  /** `logCapacity`, a power of two, is how far readers of the change log may fall behind before they walk the table. */
  constructor(config: DecisionConfig, options: { readonly logCapacity?: number } = {}) {
    this.#config = config;
    this.#logCapacity = options.logCapacity;
  }

  /** The tables of a family; made at the first call. Throws RangeError for a family that tortie does not route. */
  family(family: Family): FamilyRib {
    const known = this.#families.get(family);
    if (known !== undefined) return known;
    if (family !== IPV4_UNICAST && family !== IPV6_UNICAST) {
      throw new RangeError(`no table for ${formatFamily(family)}`);
    }
    const tables = { sets: this.attributeSets, nextHops: this.nextHops, peers: this.peers };
    const made = new FamilyRib(family, tables, this.#config, {
      words: family === IPV4_UNICAST ? 1 : 4,
      ...(this.#logCapacity === undefined ? {} : { logCapacity: this.#logCapacity }),
    });
    this.#families.set(family, made);
    return made;
  }

  families(): readonly FamilyRib[] {
    return [...this.#families.values()];
  }

  /** A change re-decides everything, in slices. */
  configure(config: DecisionConfig): void {
    this.#config = config;
    for (const family of this.#families.values()) family.configure(config);
  }

  /**
   * Sets the facts of a peer, before its first route and whenever an OPEN brings new ones; routes that it has already
   * (after a graceful restart) are re-decided when a fact changed on which decisions turn. Index 1 to 65,534.
   */
  setPeer(peerIndex: number, facts: PeerFacts): void {
    if (!this.peers.set(peerIndex, facts)) return;
    for (const family of this.#families.values()) {
      if (family.counts(peerIndex).received > 0) family.rescan("everything");
    }
  }

  /** What next hops resolve to now; routes with a next hop that changed are re-decided by `work`. */
  nextHopChanged(nextHops: readonly NextHopResolution[]): void {
    if (!this.nextHops.resolve(nextHops)) return;
    for (const family of this.#families.values()) family.rescan("changedNextHops");
  }

  /** The next hops of all accepted routes, when the set differs from that of the last call; else undefined. */
  takeTrackedNextHops(): readonly IpAddress[] | undefined {
    return this.nextHops.takeTracked();
  }

  /**
   * Continues all long work: sweeps, next hop scans, decisions. `budget` counts prefixes, of each family. True while work
   * remains. Ids of attribute sets that nobody retained are void after it.
   */
  work(budget: number): boolean {
    let remains = false;
    let rescanning = false;
    for (const family of this.#families.values()) {
      if (family.work(budget)) remains = true;
      if (family.isRescanning()) rescanning = true;
    }
    if (!rescanning) this.nextHops.settle();
    this.#collect(budget, remains);
    return remains;
  }

  /** Memory waits until all is decided, and peers can be told, unless much of it waits already. */
  #collect(budget: number, busy: boolean): void {
    const sets = this.attributeSets;
    if (!busy || sets.unheld() > MOST_GARBAGE) sets.collect(budget);
    for (const family of this.#families.values()) {
      if (!busy || family.graves() > MOST_GARBAGE) family.bury(budget);
    }
  }

  /** Whether `work` would free memory, though nothing else remains to be done. */
  hasGarbage(): boolean {
    if (this.attributeSets.hasGarbage()) return true;
    for (const family of this.#families.values()) if (family.hasGarbage()) return true;
    return false;
  }

  /** Octets of all tables: what a route costs, and what a peer that leaves gives back. */
  memory(): RibMemory {
    const sum = { prefixes: 0, prefixIndex: 0, routes: 0, changeLog: 0 };
    for (const family of this.#families.values()) {
      const part = family.memory();
      sum.prefixes += part.prefixes;
      sum.prefixIndex += part.prefixIndex;
      sum.routes += part.routes;
      sum.changeLog += part.changeLog;
    }
    return {
      ...sum,
      attributeSets: this.attributeSets.byteLength(),
      attributes: this.attributeSets.slabByteLength(),
    };
  }
}
