import { PolicyEvaluator } from "../policy/evaluate.ts";
import type { AttributeSetTable } from "../rib/attribute-set-table.ts";
import type { Rib } from "../rib/rib.ts";
import { refuse, type Verdict } from "../rib/verdict.ts";
import type { Asn } from "../types/asn.ts";
import {
  type AttributeSet,
  decodeAttributeSet,
  encodeAttributeSet,
} from "../wire/attribute-set.ts";
import type { ImportScope } from "./import-scope.ts";
import { martianPrefix } from "./prefix-checks.ts";
import { SetChecks, type SetRules } from "./set-checks.ts";
import type { PeerConfig, SpeakerConfig } from "./speaker-config.ts";

/**
 * What a peer may tell us: the checks that no policy can switch off, then the import policy. A refused route stays in the
 * Adj-RIB-In with its reason and replaces the peer's earlier path, so that a looped update takes back what it follows
 * (RFC 4456 §8 would ignore it and leave the earlier path for ever). RFC 4271 §9.1, RFC 9234 §5.
 */
export class PeerImport {
  readonly #rules: SetRules;
  /** A client of a reflector is one host: it owns neither the way out nor the other hosts, unless configured. */
  readonly #refusesDefaultRoute: boolean;
  readonly #refusesNodeAddresses: boolean;
  readonly #table: AttributeSetTable;
  /** Undefined for a policy that accepts everything as it is. */
  readonly #policy: PolicyEvaluator | undefined;
  readonly #checks = new SetChecks();

  constructor(
    config: PeerConfig,
    speaker: SpeakerConfig,
    scope: ImportScope,
    rib: Pick<Rib, "attributeSets" | "interfaces">,
  ) {
    const { routeReflectorClient } = config;
    this.#refusesDefaultRoute = routeReflectorClient && !config.acceptDefaultRoute;
    this.#refusesNodeAddresses = routeReflectorClient && !config.acceptNodeAddresses;
    this.#table = rib.attributeSets;
    this.#rules = setRules(config, speaker, scope);
    const { importPolicy } = config;
    const everything = importPolicy.rules.length === 0 && importPolicy.otherwise === "accept";
    this.#policy = everything ? undefined : new PolicyEvaluator(importPolicy, rib);
  }

  /** Another one takes its place: what the policy remembers is let go. */
  close(): void {
    this.#policy?.close();
  }

  /** Whether routes are judged otherwise when they come to lead over another interface. */
  looksAtInterface(): boolean {
    return this.#policy?.looksAtInterface() ?? false;
  }

  /** Judges the set that several prefixes share: its id, perhaps as amended, or the verdict that refuses them all. */
  judgeSet(receivedSet: number): Verdict {
    const checks = this.#checks;
    const table = this.#table;
    const start = table.start(receivedSet);
    checks.read(table.buffer(receivedSet), start, table.end(receivedSet), this.#rules);
    if (checks.reason !== 0) return -checks.reason;
    return this.#amend(receivedSet, checks);
  }

  /** Judges one prefix, given what `judgeSet` said. */
  judgePrefix(words: Uint32Array, length: number, ipv6: boolean, judgedSet: Verdict): Verdict {
    const refused = this.#refusal(words, length, ipv6, judgedSet);
    if (refused !== 0) return refused;
    if (judgedSet < 0 || this.#policy === undefined) return judgedSet;
    const source = this.#rules.ebgp ? "ebgp" : "ibgp";
    return this.#policy.evaluate(words, length, judgedSet, source) || refuse("policy");
  }

  /** What speaks against the prefix itself, or 0. */
  #refusal(words: Uint32Array, length: number, ipv6: boolean, judgedSet: Verdict): Verdict {
    const martian = martianPrefix(words, length, ipv6);
    if (martian !== 0) return -martian;
    if (length === 0) return this.#refusesDefaultRoute ? refuse("defaultRouteRefused") : 0;
    if (length !== (ipv6 ? 128 : 32)) return 0;
    const { scope } = this.#rules;
    if (scope.own.hasWords(words, length)) return refuse("ownAddressPrefix");
    if (scope.workloads.hasWords(words, length)) {
      return this.#saysThatItMoved(judgedSet, { ipv6 }) ? 0 : refuse("localWorkloadPrefix");
    }
    const isRefused = this.#refusesNodeAddresses && scope.nodes.hasWords(words, length);
    return isRefused ? refuse("nodeAddressRefused") : 0;
  }

  /** Whether a route to a workload of ours outranks what we have ourselves; nobody outside the AS can say that. */
  #saysThatItMoved(judgedSet: Verdict, { ipv6 }: { readonly ipv6: boolean }): boolean {
    const { workloadLocalPref } = this.#rules.scope;
    const own = ipv6 ? workloadLocalPref?.ipv6 : workloadLocalPref?.ipv4;
    if (own === undefined || judgedSet <= 0 || this.#rules.ebgp) return false;
    return this.#table.localPref(judgedSet) > own;
  }

  /** Both at once, for routes that are judged again. */
  judge(words: Uint32Array, length: number, ipv6: boolean, receivedSet: number): Verdict {
    return this.judgePrefix(words, length, ipv6, this.judgeSet(receivedSet));
  }

  #amend(receivedSet: number, checks: SetChecks): number {
    const { ebgp, role, peerAsn } = this.#rules;
    // RFC 9234 §5: what comes from a provider, a peer or a route server goes to customers only.
    const marks =
      ebgp &&
      checks.onlyToCustomer === undefined &&
      (role === "customer" || role === "routeServerClient" || role === "peer");
    // RFC 8326 §4.2: a neighbour that is about to go gets the least preference.
    const drains = ebgp && checks.gracefulShutdown;
    if (!marks && !drains) return receivedSet;
    const set: AttributeSet = {
      ...decodeAttributeSet(this.#table.octets(receivedSet)),
      ...(marks && { onlyToCustomer: peerAsn as Asn }),
      ...(drains && { localPref: 0 }),
    };
    const octets = encodeAttributeSet(set);
    return this.#table.intern(octets, 0, octets.length);
  }
}

function setRules(config: PeerConfig, speaker: SpeakerConfig, scope: ImportScope): SetRules {
  return {
    peerAsn: config.peerAsn,
    ebgp: config.peerAsn !== config.localAsn,
    ownAsns: [...new Set([config.localAsn, speaker.asn])],
    allowOwnAsn: config.allowOwnAsn,
    enforceFirstAsn: config.enforceFirstAsn,
    routerId: speaker.routerId,
    clusterId: speaker.clusterId,
    role: config.role,
    linkLocalNextHop: config.interface !== undefined,
    scope,
  };
}
