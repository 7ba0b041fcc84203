import type { Instant } from "../types/instant.ts";

/** Another session does this one's work, until a time or for good. */
type Standby = {
  readonly type: "standby";
  readonly reason: string;
  readonly until: Instant | undefined;
};

type Held = Standby | { readonly type: "tooManyPrefixes"; readonly until: Instant | undefined };

/**
 * What keeps a peer down although it is configured and nobody shut it down: at most one thing at a time. A peer that is
 * down for its prefixes (RFC 4271 §6.7) does not begin to stand by for another: the end of that would end both.
 */
export class PeerHold {
  #held: Held | undefined;

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Without a time only an operator, or a changed configuration, ends it. */
  get until(): Instant | undefined {
    return this.#held?.until;
  }

  /** Present while the work is left to another session. */
  get standby(): Standby | undefined {
    return this.#held?.type === "standby" ? this.#held : undefined;
  }

  isOver(now: Instant): boolean {
    return this.until !== undefined && this.until <= now;
  }

  forTooManyPrefixes(until: Instant | undefined): void {
    this.#held = { type: "tooManyPrefixes", until };
  }

  forStandby(reason: string, until: Instant | undefined): void {
    if (this.#held?.type !== "tooManyPrefixes") this.#held = { type: "standby", reason, until };
  }

  release(): void {
    this.#held = undefined;
  }
}
