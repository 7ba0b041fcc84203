import type { Family } from "../types/family.ts";
import { addSeconds, type Instant } from "../types/instant.ts";
import type { RestartingConfig } from "./speaker-config.ts";

/**
 * Our own restart: in each family whose routes were found in the kernel, selection waits until the peers that were up
 * before have sent their End-of-RIB, or until the time is over. RFC 4724 §4.1.
 */
export class SelectionDeferral {
  readonly #waiting = new Map<Family, Set<string>>();
  readonly #seconds: number;
  #deadline: Instant | undefined;

  constructor(config: RestartingConfig) {
    this.#seconds = config.selectionDeferralSeconds;
    for (const family of config.preservedFamilies) {
      this.#waiting.set(family, new Set(config.waitForPeers));
    }
  }

  /** Time runs from the moment at which sessions may begin. */
  start(now: Instant): void {
    this.#deadline ??= addSeconds(now, this.#seconds);
  }

  isDeferred(family: Family): boolean {
    return this.#waiting.has(family);
  }

  /** The peer has told everything it has in this family, or never will tell that it has. */
  peerDone(peer: string, family: Family): void {
    this.#waiting.get(family)?.delete(peer);
  }

  /** Only peers that are configured can be waited for. */
  keepPeers(names: ReadonlySet<string>): void {
    for (const peers of this.#waiting.values()) {
      for (const peer of peers) if (!names.has(peer)) peers.delete(peer);
    }
  }

  /** The families that need not wait any longer, with the reason; each is answered once. */
  takeConverged(now: Instant): readonly { readonly family: Family; readonly reason: string }[] {
    if (this.#deadline === undefined) return [];
    const over = now >= this.#deadline;
    const converged: { readonly family: Family; readonly reason: string }[] = [];
    for (const [family, peers] of this.#waiting) {
      if (peers.size > 0 && !over) continue;
      const reason =
        peers.size === 0
          ? "End-of-RIB of all peers that were up"
          : `no End-of-RIB within ${this.#seconds} s from ${[...peers].join(", ")}`;
      converged.push({ family, reason });
      this.#waiting.delete(family);
    }
    return converged;
  }

  nextDeadline(): Instant | undefined {
    return this.#waiting.size > 0 ? this.#deadline : undefined;
  }
}
