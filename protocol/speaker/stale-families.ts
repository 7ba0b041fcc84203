import type { SessionParameters } from "../session/session-parameters.ts";
import type { Family } from "../types/family.ts";
import { addSeconds, type Instant } from "../types/instant.ts";

/**
 * How long a peer that came back may take to its End-of-RIB before its stale routes go anyway.
 * RFC 4724 §4.2: "an implementation MAY support a (configurable) timer that imposes this upper bound".
 */
export const STALE_PATH_SECONDS = 360;

/** A family of a peer whose routes are kept although the session that brought them is gone. */
type Stale = {
  readonly waitsFor: "session" | "endOfRib";
  readonly until: Instant;
};

/**
 * The helper's side of graceful restart for one peer: which families are stale, and until when. It says what to do with
 * the routes and leaves the doing to its owner. RFC 4724 §4.2.
 */
export class StaleFamilies {
  readonly #stale = new Map<Family, Stale>();

  /** The connection was lost without a NOTIFICATION. Answers the families whose routes stay; the others' go. */
  connectionLost(parameters: SessionParameters, now: Instant): readonly Family[] {
    const { gracefulRestart, families } = parameters;
    const kept =
      gracefulRestart === undefined || gracefulRestart.restartTimeSeconds === 0
        ? []
        : families.filter((family) => names(gracefulRestart.families, family));
    for (const family of families) this.#stale.delete(family);
    for (const family of kept) {
      const until = addSeconds(now, gracefulRestart?.restartTimeSeconds ?? 0);
      this.#stale.set(family, { waitsFor: "session", until });
    }
    return kept;
  }

  /** A new session. Answers the families whose stale routes go at once: forwarding was not preserved there. */
  established(parameters: SessionParameters, now: Instant): readonly Family[] {
    const lost: Family[] = [];
    for (const family of [...this.#stale.keys()]) {
      const entry = parameters.gracefulRestart?.families.find((each) => each.family === family);
      // RFC 4724 §4.2: F clear, family or capability gone, or the family not negotiated: remove immediately.
      if (entry?.forwarding && parameters.families.includes(family)) {
        const until = addSeconds(now, STALE_PATH_SECONDS);
        this.#stale.set(family, { waitsFor: "endOfRib", until });
      } else {
        this.#stale.delete(family);
        lost.push(family);
      }
    }
    return lost;
  }

  /** End-of-RIB of a family: true when stale routes are to be swept now. */
  endOfRib(family: Family): boolean {
    return this.#stale.delete(family);
  }

  /** Answers the families whose time is over. */
  expire(now: Instant): readonly Family[] {
    const over = [...this.#stale].filter(([, { until }]) => until <= now).map(([family]) => family);
    for (const family of over) this.#stale.delete(family);
    return over;
  }

  /** Nothing is kept any longer: the peer said good-bye, or is gone from the configuration. */
  clear(): void {
    this.#stale.clear();
  }

  has(family: Family): boolean {
    return this.#stale.has(family);
  }

  nextDeadline(): Instant | undefined {
    let earliest: Instant | undefined;
    for (const { until } of this.#stale.values()) {
      if (earliest === undefined || until < earliest) earliest = until;
    }
    return earliest;
  }
}

function names(families: readonly { readonly family: Family }[], family: Family): boolean {
  return families.some((each) => each.family === family);
}
