import type { Family } from "../types/family.ts";
import { addSeconds, type Instant } from "../types/instant.ts";
import type { RestartingConfig } from "./speaker-config.ts";

/**
 * Our own restart, in each family whose routes were found in the kernel. RFC 4724 §4.1.
 *
 * Selection waits for the End-of-RIB of the peers that were up before. A peer that has restarted too is not waited for,
 * or both would wait for one another; but the sweep of old kernel routes waits for it as well, because what it announces
 * comes only after its own selection. Both are bounded by the same time.
 */
export class SelectionDeferral {
  readonly #selection = new Map<Family, Set<string>>();
  readonly #sweep = new Map<Family, Set<string>>();
  readonly #seconds: number;
  #deadline: Instant | undefined;

  constructor(config: RestartingConfig) {
    this.#seconds = config.selectionDeferralSeconds;
    for (const family of config.preservedFamilies) {
      this.#selection.set(family, new Set(config.waitForPeers));
      this.#sweep.set(family, new Set(config.waitForPeers));
    }
  }

  /** Time runs from the moment at which sessions may begin. */
  start(now: Instant): void {
    this.#deadline ??= addSeconds(now, this.#seconds);
  }

  isDeferred(family: Family): boolean {
    return this.#selection.has(family);
  }

  /** The peer has told everything it has in this family. */
  endOfRib(peer: string, family: Family): void {
    this.#selection.get(family)?.delete(peer);
    this.#sweep.get(family)?.delete(peer);
  }

  /** Selection is not to wait for this peer. */
  excuse(peer: string, family: Family): void {
    this.#selection.get(family)?.delete(peer);
  }

  /** The peer will never say End-of-RIB in this family: it does not speak it, or knows no End-of-RIB. */
  giveUp(peer: string, family: Family): void {
    this.endOfRib(peer, family);
  }

  /** Only peers that are configured can be waited for. */
  keepPeers(names: ReadonlySet<string>): void {
    for (const peers of [...this.#selection.values(), ...this.#sweep.values()]) {
      for (const peer of peers) if (!names.has(peer)) peers.delete(peer);
    }
  }

  /** The families in which selection begins now; each is answered once. */
  takeSelectable(now: Instant): readonly Family[] {
    const families = [...this.#selection].filter(([, peers]) => this.#isOver(peers, now));
    for (const [family] of families) this.#selection.delete(family);
    return families.map(([family]) => family);
  }

  /** The families whose old kernel routes may go, with the reason; each is answered once, and after `takeSelectable`. */
  takeSweepable(now: Instant): readonly { readonly family: Family; readonly reason: string }[] {
    const families = [...this.#sweep].filter(([family, peers]) => {
      return !this.#selection.has(family) && this.#isOver(peers, now);
    });
    for (const [family] of families) this.#sweep.delete(family);
    return families.map(([family, peers]) => ({
      family,
      reason:
        peers.size === 0
          ? "End-of-RIB of all peers that were up"
          : `no End-of-RIB within ${this.#seconds} s from ${[...peers].join(", ")}`,
    }));
  }

  nextDeadline(): Instant | undefined {
    return this.#sweep.size > 0 ? this.#deadline : undefined;
  }

  #isOver(peers: ReadonlySet<string>, now: Instant): boolean {
    if (this.#deadline === undefined) return false;
    return peers.size === 0 || now >= this.#deadline;
  }
}
