import { PolicyEvaluator } from "../../protocol/policy/evaluate.ts";
import { DEFAULT_DECISION } from "../../protocol/rib/decision-config.ts";
import { wordsOfPrefix } from "../../protocol/rib/prefix-words.ts";
import { Rib } from "../../protocol/rib/rib.ts";
import { originatedSet } from "../../protocol/speaker/originations.ts";
import type { Origination, PeerConfig } from "../../protocol/speaker/speaker-config.ts";
import { type Prefix, prefixFamily } from "../../protocol/types/prefix.ts";
import { type AttributeSet, decodeAttributeSet } from "../../protocol/wire/attribute-set.ts";

/** What a host would tell its peers of its own routes, as its configuration has it, without a session. */
export class Announcements {
  readonly #rib = new Rib(DEFAULT_DECISION);

  /**
   * The routes that the peer is told, and for each a number that stands for its attributes: the same number, the same
   * attributes. Two results of one object can be compared.
   */
  to(
    { exportPolicy, families }: PeerConfig,
    originations: readonly Origination[],
  ): ReadonlyMap<Prefix, number> {
    const sets = this.#rib.attributeSets;
    this.#rib.interfaces.setOwn(originations);
    const policy = new PolicyEvaluator(exportPolicy, this.#rib);
    const carried = new Set(families.map(({ family }) => family));
    const told = new Map<Prefix, number>();
    for (const route of originations) {
      if (!carried.has(prefixFamily(route.prefix))) continue;
      const octets = originatedSet(route);
      const { words, length } = wordsOfPrefix(route.prefix);
      const set = sets.intern(octets, 0, octets.length);
      const result = policy.evaluate(words, length, set, "local");
      // Held for good: a number that came back for other attributes would say "the same".
      if (result !== 0) sets.retain(result);
      if (result !== 0) told.set(route.prefix, result);
    }
    policy.close();
    return told;
  }

  /** The same with the attributes themselves. What the session's kind adds or takes away (AS_PATH, LOCAL_PREF) is not in them. */
  attributesTo(
    peer: PeerConfig,
    originations: readonly Origination[],
  ): ReadonlyMap<Prefix, AttributeSet> {
    const sets = this.#rib.attributeSets;
    const told = [...this.to(peer, originations)];
    return new Map(told.map(([prefix, set]) => [prefix, decodeAttributeSet(sets.octets(set))]));
  }
}
