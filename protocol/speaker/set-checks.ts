/*
 * What import must know of the attributes of a route, read straight from their canonical octets (wire/attribute-set.ts):
 * once for each UPDATE of a full feed, so nothing is decoded into objects, and the answers stand in fields.
 */
import { INELIGIBLE } from "../rib/verdict.ts";
import { WELL_KNOWN } from "../types/community.ts";
import type { BgpRole } from "../wire/capability.ts";
import { readWord } from "./host-set.ts";
import type { ImportScope } from "./import-scope.ts";

/** What a peer's configuration says about the attributes that it sends. */
export type SetRules = {
  readonly peerAsn: number;
  readonly ebgp: boolean;
  /** Our AS numbers towards this peer: one, or two with local-as. */
  readonly ownAsns: readonly number[];
  readonly allowOwnAsn: number;
  readonly enforceFirstAsn: boolean;
  readonly routerId: number;
  readonly clusterId: number | undefined;
  readonly role: BgpRole | undefined;
  /** Next hops may be link-local: the peering stands on an interface of its own. */
  readonly linkLocalNextHop: boolean;
  readonly scope: ImportScope;
};

/** Type codes of the attributes that import looks at. */
const AS_PATH = 2;
const COMMUNITIES = 8;
const ORIGINATOR_ID = 9;
const CLUSTER_LIST = 10;
const ONLY_TO_CUSTOMER = 35;

const EXTENDED_LENGTH = 0x10;
const AS_SEQUENCE = 2;

export class SetChecks {
  /** Why no route with this set is eligible (rib/verdict.ts); 0 when nothing speaks against it. */
  reason = 0;
  onlyToCustomer: number | undefined = undefined;
  gracefulShutdown = false;

  readonly #nextHop = new Uint32Array(4);
  #ownAsns = 0;
  #firstAsn = 0;

  /**
   * Reads the canonical set in octets[start, end) and fills the fields. The strongest reason is the one that the RFC text
   * names first.
   */
  read(octets: Uint8Array, start: number, end: number, rules: SetRules): void {
    this.reason = 0;
    this.onlyToCustomer = undefined;
    this.gracefulShutdown = false;
    this.#ownAsns = 0;
    this.#firstAsn = 0;
    this.#walk(octets, start, end, rules);
    this.#judge(octets, start, rules);
  }

  #walk(octets: Uint8Array, start: number, end: number, rules: SetRules): void {
    let at = start + 1 + (octets[start] as number);
    while (at < end) {
      const code = octets[at + 1] as number;
      const extended = ((octets[at] as number) & EXTENDED_LENGTH) !== 0;
      const length = extended
        ? ((octets[at + 2] as number) << 8) | (octets[at + 3] as number)
        : (octets[at + 2] as number);
      const value = at + (extended ? 4 : 3);
      this.#attribute(code, octets, value, value + length, rules);
      at = value + length;
    }
  }

  #attribute(code: number, octets: Uint8Array, start: number, end: number, rules: SetRules): void {
    switch (code) {
      case AS_PATH:
        this.#asPath(octets, start, end, rules.ownAsns);
        return;
      case COMMUNITIES:
        for (let at = start; at < end; at += 4) {
          if (readWord(octets, at) === WELL_KNOWN.gracefulShutdown) this.gracefulShutdown = true;
        }
        return;
      case ORIGINATOR_ID:
        // RFC 4456 §8: our own route came back through reflectors.
        if (readWord(octets, start) === rules.routerId) this.reason = INELIGIBLE.originatorIsUs;
        return;
      case CLUSTER_LIST:
        for (let at = start; at < end && rules.clusterId !== undefined; at += 4) {
          if (readWord(octets, at) === rules.clusterId) this.reason = INELIGIBLE.clusterLoop;
        }
        return;
      case ONLY_TO_CUSTOMER:
        this.onlyToCustomer = readWord(octets, start);
        return;
      default:
        return;
    }
  }

  #asPath(octets: Uint8Array, start: number, end: number, ownAsns: readonly number[]): void {
    if (octets[start] === AS_SEQUENCE && end - start >= 6) {
      this.#firstAsn = readWord(octets, start + 2);
    }
    for (let at = start; at < end; ) {
      const stop = at + 2 + 4 * (octets[at + 1] as number);
      for (at += 2; at < stop; at += 4) {
        if (ownAsns.includes(readWord(octets, at))) this.#ownAsns++;
      }
    }
  }

  #judge(octets: Uint8Array, start: number, rules: SetRules): void {
    if (this.reason !== 0) return;
    // RFC 4271 §9.1.2: a route through our own AS is a loop.
    if (this.#ownAsns > rules.allowOwnAsn) this.reason = INELIGIBLE.ownAsnLoop;
    // RFC 4271 §6.3: the leftmost AS is the peer's.
    else if (rules.ebgp && rules.enforceFirstAsn && this.#firstAsn !== rules.peerAsn) {
      this.reason = INELIGIBLE.firstAsnWrong;
    } else if (this.#isLeak(rules)) this.reason = INELIGIBLE.routeLeak;
    else this.reason = this.#nextHopReason(octets, start, rules);
  }

  /** RFC 9234 §5: what customers and peers send must not have come from their providers or peers. */
  #isLeak({ ebgp, role, peerAsn }: SetRules): boolean {
    if (!ebgp || role === undefined || this.onlyToCustomer === undefined) return false;
    if (role === "provider" || role === "routeServer") return true;
    return role === "peer" && this.onlyToCustomer !== peerAsn;
  }

  #nextHopReason(octets: Uint8Array, start: number, rules: SetRules): number {
    const length = octets[start] as number;
    if (length === 0) return INELIGIBLE.invalidNextHop;
    const words = length === 4 ? 1 : 4;
    for (let i = 0; i < words; i++) this.#nextHop[i] = readWord(octets, start + 1 + 4 * i);
    // RFC 4271 §5.1.3: a route through ourselves leads nowhere; this is how an echo of our own routes looks.
    if (rules.scope.own.hasWords(this.#nextHop, words === 1 ? 32 : 128)) {
      return INELIGIBLE.ownNextHop;
    }
    const valid =
      words === 1
        ? isIpv4Host(this.#nextHop[0] as number)
        : isIpv6Host(this.#nextHop, length === 32 || rules.linkLocalNextHop);
    return valid ? 0 : INELIGIBLE.invalidNextHop;
  }
}

/** Not in 0/8, 127/8, or 224/3: the rest may be a host. RFC 4271 §6.3. */
function isIpv4Host(word: number): boolean {
  const top = word >>> 24;
  return top !== 0 && top !== 127 && top < 224;
}

function isIpv6Host(words: Uint32Array, linkLocal: boolean): boolean {
  const first = words[0] as number;
  if (first >>> 24 === 0xff) return false;
  if (first >>> 22 === 0x3fa) return linkLocal;
  if (first !== 0 || words[1] !== 0) return true;
  return words[2] !== 0 ? words[2] !== 0xffff : (words[3] as number) > 1;
}
