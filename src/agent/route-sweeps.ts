import type { Family } from "../../protocol/types/family.ts";

/**
 * Lets stale routes go, family by family, when two things hold: the speaker knows all routes that there are, and the
 * datastore is in sync. A route that nobody wants yet may be wanted by then.
 */
export class RouteSweeps {
  readonly #sweep: (family: Family) => void;
  readonly #waiting = new Set<Family>();
  #inSync = false;

  constructor(sweep: (family: Family) => void) {
    this.#sweep = sweep;
  }

  /** The speaker has heard all peers that it waited for. RFC 4724 §4.1. */
  converged(family: Family): void {
    this.#waiting.add(family);
    this.#sweepWaiting();
  }

  datastore({ inSync }: { readonly inSync: boolean }): void {
    this.#inSync = inSync;
    this.#sweepWaiting();
  }

  #sweepWaiting(): void {
    if (!this.#inSync) return;
    for (const family of this.#waiting) this.#sweep(family);
    this.#waiting.clear();
  }
}
