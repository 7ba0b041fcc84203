import type { PeerSnapshot } from "../../protocol/speaker/speaker-snapshot.ts";
import type { StateDirectory } from "./state-directory.ts";

/** Flaps within this time cost one write. */
const WRITE_DELAY_MILLISECONDS = 200;

/**
 * Remembers which peers are up, so that the next start of the daemon knows whose End-of-RIB to wait for. A stop freezes
 * the memory: sessions that end then are just those that will be waited for.
 */
export class PeersUp {
  readonly #state: StateDirectory;
  readonly #peers: () => readonly PeerSnapshot[];
  #timer: NodeJS.Timeout | undefined;
  #frozen = false;

  constructor(state: StateDirectory, peers: () => readonly PeerSnapshot[]) {
    this.#state = state;
    this.#peers = peers;
  }

  /** A session came up or went down. */
  changed(): void {
    if (this.#frozen || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#write(), WRITE_DELAY_MILLISECONDS);
  }

  freeze(): void {
    if (this.#timer !== undefined) this.#write();
    this.#frozen = true;
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const up = this.#peers().filter(({ state }) => state === "Established");
    this.#state.rememberPeersUp(up.map(({ name }) => name));
  }
}
