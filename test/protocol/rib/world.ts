import { DEFAULT_DECISION, type DecisionConfig } from "../../../protocol/rib/decision-config.ts";
import type { FamilyRib } from "../../../protocol/rib/family-rib.ts";
import { wordsOfPrefix } from "../../../protocol/rib/prefix-words.ts";
import { Rib } from "../../../protocol/rib/rib.ts";
import { refuse } from "../../../protocol/rib/verdict.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import { Community, WELL_KNOWN } from "../../../protocol/types/community.ts";
import { type Family, IPV4_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import {
  type AttributeSet,
  decodeAttributeSet,
  encodeAttributeSet,
} from "../../../protocol/wire/attribute-set.ts";
import { ModelRib, type ModelRoute } from "./model.ts";

/** A source of numbers in [0, 1), the same for the same seed. */
export type Random = () => number;

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T;
}

/** Few values each, so that histories meet ties, MED groups and shared sets all the time. */
export function randomSet(random: Random, nextHops: readonly IpAddress[]): AttributeSet {
  const asns = Array.from({ length: Math.floor(random() * 3) }, () =>
    Asn(pick(random, [64512, 64513, 64514])),
  );
  const maybe = <T>(chance: number, make: () => T): T | undefined =>
    random() < chance ? make() : undefined;
  const communities = maybe(0.2, () => [
    pick(random, [WELL_KNOWN.noExport, WELL_KNOWN.noAdvertise, WELL_KNOWN.llgrStale, Community(1)]),
  ]);
  const med = maybe(0.5, () => Math.floor(random() * 3));
  const localPref = maybe(0.6, () => pick(random, [100, 100, 200]));
  const originatorId = maybe(0.2, () => RouterId(1 + Math.floor(random() * 3)));
  const clusterList = maybe(0.2, () => [RouterId(7), ...(random() < 0.5 ? [RouterId(8)] : [])]);
  return {
    nextHop: pick(random, nextHops),
    origin: pick(random, ["igp", "igp", "incomplete"] as const),
    asPath: asns.length === 0 ? [] : [{ type: random() < 0.9 ? "sequence" : "set", asns }],
    ...(med === undefined ? {} : { med }),
    ...(localPref === undefined ? {} : { localPref }),
    ...(communities === undefined ? {} : { communities }),
    ...(originatorId === undefined ? {} : { originatorId }),
    ...(clusterList === undefined ? {} : { clusterList }),
  };
}

/** The columns and the model side by side: every act goes to both. */
export class World {
  readonly rib: Rib;
  readonly model: ModelRib;
  readonly family: FamilyRib;

  constructor(
    config: DecisionConfig = DEFAULT_DECISION,
    options: { readonly family?: Family; readonly logCapacity?: number } = {},
  ) {
    this.rib = new Rib(config, options);
    this.model = new ModelRib(config);
    this.family = this.rib.family(options.family ?? IPV4_UNICAST);
  }

  setPeer(
    index: number,
    facts: {
      readonly type?: "ebgp" | "ibgp";
      readonly client?: boolean;
      readonly routerId?: number;
      readonly address?: string;
    } = {},
  ): void {
    const made = {
      type: facts.type ?? "ibgp",
      routeReflectorClient: facts.client ?? false,
      routerId: facts.routerId ?? index,
      address: IpAddress(facts.address ?? `10.0.0.${index}`),
    } as const;
    this.rib.setPeer(index, made);
    this.model.peers.set(index, made);
  }

  nextHop(address: string, state: { readonly reachable: boolean; readonly metric: number }): void {
    const nextHop = IpAddress(address);
    this.rib.nextHopChanged([{ nextHop, onLink: false, ...state }]);
    this.model.nextHops.set(nextHop, state);
  }

  intern(set: AttributeSet): number {
    const octets = encodeAttributeSet(set);
    return this.rib.attributeSets.intern(octets, 0, octets.length);
  }

  announce(
    peer: number,
    prefix: string,
    set: AttributeSet,
    options: { readonly pathId?: number; readonly accepted?: AttributeSet | "refused" } = {},
  ): void {
    const pathId = options.pathId ?? 0;
    const { words, length } = wordsOfPrefix(Prefix(prefix));
    const received = this.intern(set);
    const accepted = options.accepted === "refused" ? undefined : (options.accepted ?? set);
    const verdict = accepted === undefined ? refuse("policy") : this.intern(accepted);
    this.family.announce(peer, words, length, pathId, received, verdict);
    this.model.announce({ prefix: Prefix(prefix), peer, pathId, received: set, accepted });
  }

  withdraw(peer: number, prefix: string, pathId = 0): void {
    const { words, length } = wordsOfPrefix(Prefix(prefix));
    this.family.withdraw(peer, words, length, pathId);
    this.model.withdraw(peer, Prefix(prefix), pathId);
  }

  /** All long work, in slices of this many. */
  settle(budget = 7): void {
    for (let i = 0; this.rib.work(budget); i++) {
      if (i > 100_000) throw new Error("work never ends");
    }
  }

  set(id: number): AttributeSet {
    return decodeAttributeSet(this.rib.attributeSets.octets(id));
  }
}

/** One route of the model as a line to compare by. */
export function lineOf(route: ModelRoute | undefined): string | undefined {
  return route && `${route.prefix} from ${route.peer}/${route.pathId}`;
}
