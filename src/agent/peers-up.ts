import type { PeerSnapshot } from "../../protocol/speaker/speaker-snapshot.ts";
import type { StateDirectory } from "./state-directory.ts";

/** A change is written at once; more changes within this time cost one more write. */
const QUIET_MILLISECONDS = 200;

/**
 * Remembers which peers are up, so that the next start of the daemon knows whose End-of-RIB to wait for. A stop freezes
 * the memory: sessions that end then are just those that will be waited for.
 */
export class PeersUp {
  readonly #state: StateDirectory;
  readonly #peers: () => readonly PeerSnapshot[];
  #timer: NodeJS.Timeout | undefined;
  #changedAgain = false;
  #frozen = false;

  constructor(state: StateDirectory, peers: () => readonly PeerSnapshot[]) {
    this.#state = state;
    this.#peers = peers;
  }

  /** A session came up or went down. */
  changed(): void {
    if (this.#frozen) return;
    if (this.#timer !== undefined) this.#changedAgain = true;
    else this.#write();
  }

  freeze(): void {
    if (this.#changedAgain) this.#write();
    clearTimeout(this.#timer);
    this.#frozen = true;
  }

  #write(): void {
    this.#changedAgain = false;
    const up = this.#peers().filter(({ state }) => state === "Established");
    this.#state.rememberPeersUp(up.map(({ name }) => name));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#changedAgain) this.#write();
    }, QUIET_MILLISECONDS);
  }
}
