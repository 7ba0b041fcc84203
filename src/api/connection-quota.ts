/** Connections of everyone together; root may have those that nobody else gets. */
const MOST_CONNECTIONS = 1024;
const KEPT_FOR_ROOT = 128;
/** One user's share: whoever leaves connections open, or opens them without end, starves only himself. */
export const MOST_CONNECTIONS_OF_A_USER = 64;

/** Counts the connections to the API by user, as the kernel names them. */
export class ConnectionQuota {
  readonly #byUser = new Map<number, number>();
  #total = 0;

  /** Takes a connection of this user in; undefined when there is no room. What is returned must be called once, at its end. */
  admit(uid: number): (() => void) | undefined {
    const own = this.#byUser.get(uid) ?? 0;
    if (this.#total >= MOST_CONNECTIONS) return undefined;
    if (uid !== 0) {
      const others = this.#total - (this.#byUser.get(0) ?? 0);
      const full = others >= MOST_CONNECTIONS - KEPT_FOR_ROOT;
      if (full || own >= MOST_CONNECTIONS_OF_A_USER) return undefined;
    }
    this.#byUser.set(uid, own + 1);
    this.#total++;
    return () => this.#release(uid);
  }

  #release(uid: number): void {
    this.#total--;
    const left = (this.#byUser.get(uid) ?? 1) - 1;
    if (left === 0) this.#byUser.delete(uid);
    else this.#byUser.set(uid, left);
  }
}
